# What must hold between several inputs. Each run breaks one rule.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "a_package_is_needed" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    zip = null
  }
}

run "one_package_only" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    package_bucket = "packages"
    package_key    = "function.zip"
  }
}

run "a_bucket_needs_a_key" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    zip            = null
    package_bucket = "packages"
  }
}

run "a_version_needs_a_bucket" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    package_version = "1"
  }
}

run "package_from_a_bucket" {
  command = plan

  variables {
    zip             = null
    package_bucket  = "packages"
    package_key     = "function.zip"
    package_version = "1"
  }

  assert {
    condition     = aws_lambda_function.this.s3_bucket == "packages" && aws_lambda_function.this.s3_key == "function.zip" && aws_lambda_function.this.s3_object_version == "1" && aws_lambda_function.this.filename == null
    error_message = "the package's place"
  }
}

run "a_message_must_not_come_back_while_it_is_worked_on" {
  command         = plan
  expect_failures = [aws_sqs_queue.events]

  variables {
    function_timeout_seconds = 300
    queue_visibility_seconds = 300
  }
}

run "retries_that_end_too_early_are_reported" {
  command         = plan
  expect_failures = [check.retries_outlast_a_key]

  variables {
    queue_visibility_seconds = 172
  }
}

run "a_sweep_finds_room" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    max_concurrency      = 5
    reserved_concurrency = 5
  }
}

run "logs_need_a_key" {
  command         = plan
  expect_failures = [aws_cloudwatch_log_group.function]

  variables {
    encrypt_logs   = true
    create_kms_key = false
  }
}

run "addresses_need_our_topic" {
  command         = plan
  expect_failures = [output.alarm_topic_arn]

  variables {
    alarm_emails    = ["oncall@example.org"]
    alarm_topic_arn = "arn:aws:sns:ca-central-1:111122223333:given"
  }
}

run "a_vpc_needs_subnets" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id         = "vpc-0123456789abcdef0"
    vault_cidrs    = ["10.1.0.0/16"]
    endpoint_cidrs = ["10.2.0.0/16"]
  }
}

run "a_vpc_needs_a_way_to_vault" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id         = "vpc-0123456789abcdef0"
    subnet_ids     = ["subnet-0123456789abcdef0"]
    endpoint_cidrs = ["10.2.0.0/16"]
  }
}

run "a_vpc_needs_a_way_to_aws" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id      = "vpc-0123456789abcdef0"
    subnet_ids  = ["subnet-0123456789abcdef0"]
    vault_cidrs = ["10.1.0.0/16"]
  }
}

run "subnets_need_a_vpc" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    subnet_ids = ["subnet-0123456789abcdef0"]
  }
}

run "endpoints_need_a_vpc" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_endpoints = ["ssm"]
  }
}

run "route_tables_need_a_vpc" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    route_table_ids = ["rtb-0123456789abcdef0"]
  }
}

run "gateway_endpoints_need_route_tables" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id                   = "vpc-0123456789abcdef0"
    subnet_ids               = ["subnet-0123456789abcdef0"]
    vault_cidrs              = ["10.1.0.0/16"]
    vpc_endpoints            = ["s3"]
    endpoint_prefix_list_ids = ["pl-01234567"]
  }
}

run "gateway_endpoints_need_prefix_lists" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id          = "vpc-0123456789abcdef0"
    subnet_ids      = ["subnet-0123456789abcdef0"]
    vault_cidrs     = ["10.1.0.0/16"]
    vpc_endpoints   = ["dynamodb"]
    route_table_ids = ["rtb-0123456789abcdef0"]
  }
}
