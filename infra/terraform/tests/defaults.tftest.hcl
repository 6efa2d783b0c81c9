# A deployment that chose nothing but what it must.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_sqs_queue.dead_letters["events"]
  override_during = plan
  values          = { arn = "arn:aws:sqs:ca-central-1:111122223333:event-dead-letters" }
}

override_resource {
  target          = aws_sqs_queue.dead_letters["invocations"]
  override_during = plan
  values          = { arn = "arn:aws:sqs:ca-central-1:111122223333:failed-invocations" }
}

override_resource {
  target          = aws_sqs_queue.dead_letters["schedules"]
  override_during = plan
  values          = { arn = "arn:aws:sqs:ca-central-1:111122223333:schedule-dead-letters" }
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "function" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "the binary would not run"
  }
  assert {
    condition     = aws_lambda_function.this.timeout == 120 && aws_lambda_function.this.memory_size == 256
    error_message = "timeout or memory: ${aws_lambda_function.this.timeout} s, ${aws_lambda_function.this.memory_size} MiB"
  }
  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/package.zip")
    error_message = "a new package would not be noticed"
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1 && aws_lambda_function.this.tracing_config[0].mode == "PassThrough"
    error_message = "something was switched on that nobody asked for"
  }
  assert {
    condition     = aws_lambda_function.this.code_signing_config_arn == null
    error_message = "code signing without being asked"
  }
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      VAULT_ADDR           = "https://vault.example.org:8200"
      S3_BUCKET_NAME       = "iam-key-sync-111122223333-ca-central-1"
      SSM_PARAMETER_PREFIX = "/iam_users/"
      SSM_PARAMETER_SUFFIX = "_keys"
      IAM_USER_TABLE       = "BCGOV_IAM_USER_TABLE"
    })
    error_message = "environment: ${jsonencode(aws_lambda_function.this.environment[0].variables)}"
  }
  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "Text" && aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.function.name
    error_message = "metric lines would be lost, or logs end elsewhere"
  }
  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 90 && aws_cloudwatch_log_group.function.skip_destroy && aws_cloudwatch_log_group.function.kms_key_id == null
    error_message = "log group"
  }
}

run "failed_invocations" {
  command = plan

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 21600
    error_message = "retries of a failed sweep"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == aws_sqs_queue.dead_letters["invocations"].arn
    error_message = "a failed sweep ends nowhere"
  }
}

run "delivery" {
  command = plan

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.changes.event_pattern) == jsondecode(replace(file("../shared/event-pattern.json"), "$${ParameterPrefix}*$${ParameterSuffix}", "/iam_users/*_keys"))
    error_message = "pattern: ${aws_cloudwatch_event_rule.changes.event_pattern}"
  }
  assert {
    condition     = aws_cloudwatch_event_target.queue.arn == aws_sqs_queue.events.arn && aws_cloudwatch_event_target.queue.dead_letter_config[0].arn == aws_sqs_queue.dead_letters["events"].arn
    error_message = "the rule's target"
  }
  assert {
    condition     = aws_cloudwatch_event_target.queue.retry_policy[0].maximum_event_age_in_seconds == 86400 && aws_cloudwatch_event_target.queue.retry_policy[0].maximum_retry_attempts == 185
    error_message = "EventBridge gives up too early"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.events.batch_size == 10 && aws_lambda_event_source_mapping.events.maximum_batching_window_in_seconds == 0
    error_message = "a rotated key must reach Vault at once"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.events.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "one failed user would send the whole batch back"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.events.scaling_config[0].maximum_concurrency == 2
    error_message = "a burst would load Vault"
  }
}

run "queues" {
  command = plan

  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds == 240 && aws_sqs_queue.events.message_retention_seconds == 4 * 86400
    error_message = "the queue's times"
  }
  assert {
    condition = jsondecode(aws_sqs_queue.events.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:ca-central-1:111122223333:event-dead-letters"
      maxReceiveCount     = 900
    }
    error_message = "redrive: ${aws_sqs_queue.events.redrive_policy}"
  }
  assert {
    condition     = alltrue([for queue in aws_sqs_queue.dead_letters : queue.message_retention_seconds == 14 * 86400])
    error_message = "dead letters must stay as long as SQS keeps them"
  }
}

run "queue_follows_the_function" {
  command = plan

  variables {
    function_timeout_seconds = 20
  }

  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds == 216 && jsondecode(aws_sqs_queue.events.redrive_policy).maxReceiveCount == 1000
    error_message = "with a short timeout retries must still last 60 hours"
  }
}

run "schedules" {
  command = plan

  assert {
    condition     = { for name, schedule in aws_scheduler_schedule.this : name => schedule.schedule_expression } == { sweep = "cron(30 3 * * ? *)", token-refresh = "cron(0 5,11,17,23 * * ? *)" }
    error_message = "when"
  }
  assert {
    condition     = { for name, schedule in aws_scheduler_schedule.this : name => jsondecode(schedule.target[0].input) } == { sweep = { action = "reconcile" }, token-refresh = { action = "refresh-token" } }
    error_message = "what"
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.this : schedule.schedule_expression_timezone == "America/Vancouver" && schedule.flexible_time_window[0].mode == "FLEXIBLE" && schedule.flexible_time_window[0].maximum_window_in_minutes == 15])
    error_message = "zone or window"
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.this : schedule.target[0].dead_letter_config[0].arn == "arn:aws:sqs:ca-central-1:111122223333:schedule-dead-letters" && schedule.target[0].retry_policy[0].maximum_event_age_in_seconds == 86400 && schedule.target[0].retry_policy[0].maximum_retry_attempts == 185])
    error_message = "a schedule that cannot start ends nowhere"
  }
}

run "bucket" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "state could not be brought back"
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.state.block_public_acls && aws_s3_bucket_public_access_block.state.block_public_policy && aws_s3_bucket_public_access_block.state.ignore_public_acls && aws_s3_bucket_public_access_block.state.restrict_public_buckets
    error_message = "the bucket holds the Vault token"
  }
  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.state.rule : rule.id => rule.noncurrent_version_expiration[0].noncurrent_days if length(rule.noncurrent_version_expiration) > 0 } == { earlier-state = 30, earlier-tokens = 1 }
    error_message = "earlier versions"
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.state.rule : rule.filter[0].prefix if rule.id == "earlier-tokens"] == ["vault-token.json"]
    error_message = "earlier tokens would stay"
  }
}
