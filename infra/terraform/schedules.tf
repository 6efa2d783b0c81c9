# The schedules that invoke the function: the nightly reconcile run and the renewal of the Vault
# token.

locals {
  scheduler_role_created = var.scheduler_role_arn == null
  scheduler_role_arn = (
    local.scheduler_role_created ? aws_iam_role.scheduler[0].arn : var.scheduler_role_arn
  )

  all_schedules = {
    sweep = {
      description = "Sync every user"
      expression  = var.sweep_schedule
      payload     = local.settings.schedules.sweepPayload
    }
    token-refresh = {
      description = "Renew the Vault token"
      expression  = var.token_refresh_schedule
      payload     = local.settings.schedules.tokenRefreshPayload
    }
  }

  # A login needs no renewal.
  schedules = {
    for name, schedule in local.all_schedules : name => schedule
    if name != "token-refresh" || !local.logs_in
  }
}

resource "aws_scheduler_schedule" "this" {
  # checkov:skip=CKV_AWS_297:The payload only names the action (reconcile or refresh-token), and AWS encrypts it with a key of its own.

  for_each = local.schedules

  name                         = "${var.name}-${each.key}"
  description                  = each.value.description
  state                        = var.enabled ? "ENABLED" : "DISABLED"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = var.schedule_time_zone

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = local.settings.schedules.flexibleWindowMinutes
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = local.scheduler_role_arn
    input    = jsonencode(each.value.payload)

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters["schedules"].arn
    }

    retry_policy {
      maximum_event_age_in_seconds = local.settings.delivery.maximumEventAgeHours * 3600
      maximum_retry_attempts       = local.settings.delivery.retryAttempts
    }
  }

  # EventBridge Scheduler checks the role when a schedule is created.
  depends_on = [aws_iam_role_policy.scheduler]
}

resource "aws_iam_role" "scheduler" {
  count = local.scheduler_role_created ? 1 : 0

  name                 = "${var.name}-scheduler"
  path                 = var.role_path
  description          = "Role of the schedules that invoke the IAM key sync function"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      # EventBridge Scheduler passes the ARN of the schedule group, not of the schedule, when it
      # assumes the role.
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account
          "aws:SourceArn"     = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/default"
        }
      }
    }]
  })
}

module "schedule_permissions" {
  source = "./modules/policy"

  file    = "${local.shared}/schedule-permissions.json"
  present = local.present
  values = merge(local.place, {
    FunctionArn                = aws_lambda_function.this.arn
    ScheduleDeadLetterQueueArn = aws_sqs_queue.dead_letters["schedules"].arn
    KmsKeyArn                  = local.kms_key_arn
  })
}

resource "aws_iam_role_policy" "scheduler" {
  count = local.scheduler_role_created ? 1 : 0

  name   = "iam-key-sync"
  role   = aws_iam_role.scheduler[0].name
  policy = module.schedule_permissions.json
}
