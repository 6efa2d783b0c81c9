"""The facts that are compared: which resources are the same, and under which path each stack writes each fact."""
import json
import re
from typing import Any, Callable, NamedTuple

from infra.checks.parity import forms
from infra.checks.variables import SHARED


class Fact(NamedTuple):
    """Where Terraform writes it (`address:path` when in another resource), its form, and what each side means by saying nothing."""
    terraform: str
    form: Callable = forms.same
    cdk_default: Any = None
    terraform_default: Any = None


class Pair(NamedTuple):
    name: str
    logical: str
    address: str
    facts: dict


def pairs(scenario: dict) -> list:
    """All of them; one whose two resources are missing has nothing to compare."""
    alarms = [alarm["id"] for alarm in json.loads((SHARED / "alarms.json").read_text())]
    return [
        *_FIXED,
        *(Pair(f"alarm {id_}", f"Watch{id_.replace('-', '')}", f'aws_cloudwatch_metric_alarm.this["{id_}"]', _ALARM) for id_ in alarms),
        *(Pair(f"subscription {email}", "WatchAlarms" + re.sub(r"\W", "", email), f'aws_sns_topic_subscription.email["{email}"]', _SUBSCRIPTION)
          for email in scenario.get("alarm_emails", [])),
    ]


_FUNCTION = {
    **{name: name.lower() for name in ("Architectures", "Description", "Handler", "Role", "Runtime", "Timeout")},
    "Environment.Variables": "environment.0.variables",
    "MemorySize": "memory_size",
    "LoggingConfig.LogFormat": "logging_config.0.log_format",
    "LoggingConfig.LogGroup": "logging_config.0.log_group",
    "TracingConfig.Mode": Fact("tracing_config.0.mode", cdk_default="PassThrough"),
    "ReservedConcurrentExecutions": Fact("reserved_concurrent_executions", cdk_default=-1),
    "CodeSigningConfigArn": "code_signing_config_arn",
    "Code.S3Bucket": "s3_bucket",
    "Code.S3Key": "s3_key",
    "Code.S3ObjectVersion": "s3_object_version",
    "VpcConfig.SubnetIds": Fact("vpc_config.0.subnet_ids", forms.unordered),
    "VpcConfig.SecurityGroupIds": Fact("vpc_config.0.security_group_ids", forms.unordered),
}
_INVOKE = {
    "FunctionName": "function_name",
    "Qualifier": Fact("qualifier", terraform_default="$LATEST"),
    "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
    "MaximumRetryAttempts": "maximum_retry_attempts",
    "DestinationConfig.OnFailure.Destination": "destination_config.0.on_failure.0.destination",
}
_MAPPING = {
    "FunctionName": Fact("function_name", forms.who),
    "EventSourceArn": "event_source_arn",
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "maximum_batching_window_in_seconds",
    "FunctionResponseTypes": "function_response_types",
    "ScalingConfig.MaximumConcurrency": "scaling_config.0.maximum_concurrency",
}
_TARGET = "aws_cloudwatch_event_target.queue:"
_RULE = {
    "Description": "description",
    "EventPattern": Fact("event_pattern", forms.parsed),
    "State": Fact("state", terraform_default="ENABLED"),
    "Targets.0.Arn": _TARGET + "arn",
    "Targets.0.DeadLetterConfig.Arn": _TARGET + "dead_letter_config.0.arn",
    "Targets.0.RetryPolicy.MaximumEventAgeInSeconds": _TARGET + "retry_policy.0.maximum_event_age_in_seconds",
    "Targets.0.RetryPolicy.MaximumRetryAttempts": _TARGET + "retry_policy.0.maximum_retry_attempts",
}
_QUEUE = {
    "MessageRetentionPeriod": "message_retention_seconds",
    "VisibilityTimeout": Fact("visibility_timeout_seconds", cdk_default=30, terraform_default=30),
    "RedrivePolicy": Fact("redrive_policy", forms.parsed),
    "KmsMasterKeyId": "kms_master_key_id",
    "SqsManagedSseEnabled": Fact("sqs_managed_sse_enabled", forms.truth),
}
_QUEUE_POLICY = {"Queues.0": "queue_url", "PolicyDocument": Fact("policy", forms.resource_policy)}
_SCHEDULE = {
    "Description": "description",
    "ScheduleExpression": "schedule_expression",
    "ScheduleExpressionTimezone": "schedule_expression_timezone",
    "FlexibleTimeWindow.Mode": "flexible_time_window.0.mode",
    "FlexibleTimeWindow.MaximumWindowInMinutes": "flexible_time_window.0.maximum_window_in_minutes",
    "Target.Arn": "target.0.arn",
    "Target.RoleArn": "target.0.role_arn",
    "Target.Input": Fact("target.0.input", forms.parsed),
    "Target.DeadLetterConfig.Arn": "target.0.dead_letter_config.0.arn",
    "Target.RetryPolicy.MaximumEventAgeInSeconds": "target.0.retry_policy.0.maximum_event_age_in_seconds",
    "Target.RetryPolicy.MaximumRetryAttempts": "target.0.retry_policy.0.maximum_retry_attempts",
}
_BLOCK = {name: "aws_s3_bucket_public_access_block.state:" + re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
          for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")}
_BUCKET = {
    "DeletionPolicy": Fact("force_destroy", forms.kept_bucket),
    "VersioningConfiguration.Status": "aws_s3_bucket_versioning.state:versioning_configuration.0.status",
    "OwnershipControls.Rules.0.ObjectOwnership": "aws_s3_bucket_ownership_controls.state:rule.0.object_ownership",
    "BucketEncryption.ServerSideEncryptionConfiguration": Fact(
        "aws_s3_bucket_server_side_encryption_configuration.state:rule", forms.encryption),
    "LifecycleConfiguration.Rules": Fact("aws_s3_bucket_lifecycle_configuration.state:rule", forms.lifecycle),
    **{f"PublicAccessBlockConfiguration.{name}": path for name, path in _BLOCK.items()},
}
_KEY = {
    "Description": "description",
    "EnableKeyRotation": "enable_key_rotation",
    "PendingWindowInDays": Fact("deletion_window_in_days", cdk_default=30),
    "KeyPolicy": Fact("policy", forms.policy),
}
_ALARM = {
    "AlarmName": "alarm_name", "AlarmDescription": "alarm_description", "Namespace": "namespace", "MetricName": "metric_name",
    "Dimensions": Fact("dimensions", forms.dimensions), "Statistic": "statistic", "Period": "period", "EvaluationPeriods": "evaluation_periods",
    "ComparisonOperator": "comparison_operator", "Threshold": "threshold", "TreatMissingData": "treat_missing_data",
    "AlarmActions": "alarm_actions", "OKActions": "ok_actions",
}
_SUBSCRIPTION = {"TopicArn": "topic_arn", "Protocol": "protocol", "Endpoint": "endpoint"}
_ENDPOINT = {
    "VpcId": "vpc_id", "ServiceName": "service_name", "VpcEndpointType": "vpc_endpoint_type",
    "RouteTableIds": Fact("route_table_ids", forms.unordered),
    "SubnetIds": Fact("subnet_ids", forms.unordered),
    "SecurityGroupIds": Fact("security_group_ids", forms.unordered),
    "PrivateDnsEnabled": Fact("private_dns_enabled", forms.truth),
}


def _role(policy: str, attachments: str = None) -> dict:
    facts = {
        "Description": "description", "PermissionsBoundary": "permissions_boundary",
        "AssumeRolePolicyDocument": Fact("assume_role_policy", forms.policy),
        "Policies.0.PolicyDocument": Fact(f"{policy}:policy", forms.policy),
    }
    return {**facts, "ManagedPolicyArns": Fact(f"{attachments}[*]:policy_arn", forms.unordered)} if attachments else facts


_FIXED = [
    Pair("function", "SyncFunction", "aws_lambda_function.this", _FUNCTION),
    Pair("asynchronous invocations", "SyncFunctionEventInvokeConfig", "aws_lambda_function_event_invoke_config.this", _INVOKE),
    Pair("function's role", "SyncRole", "aws_iam_role.function", _role("aws_iam_role_policy.function", "aws_iam_role_policy_attachment.function")),
    Pair("schedules' role", "SchedulesRole", "aws_iam_role.scheduler", _role("aws_iam_role_policy.scheduler")),
    Pair("log group", "SyncLogs", "aws_cloudwatch_log_group.function", {
        "RetentionInDays": "retention_in_days", "KmsKeyId": "kms_key_id", "DeletionPolicy": Fact("skip_destroy", forms.kept)}),
    Pair("rule", "ParameterChanges", "aws_cloudwatch_event_rule.changes", _RULE),
    Pair("mapping", "Mapping", "aws_lambda_event_source_mapping.events", _MAPPING),
    Pair("queue of events", "EventsQueue", "aws_sqs_queue.events", _QUEUE),
    Pair("queue of event dead letters", "EventsDeadLetters", 'aws_sqs_queue.dead_letters["events"]', _QUEUE),
    Pair("queue of failed invocations", "SyncFailedInvocations", 'aws_sqs_queue.dead_letters["invocations"]', _QUEUE),
    Pair("queue of schedule dead letters", "SchedulesDeadLetters", 'aws_sqs_queue.dead_letters["schedules"]', _QUEUE),
    Pair("policy of events", "EventsQueuePolicy", 'aws_sqs_queue_policy.this["events"]', _QUEUE_POLICY),
    Pair("policy of event dead letters", "EventsDeadLettersPolicy", 'aws_sqs_queue_policy.this["event_dead_letters"]', _QUEUE_POLICY),
    Pair("policy of failed invocations", "SyncFailedInvocationsPolicy", 'aws_sqs_queue_policy.this["failed_invocations"]', _QUEUE_POLICY),
    Pair("policy of schedule dead letters", "SchedulesDeadLettersPolicy", 'aws_sqs_queue_policy.this["schedule_dead_letters"]', _QUEUE_POLICY),
    Pair("sweep", "SchedulesSweep", 'aws_scheduler_schedule.this["sweep"]', _SCHEDULE),
    Pair("token refresh", "SchedulesTokenRefresh", 'aws_scheduler_schedule.this["token-refresh"]', _SCHEDULE),
    Pair("bucket", "State", "aws_s3_bucket.state", _BUCKET),
    Pair("bucket policy", "StatePolicy", "aws_s3_bucket_policy.state", {"Bucket": "bucket", "PolicyDocument": Fact("policy", forms.resource_policy)}),
    Pair("key", "Key", "aws_kms_key.this[0]", _KEY),
    Pair("topic", "WatchAlarms", "aws_sns_topic.alarms[0]", {"DisplayName": "display_name", "KmsMasterKeyId": "kms_master_key_id"}),
    Pair("topic policy", "WatchAlarmsPolicy", "aws_sns_topic_policy.alarms[0]", {
        "Topics.0": "arn", "PolicyDocument": Fact("policy", forms.resource_policy)}),
    Pair("dashboard", "WatchDashboard", "aws_cloudwatch_dashboard.this", {"DashboardBody": Fact("dashboard_body", forms.parsed)}),
    Pair("function's security group", "NetworkFunction", "aws_security_group.function[0]", {
        "GroupDescription": "description", "VpcId": "vpc_id",
        "SecurityGroupEgress": Fact("aws_vpc_security_group_egress_rule.function[*]:", forms.traffic)}),
    Pair("endpoints' security group", "NetworkEndpoints", "aws_security_group.endpoints[0]", {"GroupDescription": "description", "VpcId": "vpc_id"}),
    Pair("way into the endpoints", "NetworkFromFunction", "aws_vpc_security_group_ingress_rule.endpoints[0]", {
        "GroupId": "security_group_id", "": Fact("", forms.traffic)}),
    Pair("endpoint ssm", "NetworkSsm", 'aws_vpc_endpoint.interface["ssm"]', _ENDPOINT),
    Pair("endpoint s3", "NetworkS3", 'aws_vpc_endpoint.gateway["s3"]', _ENDPOINT),
    Pair("endpoint dynamodb", "NetworkDynamoDb", 'aws_vpc_endpoint.gateway["dynamodb"]', _ENDPOINT),
]
