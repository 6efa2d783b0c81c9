# The function's role, with the permissions of infra/shared/permissions.json.

resource "aws_iam_role" "function" {
  name                 = "${var.name}-function"
  description          = "Role of the function that copies rotated IAM access keys to Vault"
  permissions_boundary = var.permissions_boundary_arn

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
    TableName                = var.user_table
    QueueArn                 = aws_sqs_queue.events.arn
    FailedInvocationQueueArn = aws_sqs_queue.dead_letters["invocations"].arn
    LogGroupArn              = aws_cloudwatch_log_group.function.arn
    KmsKeyArn                = local.kms_key_arn
    ParameterKeyArn          = var.parameter_kms_key_arn
    VpcId                    = var.vpc_id
  })
}

resource "aws_iam_role_policy" "function" {
  name   = "iam-key-sync"
  role   = aws_iam_role.function.name
  policy = module.permissions.json
}

resource "aws_iam_role_policy_attachment" "function" {
  for_each = {
    for policy in jsondecode(templatefile("${local.shared}/managed-policies.json", local.place)) :
    policy.name => policy.arn
    if local.present[policy.requires]
  }

  role       = aws_iam_role.function.name
  policy_arn = each.value
}
