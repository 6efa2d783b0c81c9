output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "function_role_arn" {
  description = "ARN of the function's role."
  value       = local.function_role_arn
}

output "bucket_name" {
  description = "Bucket for state and Vault token; keysync token import stores the token there."
  value       = aws_s3_bucket.state.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.state.arn
}

output "kms_key_arn" {
  description = "Key of the bucket, the queues and the topic; null without one."
  value       = local.kms_key_arn

  precondition {
    condition     = !contains(var.earlier_kms_key_arns, coalesce(var.kms_key_arn, "none"))
    error_message = "earlier_kms_key_arns: expected only other keys than kms_key_arn."
  }
}

output "queue_url" {
  description = "Queue of change events for the function."
  value       = aws_sqs_queue.events.url
}

output "queue_arn" {
  description = "ARN of that queue."
  value       = aws_sqs_queue.events.arn
}

output "dead_letter_queue_url" {
  description = "Dead-letter queue of change events that were not delivered or processed."
  value       = aws_sqs_queue.dead_letters["events"].url
}

output "dead_letter_queue_arn" {
  description = "ARN of that queue."
  value       = aws_sqs_queue.dead_letters["events"].arn
}

output "failed_invocation_queue_url" {
  description = "Queue of reconcile runs and token renewals that failed three times."
  value       = aws_sqs_queue.dead_letters["invocations"].url
}

output "failed_invocation_queue_arn" {
  description = "ARN of that queue."
  value       = aws_sqs_queue.dead_letters["invocations"].arn
}

output "schedule_dead_letter_queue_url" {
  description = "Queue of reconcile runs and token renewals that could not be started."
  value       = aws_sqs_queue.dead_letters["schedules"].url
}

output "schedule_dead_letter_queue_arn" {
  description = "ARN of that queue."
  value       = aws_sqs_queue.dead_letters["schedules"].arn
}

output "rule_name" {
  description = "EventBridge rule for parameter changes."
  value       = aws_cloudwatch_event_rule.changes.name
}

output "rule_arn" {
  description = "ARN of the rule."
  value       = aws_cloudwatch_event_rule.changes.arn
}

output "sweep_schedule_name" {
  description = "Schedule of the nightly reconcile run."
  value       = aws_scheduler_schedule.this["sweep"].name
}

output "log_group_name" {
  description = "Log group of the function."
  value       = local.log_group_name

  precondition {
    condition     = !var.encrypt_logs || var.log_group_name == null
    error_message = "encrypt_logs: expected only without log_group_name; the key of an existing log group is not changed."
  }
}

output "log_group_arn" {
  description = "ARN of the log group."
  value       = local.log_group_arn
}

output "alarm_topic_arn" {
  description = "Topic that alarms notify, given or created."
  value       = local.topic_arn

  precondition {
    condition     = local.topic_created || length(var.alarm_emails) == 0
    error_message = "alarm_emails: expected only without alarm_topic_arn; addresses are subscribed to the created topic."
  }
}

output "dashboard_name" {
  description = "CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "security_group_id" {
  description = "Security group of the function; null outside a VPC."
  value       = one(aws_security_group.function[*].id)

  precondition {
    condition = (
      local.in_vpc == (length(var.subnet_ids) > 0) &&
      local.in_vpc == (length(var.vault_cidrs) > 0)
    )
    error_message = "vpc_id: expected all of vpc_id, subnet_ids and vault_cidrs, or none."
  }
  precondition {
    condition = (
      local.in_vpc == (length(local.endpoints) > 0) &&
      (
        local.in_vpc ||
        length(concat(var.route_table_ids, var.additional_security_group_ids)) == 0
      )
    )
    error_message = "vpc_id: expected with it at least one of endpoint_cidrs, endpoint_prefix_list_ids, endpoint_security_group_ids and vpc_endpoints, or the function reaches no AWS service; these, route_table_ids and additional_security_group_ids only with vpc_id."
  }
  precondition {
    condition = (
      length(local.gateway_endpoints) == 0 ? true :
      length(var.route_table_ids) > 0 && length(var.endpoint_prefix_list_ids) > 0
    )
    error_message = "vpc_endpoints: expected route_table_ids and endpoint_prefix_list_ids with s3 and dynamodb; the security group refers to these by their prefix lists."
  }
}
