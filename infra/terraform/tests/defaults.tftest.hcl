# A deployment with only the required inputs.

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

run "function_has_default_settings" {
  command = plan

  assert {
    condition = (
      aws_lambda_function.this.runtime == "provided.al2023" &&
      aws_lambda_function.this.architectures == tolist(["arm64"])
    )
    error_message = "function: expected provided.al2023 on arm64"
  }
  assert {
    condition = (
      aws_lambda_function.this.timeout == 120 &&
      aws_lambda_function.this.memory_size == 256
    )
    error_message = "function timeout and memory: expected 120 s and 256 MiB, got ${aws_lambda_function.this.timeout} s, ${aws_lambda_function.this.memory_size} MiB"
  }
  assert {
    condition = (
      aws_lambda_function.this.source_code_hash == filebase64sha256("./tests/package.zip")
    )
    error_message = "source_code_hash: expected the hash of the package"
  }
  assert {
    condition = (
      aws_lambda_function.this.reserved_concurrent_executions == -1 &&
      aws_lambda_function.this.tracing_config[0].mode == "PassThrough"
    )
    error_message = "function: expected no reserved concurrency and no tracing"
  }
  assert {
    condition     = aws_lambda_function.this.code_signing_config_arn == null
    error_message = "function: expected no code signing"
  }
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      VAULT_ADDR           = "https://vault.example.org:8200"
      S3_BUCKET_NAME       = "iam-key-sync-111122223333-ca-central-1"
      SSM_PARAMETER_PREFIX = "/iam_users/"
      SSM_PARAMETER_SUFFIX = "_keys"
      IAM_USER_TABLE       = "BCGOV_IAM_USER_TABLE"
    })
    error_message = "environment: unexpected variables ${jsonencode(aws_lambda_function.this.environment[0].variables)}"
  }
  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_format == "Text" &&
      aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.function[0].name
    )
    error_message = "logging: expected format Text and the log group of the stack"
  }
  assert {
    condition = (
      aws_cloudwatch_log_group.function[0].retention_in_days == 365 &&
      aws_cloudwatch_log_group.function[0].skip_destroy &&
      aws_cloudwatch_log_group.function[0].kms_key_id == null
    )
    error_message = "log group: expected 365 days, skip_destroy and no key"
  }
}

run "failed_invocations_have_a_destination" {
  command = plan

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 &&
      aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 21600
    )
    error_message = "invoke config: expected 2 retries within 6 hours"
  }
  assert {
    condition = (
      aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination ==
      aws_sqs_queue.dead_letters["invocations"].arn
    )
    error_message = "invoke config: expected the queue of failed invocations"
  }
}

run "rule_delivers_to_the_queue" {
  command = plan

  assert {
    condition = (
      jsondecode(aws_cloudwatch_event_rule.changes.event_pattern) ==
      jsondecode(replace(file("../shared/event-pattern.json"), "$${ParameterPrefix}*$${ParameterSuffix}", "/iam_users/*_keys"))
    )
    error_message = "event pattern: expected the shared one, got ${aws_cloudwatch_event_rule.changes.event_pattern}"
  }
  assert {
    condition = (
      aws_cloudwatch_event_target.queue.arn == aws_sqs_queue.events.arn &&
      aws_cloudwatch_event_target.queue.dead_letter_config[0].arn ==
      aws_sqs_queue.dead_letters["events"].arn
    )
    error_message = "rule target: expected the queue and its dead-letter queue"
  }
  assert {
    condition = (
      aws_cloudwatch_event_target.queue.retry_policy[0].maximum_event_age_in_seconds == 86400 &&
      aws_cloudwatch_event_target.queue.retry_policy[0].maximum_retry_attempts == 185
    )
    error_message = "rule target: expected 185 attempts within a day"
  }
  assert {
    condition = (
      aws_lambda_event_source_mapping.events.batch_size == 10 &&
      aws_lambda_event_source_mapping.events.maximum_batching_window_in_seconds == 0
    )
    error_message = "mapping: expected batches of 10 without a window"
  }
  assert {
    condition = aws_lambda_event_source_mapping.events.enabled && alltrue([
      for schedule in aws_scheduler_schedule.this : schedule.state == "ENABLED"
    ])
    error_message = "mapping, schedules: expected enabled"
  }
  assert {
    condition = (
      aws_lambda_event_source_mapping.events.function_response_types ==
      toset(["ReportBatchItemFailures"])
    )
    error_message = "mapping: expected ReportBatchItemFailures"
  }
  assert {
    condition = (
      aws_lambda_event_source_mapping.events.scaling_config[0].maximum_concurrency == 2
    )
    error_message = "mapping: expected a concurrency of 2"
  }
}

