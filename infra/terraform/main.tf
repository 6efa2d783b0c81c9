# Values that several files use: account and Region, and the files that all stacks share.
# Placeholders in those files have the syntax of Terraform's templates; one without a value is an
# error.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.region
  place     = { Partition = local.partition, Region = local.region, Account = local.account }

  shared = "${path.module}/../shared"
  settings = {
    for subject, entries in jsondecode(file("${local.shared}/settings.json")) :
    subject => { for name, setting in entries : name => setting.value }
  }
  environment_defaults = {
    for variable in jsondecode(file("${local.shared}/environment.json")) :
    variable.name => variable.default
  }

  # A login at Vault stores no token.
  logs_in = var.vault_auth_method == "aws"

  # Placeholders that have no value in some deployments. These are separate flags, because the value
  # of a placeholder may be known only after an apply.
  present = {
    TokenKey        = !local.logs_in
    TableName       = var.user_table != "-"
    KmsKeyArn       = local.encrypted
    EarlierKeyArns  = length(var.earlier_kms_key_arns) > 0
    ParameterKeyArn = var.parameter_kms_key_arn != null
    VpcId           = local.in_vpc
    Tracing         = var.tracing
    CreatedTopic    = local.topic_created
    EncryptedLogs   = var.encrypt_logs
  }

  # Placeholders of the alarms and the dashboard.
  names = merge(local.place, {
    AlarmPrefix                 = "${var.name}-"
    FunctionName                = aws_lambda_function.this.function_name
    LogGroupName                = local.log_group_name
    RuleName                    = aws_cloudwatch_event_rule.changes.name
    QueueName                   = aws_sqs_queue.events.name
    EventDeadLetterQueueName    = aws_sqs_queue.dead_letters["events"].name
    FailedInvocationQueueName   = aws_sqs_queue.dead_letters["invocations"].name
    ScheduleDeadLetterQueueName = aws_sqs_queue.dead_letters["schedules"].name
  })
}
