# The alarms of infra/shared/alarms.json, and the topic that they notify.

locals {
  topic_created = var.alarm_topic_arn == null
  topic_arn     = local.topic_created ? aws_sns_topic.alarms[0].arn : var.alarm_topic_arn

  topics = {
    warn = local.topic_arn
    page = var.page_topic_arn == null ? local.topic_arn : var.page_topic_arn
  }

  # The keys come from the file alone, because the values of placeholders may be unknown during the
  # plan.
  alarms = {
    for alarm in jsondecode(file("${local.shared}/alarms.json")) : alarm.id => alarm
    if lookup(local.present, try(alarm.requires, ""), true)
  }
  alarm_dimensions = {
    for alarm in jsondecode(templatefile("${local.shared}/alarms.json", local.names)) :
    alarm.id => alarm.dimensions
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description
  tags              = var.tags

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = local.alarm_dimensions[each.key]
  statistic           = each.value.statistic
  period              = each.value.periodSeconds
  evaluation_periods  = each.value.evaluationPeriods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing

  alarm_actions = [local.topics[each.value.severity]]
  ok_actions    = [local.topics[each.value.severity]]
}

resource "aws_sns_topic" "alarms" {
  count = local.topic_created ? 1 : 0

  name              = "${var.name}-alarms"
  display_name      = "IAM key sync"
  tags              = var.tags
  kms_master_key_id = local.kms_key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  count = local.topic_created ? 1 : 0

  arn = aws_sns_topic.alarms[0].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms[0].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "AlarmsOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms[0].arn
        Condition = {
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
          }
        }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = local.topic_created ? toset(var.alarm_emails) : toset([])

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.value
}
