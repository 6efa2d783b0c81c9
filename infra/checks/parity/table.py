"""The compared facts: which resources are equivalent, and the path of each fact in each stack."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from infra.checks.parity import forms
from infra.checks.parity.scenarios import SCENARIOS
from infra.checks.variables import SHARED

# Logical id in the CDK's template, without stack and hash, and address in Terraform's plan.
_FIXED = """
    SyncFunction                   aws_lambda_function.this
    SyncFunctionEventInvokeConfig  aws_lambda_function_event_invoke_config.this
    SyncRole                       aws_iam_role.function
    SyncLogs                       aws_cloudwatch_log_group.function
    SyncFailedInvocations          aws_sqs_queue.dead_letters["invocations"]
    SyncFailedInvocationsPolicy    aws_sqs_queue_policy.this["failed_invocations"]
    Mapping                        aws_lambda_event_source_mapping.events
    ParameterChanges               aws_cloudwatch_event_rule.changes
    EventsQueue                    aws_sqs_queue.events
    EventsQueuePolicy              aws_sqs_queue_policy.this["events"]
    EventsDeadLetters              aws_sqs_queue.dead_letters["events"]
    EventsDeadLettersPolicy        aws_sqs_queue_policy.this["event_dead_letters"]
    SchedulesRole                  aws_iam_role.scheduler
    SchedulesSweep                 aws_scheduler_schedule.this["sweep"]
    SchedulesTokenRefresh          aws_scheduler_schedule.this["token-refresh"]
    SchedulesDeadLetters           aws_sqs_queue.dead_letters["schedules"]
    SchedulesDeadLettersPolicy     aws_sqs_queue_policy.this["schedule_dead_letters"]
    State                          aws_s3_bucket.state
    StatePolicy                    aws_s3_bucket_policy.state
    Key                            aws_kms_key.this[0]
    WatchAlarms                    aws_sns_topic.alarms[0]
    WatchAlarmsPolicy              aws_sns_topic_policy.alarms[0]
    WatchDashboard                 aws_cloudwatch_dashboard.this
    NetworkFunction                aws_security_group.function[0]
    NetworkEndpoints               aws_security_group.endpoints[0]
    NetworkFromFunction            aws_vpc_security_group_ingress_rule.endpoints[0]
    NetworkSsm                     aws_vpc_endpoint.interface["ssm"]
    NetworkS3                      aws_vpc_endpoint.gateway["s3"]
    NetworkDynamoDb                aws_vpc_endpoint.gateway["dynamodb"]
"""
_ALARMS = [alarm["id"] for alarm in json.loads((SHARED / "alarms.json").read_text())]
_EMAILS = {email for inputs in SCENARIOS.values() for email in inputs.get("alarm_emails", [])}
PAIRS = {
    **dict(line.split() for line in _FIXED.strip().splitlines()),
    **{
        f"Watch{id_.replace('-', '')}": f'aws_cloudwatch_metric_alarm.this["{id_}"]'
        for id_ in _ALARMS
    },
    **{
        "WatchAlarms" + re.sub(r"\W", "", email): f'aws_sns_topic_subscription.email["{email}"]'
        for email in _EMAILS
    },
}


class Fact(NamedTuple):
    """A fact in Terraform: its path, the form in which it is compared, and its default.

    `address:path` is a path in another resource, in which `*` is the name of this one.
    """

    path: str
    form: Callable = forms.same
    default: Any = None


def _facts(paths: str, form: Callable = forms.same, cdk: str = "", terraform: str = "") -> dict:
    """Facts whose names differ only in case; `cdk` and `terraform` are prefixes of their paths."""
    return {cdk + path: Fact(terraform + _snake(path), form) for path in paths.split()}


def _snake(path: str) -> str:
    """`LoggingConfig.LogGroup` is `logging_config.0.log_group` in a plan."""
    return ".0.".join(re.sub(r"\B([A-Z])", r"_\1", name).lower() for name in path.split("."))


_TARGET = """
    Arn DeadLetterConfig.Arn RetryPolicy.MaximumEventAgeInSeconds RetryPolicy.MaximumRetryAttempts
