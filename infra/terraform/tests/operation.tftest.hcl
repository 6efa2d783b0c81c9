# Pause, delay, and resources that a platform provides: log group, roles, security groups, tags.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "pause_stops_only_deliveries" {
  command = plan

  variables {
    enabled = false
  }

  assert {
    condition = !aws_lambda_event_source_mapping.events.enabled && alltrue([
      for schedule in aws_scheduler_schedule.this : schedule.state == "DISABLED"
    ])
    error_message = "mapping, schedules: expected disabled"
  }
  assert {
    condition = (
      aws_cloudwatch_event_rule.changes.state == "ENABLED" ||
      aws_cloudwatch_event_rule.changes.state == null
    )
    error_message = "rule: expected enabled, so that changes wait in the queue"
  }
  assert {
    condition = (
      toset(keys(aws_cloudwatch_metric_alarm.this)) ==
      toset([for alarm in jsondecode(file("../shared/alarms.json")) : alarm.id])
    )
    error_message = "alarms: expected all of them"
  }
}

run "queue_delay_follows_the_input" {
  command = plan

  variables {
    queue_delay_seconds = 0
  }

  assert {
    condition     = aws_sqs_queue.events.delay_seconds == 0
    error_message = "queue: expected no delay"
  }
}

run "log_group_may_be_given" {
  command = plan

  variables {
    log_group_name = "/platform/iam-key-sync"
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.function) == 0
    error_message = "log group: expected none to be created"
  }
  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_group == "/platform/iam-key-sync" &&
      output.log_group_name == "/platform/iam-key-sync" &&
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "/platform/iam-key-sync")
    )
    error_message = "function, output, dashboard: expected the given log group"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement :
      statement.Resource if statement.Sid == "WriteLogs"
      ] == [
      ["arn:aws:logs:ca-central-1:111122223333:log-group:/platform/iam-key-sync:*"]
    ]
    error_message = "function role: expected the given log group"
  }
}

run "encrypt_logs_excludes_a_given_log_group" {
  command         = plan
  expect_failures = [output.log_group_name]

  variables {
    encrypt_logs   = true
    log_group_name = "/platform/iam-key-sync"
  }
}

run "roles_may_be_given" {
  command = plan

  variables {
    function_role_arn  = "arn:aws:iam::111122223333:role/given/function"
    scheduler_role_arn = "arn:aws:iam::111122223333:role/given/scheduler"
    tracing            = true
    vpc_id             = "vpc-0123456789abcdef0"
    subnet_ids         = ["subnet-0123456789abcdef0"]
    vault_cidrs        = ["10.1.0.0/16"]
    endpoint_cidrs     = ["10.2.0.0/16"]
  }

  assert {
    condition = (
      aws_lambda_function.this.role == "arn:aws:iam::111122223333:role/given/function" &&
      output.function_role_arn == "arn:aws:iam::111122223333:role/given/function" &&
      alltrue([
        for schedule in aws_scheduler_schedule.this :
        schedule.target[0].role_arn == "arn:aws:iam::111122223333:role/given/scheduler"
      ])
    )
    error_message = "function, schedules: expected the given roles"
  }
  assert {
    condition = 0 == sum([
      length(aws_iam_role.function), length(aws_iam_role.scheduler),
      length(aws_iam_role_policy.function), length(aws_iam_role_policy.network),
      length(aws_iam_role_policy.scheduler), length(aws_iam_role_policy_attachment.function),
    ])
    error_message = "roles: expected none, and no policy of a given one"
  }
}

run "roles_have_the_path" {
  command = plan

  variables {
    role_path = "/service/"
  }

  assert {
    condition = (
      aws_iam_role.function[0].path == "/service/" && aws_iam_role.scheduler[0].path == "/service/"
    )
    error_message = "roles: expected the path"
  }
}

run "function_has_additional_security_groups" {
  command = plan

  variables {
    vpc_id                        = "vpc-0123456789abcdef0"
    subnet_ids                    = ["subnet-0123456789abcdef0"]
    vault_cidrs                   = ["10.1.0.0/16"]
    endpoint_cidrs                = ["10.2.0.0/16"]
    additional_security_group_ids = ["sg-0123456789abcdef9"]
  }

  assert {
    condition = aws_lambda_function.this.vpc_config[0].security_group_ids == toset([
      aws_security_group.function[0].id, "sg-0123456789abcdef9"
    ])
    error_message = "function: expected its own group and the given one"
  }
}

run "additional_security_groups_require_a_vpc" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    additional_security_group_ids = ["sg-0123456789abcdef9"]
  }
}

run "bucket_name_and_tags_may_be_given" {
  command = plan

  variables {
    bucket_name = "given-bucket"
    tags        = { Ministry = "WLRS" }
  }

  assert {
    condition = (
      output.bucket_name == "given-bucket" &&
      aws_lambda_function.this.environment[0].variables["S3_BUCKET_NAME"] == "given-bucket"
    )
    error_message = "bucket: expected the given name"
  }
  assert {
    condition = alltrue([
      for tags in concat(
        values(aws_cloudwatch_metric_alarm.this)[*].tags,
        values(aws_sqs_queue.dead_letters)[*].tags,
        [
          aws_cloudwatch_event_rule.changes.tags, aws_cloudwatch_log_group.function[0].tags,
          aws_iam_role.function[0].tags, aws_iam_role.scheduler[0].tags, aws_kms_key.this[0].tags,
          aws_lambda_event_source_mapping.events.tags, aws_lambda_function.this.tags,
          aws_s3_bucket.state.tags, aws_sns_topic.alarms[0].tags, aws_sqs_queue.events.tags,
        ]
      ) : tags == tomap({ Ministry = "WLRS" })
    ])
    error_message = "tags: expected on every resource"
  }
}
