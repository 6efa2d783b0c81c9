"""One way of writing what the stacks write differently: who a resource is, and the place where it will be.

`<events.arn>` is the ARN of the queue of events, `<stack>` what names begin with, `<Region>` and the like the place.
"""
import re
from typing import NamedTuple

ACCOUNT, REGION, STACK = "111122223333", "ca-central-1", "parity-stack"


class Entity(NamedTuple):
    """A resource that others refer to, in both stacks."""
    logical: str
    """Path in the CDK's tree, of which its logical id is made."""
    address: str
    ref: str
    """What CloudFormation's Ref of it is."""
    arn: str = ""


ENTITIES = {
    "function": Entity("SyncFunction", "aws_lambda_function.this", "name", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:parity-function"),
    "role": Entity("SyncRole", "aws_iam_role.function", "name", f"arn:aws:iam::{ACCOUNT}:role/parity-role"),
    "scheduler-role": Entity("SchedulesRole", "aws_iam_role.scheduler", "name", f"arn:aws:iam::{ACCOUNT}:role/parity-scheduler"),
    "logs": Entity("SyncLogs", "aws_cloudwatch_log_group.function", "name", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{STACK}"),
    "events": Entity("EventsQueue", "aws_sqs_queue.events", "url", f"arn:aws:sqs:{REGION}:{ACCOUNT}:parity-events"),
    "event-dead-letters": Entity(
        "EventsDeadLetters", 'aws_sqs_queue.dead_letters["events"]', "url", f"arn:aws:sqs:{REGION}:{ACCOUNT}:parity-event-dead-letters"),
    "failed-invocations": Entity(
        "SyncFailedInvocations", 'aws_sqs_queue.dead_letters["invocations"]', "url", f"arn:aws:sqs:{REGION}:{ACCOUNT}:parity-failed-invocations"),
    "schedule-dead-letters": Entity(
        "SchedulesDeadLetters", 'aws_sqs_queue.dead_letters["schedules"]', "url", f"arn:aws:sqs:{REGION}:{ACCOUNT}:parity-schedule-dead-letters"),
    "bucket": Entity("State", "aws_s3_bucket.state", "name", "arn:aws:s3:::parity-bucket"),
    "key": Entity("Key", "aws_kms_key.this[0]", "id", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/parity-key"),
    "rule": Entity("ParameterChanges", "aws_cloudwatch_event_rule.changes", "name", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/parity-rule"),
    "topic": Entity("WatchAlarms", "aws_sns_topic.alarms[0]", "arn", f"arn:aws:sns:{REGION}:{ACCOUNT}:parity-topic"),
    "function-group": Entity("NetworkFunction", "aws_security_group.function[0]", "id"),
    "endpoint-group": Entity("NetworkEndpoints", "aws_security_group.endpoints[0]", "id"),
}


def placed(text: str) -> str:
    """Text in which the place stands by its name."""
    text = re.sub(r"\barn:aws:", "arn:<Partition>:", text)
    return text.replace(REGION, "<Region>").replace(ACCOUNT, "<Account>")


def everywhere(value, change):
    """A copy of `value` in which every text, at any depth, is changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [everywhere(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): everywhere(item, change) for key, item in value.items()}
    return value
