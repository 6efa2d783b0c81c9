# The function's role, with the permissions of infra/shared/permissions.json, or a given one.

locals {
  role_created = var.function_role_arn == null
  function_role_arn = (
    local.role_created ? aws_iam_role.function[0].arn : var.function_role_arn
  )
}

resource "aws_iam_role" "function" {
  count = local.role_created ? 1 : 0

  name                 = "${var.name}-function"
  path                 = var.role_path
  description          = "Role of the function that copies rotated IAM access keys to Vault"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

module "permissions" {
  source = "./modules/policy"

  file    = "${local.shared}/permissions.json"
  present = local.present
  values = merge(local.place, {
    ParameterPrefix          = var.parameter_prefix
    ParameterPath            = trimsuffix(var.parameter_prefix, "/")
    ParameterSuffix          = var.parameter_suffix
    BucketArn                = aws_s3_bucket.state.arn
    StatePrefix              = local.environment_defaults["SYNC_STATE_S3_PREFIX"]
    TokenKey                 = local.environment_defaults["VAULT_TOKEN_S3_KEY"]
    LegacyStateKey           = local.environment_defaults["SYNC_STATE_S3_KEY"]
    TargetsKey               = local.environment_defaults["TARGETS_S3_KEY"]
    TableName                = var.user_table
    QueueArn                 = aws_sqs_queue.events.arn
    FailedInvocationQueueArn = aws_sqs_queue.dead_letters["invocations"].arn
    LogGroupArn              = local.log_group_arn
    KmsKeyArn                = local.kms_key_arn
    ParameterKeyArn          = var.parameter_kms_key_arn
  })
  lists = { EarlierKeyArns = var.earlier_kms_key_arns }
}

resource "aws_iam_role_policy" "function" {
  count = local.role_created ? 1 : 0

  name   = "iam-key-sync"
  role   = aws_iam_role.function[0].name
  policy = module.permissions.json
}

# A policy of its own, because it must exist until the function's network interfaces are deleted.
module "network_permissions" {
  count  = local.in_vpc ? 1 : 0
  source = "./modules/policy"

  file    = "${local.shared}/network-permissions.json"
  present = local.present
  values  = merge(local.place, { VpcId = var.vpc_id })
}

resource "aws_iam_role_policy" "network" {
  count = local.role_created && local.in_vpc ? 1 : 0

  name   = "iam-key-sync-network"
  role   = aws_iam_role.function[0].name
  policy = module.network_permissions[0].json
}

resource "aws_iam_role_policy_attachment" "function" {
  for_each = {
    for policy in jsondecode(file("${local.shared}/managed-policies.json")) :
    policy.name => policy.arn
    if local.role_created && local.present[policy.requires]
  }

  role       = aws_iam_role.function[0].name
  policy_arn = replace(each.value, "$${Partition}", local.partition)

  # Behind depends_on, the partition is unknown during the plan. A replacement would attach the same
  # policy, and then detach it.
  lifecycle {
    ignore_changes = [policy_arn]
  }
}