"""
_BUCKET = "aws_s3_bucket_{}.state:"

# By type in Terraform, then by path in CloudFormation.
FACTS = {
    "aws_lambda_function": {
        **_facts("Architectures Description Handler Role Runtime Timeout MemorySize"),
        **_facts("Environment.Variables LoggingConfig.LogFormat LoggingConfig.LogGroup"),
        **_facts("VpcConfig.SubnetIds VpcConfig.SecurityGroupIds", forms.unordered),
        **_facts("CodeSigningConfigArn"),
        **_facts("S3Bucket S3Key S3ObjectVersion", cdk="Code."),
        "TracingConfig.Mode": Fact("tracing_config.0.mode", default="PassThrough"),
        "ReservedConcurrentExecutions": Fact("reserved_concurrent_executions", default=-1),
    },
    "aws_lambda_function_event_invoke_config": {
        **_facts("FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts"),
        **_facts("DestinationConfig.OnFailure.Destination"),
        "Qualifier": Fact("qualifier", default="$LATEST"),
    },
    "aws_lambda_event_source_mapping": {
        **_facts("EventSourceArn BatchSize MaximumBatchingWindowInSeconds FunctionResponseTypes"),
        **_facts("ScalingConfig.MaximumConcurrency"),
        **_facts("FunctionName", forms.resource),
    },
    "aws_iam_role": {
        **_facts("Description PermissionsBoundary"),
        "AssumeRolePolicyDocument": Fact("assume_role_policy", forms.policy),
        "Policies.0.PolicyDocument": Fact("aws_iam_role_policy.*:policy", forms.policy),
        "ManagedPolicyArns": Fact("aws_iam_role_policy_attachment.*[]:policy_arn", forms.unordered),
    },
    "aws_cloudwatch_log_group": {
        **_facts("RetentionInDays KmsKeyId"),
        "DeletionPolicy": Fact("skip_destroy", forms.kept),
    },
    "aws_cloudwatch_event_rule": {
        **_facts("Description"),
        **_facts("EventPattern", forms.parsed),
        **_facts(_TARGET, cdk="Targets.0.", terraform="aws_cloudwatch_event_target.queue:"),
        "State": Fact("state", default="ENABLED"),
    },
    "aws_sqs_queue": {
        **_facts("KmsMasterKeyId"),
        **_facts("SqsManagedSseEnabled", forms.truth),
        **_facts("RedrivePolicy", forms.parsed),
        "MessageRetentionPeriod": Fact("message_retention_seconds"),
        "VisibilityTimeout": Fact("visibility_timeout_seconds", default=30),
    },
    "aws_sqs_queue_policy": {
        "Queues.0": Fact("queue_url"),
        "PolicyDocument": Fact("policy", forms.resource_policy),
    },
    "aws_scheduler_schedule": {
        **_facts("Description ScheduleExpression ScheduleExpressionTimezone"),
        **_facts("FlexibleTimeWindow.Mode FlexibleTimeWindow.MaximumWindowInMinutes"),
        **_facts(f"{_TARGET} RoleArn", cdk="Target.", terraform="target.0."),
        "Target.Input": Fact("target.0.input", forms.parsed),
    },
    "aws_s3_bucket": {
        **_facts("VersioningConfiguration.Status", terraform=_BUCKET.format("versioning")),
        **_facts(
            "BlockPublicAcls BlockPublicPolicy IgnorePublicAcls RestrictPublicBuckets",
            cdk="PublicAccessBlockConfiguration.",
            terraform=_BUCKET.format("public_access_block"),
        ),
        "OwnershipControls.Rules.0.ObjectOwnership": Fact(
            _BUCKET.format("ownership_controls") + "rule.0.object_ownership"
        ),
        "BucketEncryption.ServerSideEncryptionConfiguration": Fact(
            _BUCKET.format("server_side_encryption_configuration") + "rule", forms.rules
        ),
        "LifecycleConfiguration.Rules": Fact(
            _BUCKET.format("lifecycle_configuration") + "rule", forms.rules
        ),
        "DeletionPolicy": Fact("force_destroy", forms.kept_bucket),
    },
    "aws_s3_bucket_policy": {
        **_facts("Bucket"),
        "PolicyDocument": Fact("policy", forms.resource_policy),
    },
    "aws_kms_key": {
        **_facts("Description EnableKeyRotation"),
        "PendingWindowInDays": Fact("deletion_window_in_days", default=30),
        "KeyPolicy": Fact("policy", forms.policy),
    },
    "aws_sns_topic": _facts("DisplayName KmsMasterKeyId"),
    "aws_sns_topic_policy": {
        "Topics.0": Fact("arn"),
        "PolicyDocument": Fact("policy", forms.resource_policy),
    },
    "aws_sns_topic_subscription": _facts("TopicArn Protocol Endpoint"),
    "aws_cloudwatch_metric_alarm": {
        **_facts("AlarmName AlarmDescription AlarmActions Namespace MetricName Statistic Period"),
        **_facts("EvaluationPeriods ComparisonOperator Threshold TreatMissingData"),
        **_facts("Dimensions", forms.dimensions),
        "OKActions": Fact("ok_actions"),
    },
    "aws_cloudwatch_dashboard": _facts("DashboardBody", forms.parsed),
    "aws_security_group": {
        **_facts("VpcId"),
        "GroupDescription": Fact("description"),
        "SecurityGroupEgress": Fact(
            "aws_vpc_security_group_egress_rule.*[]:", forms.security_group_rules
        ),
    },
    "aws_vpc_security_group_ingress_rule": {
        "GroupId": Fact("security_group_id"),
        "": Fact("", forms.security_group_rules),
    },
    "aws_vpc_endpoint": {
        **_facts("VpcId ServiceName VpcEndpointType"),
        **_facts("RouteTableIds SubnetIds SecurityGroupIds", forms.unordered),
        **_facts("PrivateDnsEnabled", forms.truth),
    },
}
