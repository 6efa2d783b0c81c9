# Delivery of change events: the rule, its target and the function's event source mapping.

resource "aws_cloudwatch_event_rule" "changes" {
  name        = "${var.name}-changes"
  description = "Changes of the parameters that hold IAM access keys"
  tags        = var.tags
  event_pattern = jsonencode(jsondecode(templatefile("${local.shared}/event-pattern.json", {
    ParameterPrefix = var.parameter_prefix
    ParameterSuffix = var.parameter_suffix
  })))
}

resource "aws_cloudwatch_event_target" "queue" {
  rule = aws_cloudwatch_event_rule.changes.name
  arn  = aws_sqs_queue.events.arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters["events"].arn
  }

  retry_policy {
    maximum_event_age_in_seconds = local.settings.delivery.maximumEventAgeHours * 3600
    maximum_retry_attempts       = local.settings.delivery.retryAttempts
  }
}

resource "aws_lambda_event_source_mapping" "events" {
  function_name                      = aws_lambda_function.this.arn
  event_source_arn                   = aws_sqs_queue.events.arn
  enabled                            = var.enabled
  tags                               = var.tags
  batch_size                         = local.settings.mapping.batchSize
  maximum_batching_window_in_seconds = local.settings.mapping.batchingWindowSeconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.max_concurrency
  }

  # Lambda rejects an event source mapping until the function's role is allowed to read the queue.
  depends_on = [aws_iam_role_policy.function]
}