run "queues_keep_messages_and_retry" {
  command = plan

  assert {
    condition = (
      aws_sqs_queue.events.visibility_timeout_seconds == 240 &&
      aws_sqs_queue.events.message_retention_seconds == 4 * 86400 &&
      aws_sqs_queue.events.delay_seconds == 15
    )
    error_message = "queue: expected visibility 240 s, retention 4 days and a delay of 15 s"
  }
  assert {
    condition = jsondecode(aws_sqs_queue.events.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:ca-central-1:111122223333:event-dead-letters"
      maxReceiveCount     = 900
    }
    error_message = "redrive policy: expected 900 receives, got ${aws_sqs_queue.events.redrive_policy}"
  }
  assert {
    condition = alltrue([
      for queue in aws_sqs_queue.dead_letters : queue.message_retention_seconds == 14 * 86400
    ])
    error_message = "dead-letter queues: expected a retention of 14 days"
  }
}

run "queue_retries_60_hours_with_a_short_timeout" {
  command = plan

  variables {
    function_timeout_seconds = 20
  }

  assert {
    condition = (
      aws_sqs_queue.events.visibility_timeout_seconds == 216 &&
      jsondecode(aws_sqs_queue.events.redrive_policy).maxReceiveCount == 1000
    )
    error_message = "queue: expected visibility 216 s and 1000 receives"
  }
}

run "schedules_start_reconcile_and_renewal" {
  command = plan

  assert {
    condition = {
      for name, schedule in aws_scheduler_schedule.this : name => schedule.schedule_expression
      } == {
      sweep         = "cron(30 3 * * ? *)"
      token-refresh = "cron(0 5,11,17,23 * * ? *)"
    }
    error_message = "schedule expressions: unexpected"
  }
  assert {
    condition = {
      for name, schedule in aws_scheduler_schedule.this :
      name => jsondecode(schedule.target[0].input)
      } == {
      sweep         = { action = "reconcile" }
      token-refresh = { action = "refresh-token" }
    }
    error_message = "schedule payloads: unexpected"
  }
  assert {
    condition = alltrue([
      for schedule in aws_scheduler_schedule.this : (
        schedule.schedule_expression_timezone == "America/Vancouver" &&
        schedule.flexible_time_window[0].mode == "FLEXIBLE" &&
        schedule.flexible_time_window[0].maximum_window_in_minutes == 15
      )
    ])
    error_message = "schedules: expected America/Vancouver and a window of 15 minutes"
  }
  assert {
    condition = alltrue([
      for schedule in aws_scheduler_schedule.this : (
        schedule.target[0].dead_letter_config[0].arn ==
        "arn:aws:sqs:ca-central-1:111122223333:schedule-dead-letters" &&
        schedule.target[0].retry_policy[0].maximum_event_age_in_seconds == 86400 &&
        schedule.target[0].retry_policy[0].maximum_retry_attempts == 185
      )
    ])
    error_message = "schedule targets: expected a dead-letter queue and 185 attempts within a day"
  }
}

run "bucket_is_private_and_versioned" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "bucket: expected versioning"
  }
  assert {
    condition = (
      aws_s3_bucket_public_access_block.state.block_public_acls &&
      aws_s3_bucket_public_access_block.state.block_public_policy &&
      aws_s3_bucket_public_access_block.state.ignore_public_acls &&
      aws_s3_bucket_public_access_block.state.restrict_public_buckets
    )
    error_message = "bucket: expected all public access blocked"
  }
  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.state.rule :
      rule.id => rule.noncurrent_version_expiration[0].noncurrent_days
      if length(rule.noncurrent_version_expiration) > 0
    } == { earlier-state = 30, earlier-tokens = 1 }
    error_message = "bucket lifecycle: expected 30 days for state and 1 day for tokens"
  }
  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.state.rule :
      rule.filter[0].prefix if rule.id == "earlier-tokens"
    ] == ["vault-token.json"]
    error_message = "bucket lifecycle: expected a rule for vault-token.json"
  }
}
