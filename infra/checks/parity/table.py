"""The compared facts: which resources are equivalent, and the path of each fact in each stack.

The facts are those that each stack sets by itself: permissions, the event pattern, the environment,
alarms, schedules, queues, the network, and the effect of each input. What both stacks take from one
file of `infra/shared` without a change is not compared.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from infra.checks.parity import forms
from infra.checks.variables import SHARED

# Logical id in the CDK's template, without stack and hash, and address in Terraform's plan.
_FIXED = """
    SyncFunction                   aws_lambda_function.this
    SyncRole                       aws_iam_role.function[0]
    SyncNetworkPolicy              aws_iam_role_policy.network[0]
    SyncLogs                       aws_cloudwatch_log_group.function[0]
    SyncFailedInvocations          aws_sqs_queue.dead_letters["invocations"]
    SyncFailedInvocationsPolicy    aws_sqs_queue_policy.this["failed_invocations"]
    Mapping                        aws_lambda_event_source_mapping.events
    ParameterChanges               aws_cloudwatch_event_rule.changes
    EventsQueue                    aws_sqs_queue.events
    EventsQueuePolicy              aws_sqs_queue_policy.this["events"]
    EventsDeadLetters              aws_sqs_queue.dead_letters["events"]
    EventsDeadLettersPolicy        aws_sqs_queue_policy.this["event_dead_letters"]
    SchedulesRole                  aws_iam_role.scheduler[0]
    SchedulesSweep                 aws_scheduler_schedule.this["sweep"]
    SchedulesTokenRefresh          aws_scheduler_schedule.this["token-refresh"]
    SchedulesDeadLetters           aws_sqs_queue.dead_letters["schedules"]
    SchedulesDeadLettersPolicy     aws_sqs_queue_policy.this["schedule_dead_letters"]
    State                          aws_s3_bucket.state
    TargetsDeploymentCustomResource  aws_s3_object.targets[0]
    Key                            aws_kms_key.this[0]
    WatchAlarms                    aws_sns_topic.alarms[0]
    NetworkFunction                aws_security_group.function[0]
    NetworkEndpoints               aws_security_group.endpoints[0]
"""
_ALARMS = [alarm["id"] for alarm in json.loads((SHARED / "alarms.json").read_text())]
PAIRS = {
    **dict(line.split() for line in _FIXED.strip().splitlines()),
    **{
        f"Watch{id_.replace('-', '')}": f'aws_cloudwatch_metric_alarm.this["{id_}"]'
        for id_ in _ALARMS
    },
}


class Fact(NamedTuple):
    """A fact in Terraform: its path, the form in which it is compared, and its default.

    `address:path` is a path in another resource, in which `*` is the name of this one.
    """

    path: str
    form: Callable = forms.same
    default: Any = None


def _facts(paths: str, form: Callable = forms.same, cdk: str = "", default: Any = None) -> dict:
    """Facts whose names differ only in case; `cdk` is a prefix of their paths."""
    return {cdk + path: Fact(_snake(path), form, default) for path in paths.split()}


def _snake(path: str) -> str:
    """`LoggingConfig.LogGroup` is `logging_config.0.log_group` in a plan."""
    return ".0.".join(
        "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
        for name in path.split(".")
    )


# By type in Terraform, then by path in CloudFormation.
FACTS = {
    "aws_lambda_function": {
        **_facts("Architectures Role Timeout MemorySize CodeSigningConfigArn"),
        **_facts("Environment.Variables LoggingConfig.LogGroup"),
        **_facts("VpcConfig.SubnetIds VpcConfig.SecurityGroupIds", forms.unordered),
        "Code.S3Bucket": Fact("s3_bucket"),
        "Code.S3Key": Fact("s3_key"),
        "Code.S3ObjectVersion": Fact("s3_object_version"),
        "TracingConfig.Mode": Fact("tracing_config.0.mode", default="PassThrough"),
        "ReservedConcurrentExecutions": Fact("reserved_concurrent_executions", default=-1),
    },
    "aws_lambda_event_source_mapping": {
        **_facts("EventSourceArn BatchSize FunctionResponseTypes Enabled"),
        **_facts("ScalingConfig.MaximumConcurrency"),
        **_facts("FunctionName", forms.resource),
    },
    "aws_iam_role": {
        **_facts("PermissionsBoundary"),
        **_facts("Path", default="/"),
        "AssumeRolePolicyDocument": Fact("assume_role_policy", forms.policy),
        "Policies.0.PolicyDocument": Fact("aws_iam_role_policy.*[0]:policy", forms.policy),
        "ManagedPolicyArns": Fact("aws_iam_role_policy_attachment.*[]:policy_arn", forms.unordered),
    },
    "aws_iam_role_policy": {"PolicyDocument": Fact("policy", forms.policy)},
    "aws_cloudwatch_log_group": _facts("RetentionInDays KmsKeyId"),
    "aws_cloudwatch_event_rule": {
        **_facts("EventPattern", forms.parsed),
        **_facts("State", default="ENABLED"),
        "Targets.0.Arn": Fact("aws_cloudwatch_event_target.queue:arn"),
    },
    "aws_sqs_queue": {
        **_facts("KmsMasterKeyId"),
        **_facts("SqsManagedSseEnabled", forms.truth),
        **_facts("RedrivePolicy", forms.parsed),
        **_facts("DelaySeconds", default=0),
        "MessageRetentionPeriod": Fact("message_retention_seconds"),
        "VisibilityTimeout": Fact("visibility_timeout_seconds", default=30),
    },
    "aws_sqs_queue_policy": {"PolicyDocument": Fact("policy", forms.queue_policy)},
    "aws_scheduler_schedule": {
        **_facts("State ScheduleExpression ScheduleExpressionTimezone"),
        **_facts("Target.Arn Target.RoleArn"),
        **_facts("Target.Input", forms.parsed),
    },
    "aws_s3_bucket": {},
    "aws_s3_object": {
        "DestinationBucketName": Fact("bucket"),
        "SystemMetadata.content-type": Fact("content_type"),
    },
    "aws_kms_key": {"KeyPolicy": Fact("policy", forms.policy)},
    "aws_sns_topic": _facts("KmsMasterKeyId"),
    "aws_cloudwatch_metric_alarm": {
        **_facts("AlarmName AlarmActions MetricName"),
        **_facts("Dimensions", forms.dimensions),
        "OKActions": Fact("ok_actions"),
    },
    "aws_security_group": {
        **_facts("VpcId"),
        "SecurityGroupEgress": Fact(
            "aws_vpc_security_group_egress_rule.*[]:", forms.security_group_rules
        ),
    },
}
