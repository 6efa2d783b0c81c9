# The function, its package, its log group, and the destination of failed invocations.

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_116:It has a failure destination instead (aws_lambda_function_event_invoke_config), which also records the error.
  # checkov:skip=CKV_AWS_173:The environment holds no secret, and AWS encrypts it with a key of its own. With this stack's key, a disabled key would stop the function from starting and from logging the reason.

  function_name = var.name
  description   = "Copies rotated IAM access keys from SSM Parameter Store to Vault"
  role          = local.function_role_arn
  tags          = var.tags

  runtime                 = "provided.al2023"
  handler                 = "bootstrap"
  architectures           = [var.architecture]
  filename                = var.zip
  source_code_hash        = try(filebase64sha256(var.zip), null)
  s3_bucket               = var.package_bucket
  s3_key                  = var.package_key
  s3_object_version       = var.package_version
  code_signing_config_arn = var.code_signing_config_arn

  timeout                        = var.function_timeout_seconds
  memory_size                    = var.memory_mib
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)

  environment {
    variables = local.environment
  }

  logging_config {
    log_format = local.settings.function.logFormat
    log_group  = local.log_group_name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [var.subnet_ids] : []

    content {
      subnet_ids = vpc_config.value
      security_group_ids = concat(
        [aws_security_group.function[0].id],
        var.additional_security_group_ids
      )
    }
  }

  # In a VPC, Lambda rejects a function whose role is not yet allowed to create network interfaces.
  # A function that starts before its targets document would publish keys at the default paths.
  depends_on = [
    aws_iam_role_policy_attachment.function,
    aws_iam_role_policy.network,
    aws_s3_object.targets,
  ]

  lifecycle {
    precondition {
      condition     = var.zip == null ? true : try(startswith(filebase64(var.zip), "UEsD"), false)
      error_message = "zip: expected a readable zip file."
    }
    precondition {
      condition = var.vault_ca_file == null ? true : (
        length(local.ca_certificates) > 0 && !strcontains(local.ca_file, "PRIVATE KEY")
      )
      error_message = "vault_ca_file: expected a PEM file with the certificate of the CA and without a private key."
    }
    precondition {
      condition = (
        (var.zip == null) != (var.package_bucket == null) &&
        (var.package_bucket == null) == (var.package_key == null)
      )
      error_message = "zip: expected either zip, or both package_bucket and package_key."
    }
    precondition {
      condition     = var.package_version == null || var.package_bucket != null
      error_message = "package_version: expected only with package_bucket."
    }
    precondition {
      condition     = !local.logs_in || var.vault_auth_role != null
      error_message = "vault_auth_role: expected with vault_auth_method aws."
    }
    precondition {
      condition = local.logs_in || (
        var.vault_auth_role == null &&
        var.vault_auth_mount == local.environment_defaults["VAULT_AUTH_MOUNT"] &&
        var.vault_auth_aws_region == null &&
        var.vault_auth_aws_server_id == null
      )
      error_message = "vault_auth_role: expected vault_auth_role, vault_auth_mount, vault_auth_aws_region and vault_auth_aws_server_id only with vault_auth_method aws."
    }
    precondition {
      condition = (
        var.reserved_concurrency == null ? true : var.reserved_concurrency > var.max_concurrency
      )
      error_message = "reserved_concurrency: expected more than max_concurrency (${var.max_concurrency}), so that a reconcile run has capacity beside the events."
    }
    precondition {
      condition     = length(jsonencode(local.environment)) <= 4096
      error_message = "vault_ca_file or another input: expected an environment of at most 4096 bytes, the limit of Lambda; got ${length(jsonencode(local.environment))}, most of them in ${local.largest_variable}; shorten it, or keep only the CA that issued Vault's certificate."
    }
  }
}

locals {
  log_group_name = (
    var.log_group_name == null ? aws_cloudwatch_log_group.function[0].name : var.log_group_name
  )
  log_group_arn = (
    var.log_group_name == null
    ? aws_cloudwatch_log_group.function[0].arn
    : "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${var.log_group_name}"
  )
}

resource "aws_cloudwatch_log_group" "function" {
  count = var.log_group_name == null ? 1 : 0

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.encrypt_logs ? local.kms_key_arn : null
  skip_destroy      = true
  tags              = var.tags

  lifecycle {
    precondition {
      condition     = !var.encrypt_logs || local.encrypted
      error_message = "encrypt_logs: expected a key; set kms_key_arn or create_kms_key."
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = local.settings.asynchronous.retryAttempts
  maximum_event_age_in_seconds = local.settings.asynchronous.maximumEventAgeHours * 3600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters["invocations"].arn
    }
  }

  # Lambda rejects a destination until the function's role is allowed to write to it.
  depends_on = [aws_iam_role_policy.function]
}
