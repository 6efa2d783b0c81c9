# The key: created, given, or none.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "created" {
  command = plan

  assert {
    condition     = length(aws_kms_key.this) == 1 && aws_kms_key.this[0].enable_key_rotation && aws_kms_key.this[0].deletion_window_in_days == 30
    error_message = "the key"
  }
  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this[0].policy).Statement : "${statement.Sid} ${join("", statement.Resource)}"] == ["AdministerByAccount *", "DeliverEvents *", "SendAlarms *"]
    error_message = "its policy: ${aws_kms_key.this[0].policy}"
  }
  assert {
    condition     = jsondecode(aws_kms_key.this[0].policy).Statement[0].Principal == { AWS = "arn:aws:iam::111122223333:root" }
    error_message = "nobody could administer the key"
  }
  assert {
    condition     = alltrue([for queue in concat(values(aws_sqs_queue.dead_letters), [aws_sqs_queue.events]) : queue.kms_master_key_id == aws_kms_key.this[0].arn])
    error_message = "a queue uses another key"
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_server_side_encryption_configuration.state.rule : rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" && rule.apply_server_side_encryption_by_default[0].kms_master_key_id == aws_kms_key.this[0].arn])
    error_message = "the bucket uses another key, or asks it for every object"
  }
  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == aws_kms_key.this[0].arn
    error_message = "the topic uses another key"
  }
}

run "created_for_logs_too" {
  command = plan

  variables {
    encrypt_logs    = true
    alarm_topic_arn = "arn:aws:sns:ca-central-1:111122223333:given"
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.kms_key_id == aws_kms_key.this[0].arn
    error_message = "the log group"
  }
  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Sid] == ["AdministerByAccount", "DeliverEvents", "EncryptLogs"]
    error_message = "its policy: ${aws_kms_key.this[0].policy}"
  }
}

run "given" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:ca-central-1:111122223333:key/given"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0
    error_message = "another key was made"
  }
  assert {
    condition     = alltrue([for queue in concat(values(aws_sqs_queue.dead_letters), [aws_sqs_queue.events]) : queue.kms_master_key_id == "arn:aws:kms:ca-central-1:111122223333:key/given"])
    error_message = "a queue uses another key"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Resource if startswith(statement.Sid, "UseKey")] == [["arn:aws:kms:ca-central-1:111122223333:key/given"], ["arn:aws:kms:ca-central-1:111122223333:key/given"]]
    error_message = "the function may not use it"
  }
  assert {
    condition     = output.kms_key_arn == "arn:aws:kms:ca-central-1:111122223333:key/given"
    error_message = "output"
  }
}

run "none" {
  command = plan

  variables {
    create_kms_key = false
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && output.kms_key_arn == null
    error_message = "a key was made"
  }
  assert {
    condition     = alltrue([for queue in concat(values(aws_sqs_queue.dead_letters), [aws_sqs_queue.events]) : queue.sqs_managed_sse_enabled])
    error_message = "a queue is not encrypted"
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_server_side_encryption_configuration.state.rule : rule.apply_server_side_encryption_by_default[0].sse_algorithm == "AES256" && !rule.bucket_key_enabled])
    error_message = "the bucket is not encrypted with S3's key"
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.function.policy, "kms:") && !strcontains(aws_iam_role_policy.scheduler.policy, "kms:")
    error_message = "permissions for a key that is not there"
  }
}
