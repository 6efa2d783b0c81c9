# The queue of change events, and three dead-letter queues that only operators read.

locals {
  retry_seconds = local.settings.queue.retryHours * 3600

  # The default follows the function's timeout. Its lower limit is such that retries last for
  # retryHours with the maximum receive count of SQS.
  least_visibility = ceil(local.retry_seconds / local.settings.queue.maxReceiveCountLimit)
  default_visibility = max(
    local.least_visibility,
    local.settings.queue.visibilityTimeoutPerFunctionTimeout * var.function_timeout_seconds
  )
  visibility = coalesce(var.queue_visibility_seconds, local.default_visibility)
  max_receive_count = min(
    ceil(local.retry_seconds / local.visibility),
    local.settings.queue.maxReceiveCountLimit
  )

  dead_letter_queues = {
    events      = "${var.name}-event-dead-letters"
    invocations = "${var.name}-failed-invocations"
    schedules   = "${var.name}-schedule-dead-letters"
  }
}

resource "aws_sqs_queue" "events" {
  name                       = "${var.name}-events"
  visibility_timeout_seconds = local.visibility
  delay_seconds              = var.queue_delay_seconds
  message_retention_seconds  = local.settings.queue.retentionDays * 86400
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters["events"].arn
    maxReceiveCount     = local.max_receive_count
  })

  kms_master_key_id       = local.kms_key_arn
  sqs_managed_sse_enabled = local.kms_key_arn == null ? true : null

  lifecycle {
    precondition {
      condition     = local.visibility > var.function_timeout_seconds
      error_message = "queue_visibility_seconds: expected more than function_timeout_seconds (${var.function_timeout_seconds}), or a message is delivered again while it is still being processed."
    }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.dead_letter_queues

  name                      = each.value
  message_retention_seconds = local.settings.deadLetters.retentionDays * 86400
  tags                      = var.tags

  kms_master_key_id       = local.kms_key_arn
  sqs_managed_sse_enabled = local.kms_key_arn == null ? true : null
}

locals {
  # The rule sends to the queue, and sends events that it could not deliver to the dead-letter
  # queue.
  queue_policies = {
    events                = { queue = aws_sqs_queue.events, from_rule = true }
    event_dead_letters    = { queue = aws_sqs_queue.dead_letters["events"], from_rule = true }
    failed_invocations    = { queue = aws_sqs_queue.dead_letters["invocations"], from_rule = false }
    schedule_dead_letters = { queue = aws_sqs_queue.dead_letters["schedules"], from_rule = false }
  }
}

resource "aws_sqs_queue_policy" "this" {
  for_each = local.queue_policies

  queue_url = each.value.queue.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "sqs:*"
        Resource  = each.value.queue.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for rule in [aws_cloudwatch_event_rule.changes] : {
        Sid       = "ChangesFromTheRule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = each.value.queue.arn
        Condition = { ArnEquals = { "aws:SourceArn" = rule.arn } }
      } if each.value.from_rule],
    )
  })
}

check "retries_outlast_a_key" {
  assert {
    condition = (
      local.max_receive_count * local.visibility >= local.settings.queue.keyLifetimeHours * 3600
    )
    error_message = "queue_visibility_seconds: expected retries that last until the replaced key is deleted (${local.settings.queue.keyLifetimeHours} hours), but ${local.visibility} ends them after ${floor(local.max_receive_count * local.visibility / 3600)} hours; increase it, unless this is a test."
  }
}
