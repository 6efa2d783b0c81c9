# Rules between inputs. Each run breaks one rule.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "package_is_required" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    zip = null
  }
}

run "package_rejects_zip_and_bucket" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    package_bucket = "packages"
    package_key    = "function.zip"
  }
}

run "package_bucket_requires_a_key" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    zip            = null
    package_bucket = "packages"
  }
}

run "package_version_requires_a_bucket" {
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
    condition = (
      aws_lambda_function.this.s3_bucket == "packages" &&
      aws_lambda_function.this.s3_key == "function.zip" &&
      aws_lambda_function.this.s3_object_version == "1" &&
      aws_lambda_function.this.filename == null
    )
    error_message = "function: expected the package in the bucket"
  }
}

run "queue_visibility_exceeds_the_function_timeout" {
  command         = plan
  expect_failures = [aws_sqs_queue.events]

  variables {
    function_timeout_seconds = 300
    queue_visibility_seconds = 300
  }
}

run "queue_warns_if_retries_end_before_the_key_expires" {
  command         = plan
  expect_failures = [check.retries_outlast_a_key]

  variables {
    queue_visibility_seconds = 172
  }
}

run "reserved_concurrency_exceeds_max_concurrency" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    max_concurrency      = 5
    reserved_concurrency = 5
  }
}

run "encrypt_logs_requires_a_key" {
  command         = plan
  expect_failures = [aws_cloudwatch_log_group.function]

  variables {
    encrypt_logs   = true
    create_kms_key = false
  }
}

run "alarm_emails_require_the_created_topic" {
  command         = plan
  expect_failures = [output.alarm_topic_arn]

  variables {
    alarm_emails    = ["oncall@example.org"]
    alarm_topic_arn = "arn:aws:sns:ca-central-1:111122223333:given"
  }
}

run "vpc_requires_subnets" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id         = "vpc-0123456789abcdef0"
    vault_cidrs    = ["10.1.0.0/16"]
    endpoint_cidrs = ["10.2.0.0/16"]
  }
}

run "vpc_requires_vault_cidrs" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id         = "vpc-0123456789abcdef0"
    subnet_ids     = ["subnet-0123456789abcdef0"]
    endpoint_cidrs = ["10.2.0.0/16"]
  }
}

run "vpc_requires_a_route_to_aws" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_id      = "vpc-0123456789abcdef0"
    subnet_ids  = ["subnet-0123456789abcdef0"]
    vault_cidrs = ["10.1.0.0/16"]
  }
}

run "subnets_require_a_vpc" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    subnet_ids = ["subnet-0123456789abcdef0"]
  }
}

run "endpoints_require_a_vpc" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    vpc_endpoints = ["ssm"]
  }
}

run "route_tables_require_a_vpc" {
  command         = plan
  expect_failures = [output.security_group_id]

  variables {
    route_table_ids = ["rtb-0123456789abcdef0"]
  }
}

run "gateway_endpoints_require_route_tables" {
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

run "gateway_endpoints_require_prefix_lists" {
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
