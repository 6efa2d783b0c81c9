"""Neutral names for what the stacks name differently: resources, account and Region.

`<EventsQueue.arn>` is the ARN of a resource, `<stack>` the prefix of names, `<Region>` the Region.
"""

import re
from collections.abc import Callable

from infra.checks.parity.table import PAIRS

ACCOUNT, REGION, STACK = "111122223333", "ca-central-1", "parity-stack"

# The attribute that CloudFormation's Ref returns, by the types that other resources refer to.
_REFS = {
    "aws_lambda_function": "name",
    "aws_iam_role": "name",
    "aws_cloudwatch_log_group": "name",
    "aws_cloudwatch_event_rule": "name",
    "aws_s3_bucket": "name",
    "aws_sqs_queue": "url",
    "aws_kms_key": "id",
    "aws_security_group": "id",
    "aws_sns_topic": "arn",
}
REFS = {
    logical: _REFS[address.split(".")[0]]
    for logical, address in PAIRS.items()
    if address.split(".")[0] in _REFS
}


def with_placeholders(text: str) -> str:
    """Returns the text with placeholders for partition, Region and account."""
    text = re.sub(r"\barn:aws:", "arn:<Partition>:", text)
    return text.replace(REGION, "<Region>").replace(ACCOUNT, "<Account>")


def map_strings(value, change: Callable[[str], str]):
    """Returns a copy of `value` in which every string, at any depth, is changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): map_strings(item, change) for key, item in value.items()}
    return value
