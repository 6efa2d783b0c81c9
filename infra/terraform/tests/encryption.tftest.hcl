# The encryption key: created, given, or none.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "key_is_created_by_default" {
  command = plan

  assert {
    condition = (
      length(aws_kms_key.this) == 1 &&
      aws_kms_key.this[0].enable_key_rotation &&
      aws_kms_key.this[0].deletion_window_in_days == 30
    )
    error_message = "key: expected one with rotation and a deletion window of 30 days"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement :
      "${statement.Sid} ${join("", statement.Resource)}"
    ] == ["AdministerByAccount *", "DeliverEvents *", "SendAlarms *"]
    error_message = "key policy: unexpected statements in ${aws_kms_key.this[0].policy}"
  }
  assert {
    condition = (
      jsondecode(aws_kms_key.this[0].policy).Statement[0].Principal ==
      { AWS = "arn:aws:iam::111122223333:root" }
    )
    error_message = "key policy: expected the account as administrator"
  }
  assert {
    condition = alltrue([
      for queue in concat(values(aws_sqs_queue.dead_letters), [aws_sqs_queue.events]) :
      queue.kms_master_key_id == aws_kms_key.this[0].arn
    ])
    error_message = "queues: expected the same key"
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.state.rule : (
        rule.bucket_key_enabled &&
        rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" &&
        rule.apply_server_side_encryption_by_default[0].kms_master_key_id ==
        aws_kms_key.this[0].arn
      )
    ])
    error_message = "bucket encryption: expected the created key and a bucket key"
  }
  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == aws_kms_key.this[0].arn
    error_message = "topic: expected the created key"
  }
}

run "key_may_encrypt_logs" {
  command = plan

  variables {
    encrypt_logs    = true
    alarm_topic_arn = "arn:aws:sns:ca-central-1:111122223333:given"
  }

  assert {
    condition     = aws_cloudwatch_log_group.function[0].kms_key_id == aws_kms_key.this[0].arn
    error_message = "log group: expected the created key"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Sid
    ] == ["AdministerByAccount", "DeliverEvents", "EncryptLogs"]
    error_message = "key policy: unexpected statements in ${aws_kms_key.this[0].policy}"
  }
}

run "key_may_be_given" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:ca-central-1:111122223333:key/given"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0
    error_message = "key: expected none to be created"
  }
  assert {
    condition = alltrue([
      for queue in concat(values(aws_sqs_queue.dead_letters), [aws_sqs_queue.events]) :
      queue.kms_master_key_id == "arn:aws:kms:ca-central-1:111122223333:key/given"
    ])
    error_message = "queues: expected the same key"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement :
      statement.Resource if startswith(statement.Sid, "UseKey")
      ] == [
      ["arn:aws:kms:ca-central-1:111122223333:key/given"],
      ["arn:aws:kms:ca-central-1:111122223333:key/given"],
    ]
    error_message = "function role: expected the given key"
  }
  assert {
    condition     = output.kms_key_arn == "arn:aws:kms:ca-central-1:111122223333:key/given"
    error_message = "output kms_key_arn: expected the given key"
  }
}

run "key_is_optional" {
  command = plan

  variables {
    create_kms_key = false
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && output.kms_key_arn == null
    error_message = "key: expected none"
  }
  assert {
    condition = alltrue([
      for queue in concat(values(aws_sqs_queue.dead_letters), [aws_sqs_queue.events]) :
      queue.sqs_managed_sse_enabled
    ])
    error_message = "queues: expected the key of SQS"
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.state.rule : (
        rule.apply_server_side_encryption_by_default[0].sse_algorithm == "AES256" &&
        !rule.bucket_key_enabled
      )
    ])
    error_message = "bucket encryption: expected the key of S3"
  }
  assert {
    condition = (
      !strcontains(aws_iam_role_policy.function[0].policy, "kms:") &&
      !strcontains(aws_iam_role_policy.scheduler[0].policy, "kms:")
    )
    error_message = "roles: expected no permissions for KMS"
  }
}
