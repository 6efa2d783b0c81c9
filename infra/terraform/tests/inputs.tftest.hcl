# Values beyond the limits of each input. A run fails unless Terraform rejects all of its inputs.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "inputs_reject_malformed_text" {
  command = plan

  variables {
    package_bucket           = "Packages"
    package_key              = ""
    package_version          = ""
    code_signing_config_arn  = "csc-1"
    vault_addr               = "http://vault.example.org"
    vault_namespace          = "two words"
    vault_auth_role          = "-keys"
    vault_auth_mount         = "team//aws"
    vault_auth_aws_region    = "ca_central_1"
    vault_auth_aws_server_id = "two words"
    vault_mount              = "secret//kv"
    vault_path_prefix        = "a b"
    parameter_prefix         = "iam_users/"
    parameter_suffix         = ""
    parameter_kms_key_arn    = "alias/key"
    user_table               = "no table"
    permissions_boundary_arn = "boundary"
    schedule_time_zone       = "Vancouver!"
    sweep_schedule           = "nightly"
    token_refresh_schedule   = "cron()"
    vpc_id                   = "vpc"
    kms_key_arn              = "alias/key"
    alarm_topic_arn          = "topic"
    page_topic_arn           = "topic"
    name                     = "Iam"
    bucket_name              = "Bucket"
    log_group_name           = "log group"
    role_path                = "service"
    function_role_arn        = "role"
    scheduler_role_arn       = "role"
  }

  expect_failures = [
    var.package_bucket,
    var.package_key,
    var.package_version,
    var.code_signing_config_arn,
    var.vault_addr,
    var.vault_namespace,
    var.vault_auth_role,
    var.vault_auth_mount,
    var.vault_auth_aws_region,
    var.vault_auth_aws_server_id,
    var.vault_mount,
    var.vault_path_prefix,
    var.parameter_prefix,
    var.parameter_suffix,
    var.parameter_kms_key_arn,
    var.user_table,
    var.permissions_boundary_arn,
    var.schedule_time_zone,
    var.sweep_schedule,
    var.token_refresh_schedule,
    var.vpc_id,
    var.kms_key_arn,
    var.alarm_topic_arn,
    var.page_topic_arn,
    var.name,
    var.bucket_name,
    var.log_group_name,
    var.role_path,
    var.function_role_arn,
    var.scheduler_role_arn,
  ]
}

run "inputs_reject_unknown_values" {
  command = plan

  variables {
    architecture       = "arm"
    vault_auth_method  = "kubernetes"
    on_user_deleted    = "delete"
    log_level          = "verbose"
    log_retention_days = 91
  }

  expect_failures = [
    var.architecture,
    var.vault_auth_method,
    var.on_user_deleted,
    var.log_level,
    var.log_retention_days,
  ]
}

run "lists_reject_malformed_items" {
  command = plan

  variables {
    user_list                     = ["alice", "two words"]
    additional_security_group_ids = ["sg"]
    earlier_kms_key_arns          = ["alias/key"]
    subnet_ids                    = ["subnet-0123456789abcdef0", "subnet"]
    vault_cidrs                   = ["10.1.0.0"]
    endpoint_prefix_list_ids      = ["pl"]
    endpoint_security_group_ids   = ["sg"]
    endpoint_cidrs                = ["10.1.0.0"]
    vpc_endpoints                 = ["sqs"]
    route_table_ids               = ["rtb"]
    alarm_emails                  = ["no-address"]
  }

  expect_failures = [
    var.user_list,
    var.additional_security_group_ids,
    var.earlier_kms_key_arns,
    var.subnet_ids,
    var.vault_cidrs,
    var.endpoint_prefix_list_ids,
    var.endpoint_security_group_ids,
    var.endpoint_cidrs,
    var.vpc_endpoints,
    var.route_table_ids,
    var.alarm_emails,
  ]
}

run "numbers_reject_values_below_the_minimum" {
  command = plan

  variables {
    token_refresh_threshold_hours = 0
    sync_interval_hours           = 0
    function_timeout_seconds      = 9
    memory_mib                    = 127
    reserved_concurrency          = 2
    sync_concurrency              = 0
    ssm_max_calls_per_second      = 0
    queue_visibility_seconds      = 1
    queue_delay_seconds           = -1
    max_concurrency               = 1
  }

  expect_failures = [
    var.token_refresh_threshold_hours,
    var.sync_interval_hours,
    var.function_timeout_seconds,
    var.memory_mib,
    var.reserved_concurrency,
    var.sync_concurrency,
    var.ssm_max_calls_per_second,
    var.queue_visibility_seconds,
    var.queue_delay_seconds,
    var.max_concurrency,
  ]
}

run "numbers_reject_values_above_the_maximum" {
  command = plan

  variables {
    token_refresh_threshold_hours = 8761
    sync_interval_hours           = 25
    function_timeout_seconds      = 901
    memory_mib                    = 10241
    reserved_concurrency          = 1001
    sync_concurrency              = 257
    ssm_max_calls_per_second      = 1001
    queue_visibility_seconds      = 1801
    queue_delay_seconds           = 901
    max_concurrency               = 1001
  }

  expect_failures = [
    var.token_refresh_threshold_hours,
    var.sync_interval_hours,
    var.function_timeout_seconds,
    var.memory_mib,
    var.reserved_concurrency,
    var.sync_concurrency,
    var.ssm_max_calls_per_second,
    var.queue_visibility_seconds,
    var.queue_delay_seconds,
    var.max_concurrency,
  ]
}

run "numbers_reject_fractions" {
  command = plan

  variables {
    token_refresh_threshold_hours = 1.5
    sync_interval_hours           = 1.5
    function_timeout_seconds      = 10.5
    memory_mib                    = 128.5
    reserved_concurrency          = 3.5
    sync_concurrency              = 1.5
    ssm_max_calls_per_second      = 1.5
    queue_visibility_seconds      = 2.5
    queue_delay_seconds           = 0.5
    max_concurrency               = 2.5
  }

  expect_failures = [
    var.token_refresh_threshold_hours,
    var.sync_interval_hours,
    var.function_timeout_seconds,
    var.memory_mib,
    var.reserved_concurrency,
    var.sync_concurrency,
    var.ssm_max_calls_per_second,
    var.queue_visibility_seconds,
    var.queue_delay_seconds,
    var.max_concurrency,
  ]
}

run "cidrs_reject_invalid_ranges" {
  command = plan

  variables {
    vault_cidrs    = ["10.1.0.300/16"]
    endpoint_cidrs = ["10.1.0.0/33"]
  }

  expect_failures = [
    var.vault_cidrs,
    var.endpoint_cidrs,
  ]
}

run "vault_inputs_reject_dot_segments_and_large_ports" {
  command = plan

  variables {
    vault_auth_mount  = "../aws"
    vault_mount       = "secret/.."
    vault_path_prefix = "./keys"
    vault_addr        = "https://vault.example.org:65536"
  }

  expect_failures = [
    var.vault_auth_mount,
    var.vault_mount,
    var.vault_path_prefix,
    var.vault_addr,
  ]
}

run "vault_addr_rejects_an_invalid_ipv4_address" {
  command         = plan
  expect_failures = [var.vault_addr]

  variables {
    vault_addr = "https://10.1.2.300:8200"
  }
}

run "vault_addr_rejects_an_invalid_ipv6_address" {
  command         = plan
  expect_failures = [var.vault_addr]

  variables {
    vault_addr = "https://[fd00:::1]"
  }
}

run "vault_addr_rejects_a_name_that_ends_with_a_number" {
  command         = plan
  expect_failures = [var.vault_addr]

  variables {
    vault_addr = "https://vault.300/"
  }
}

run "vault_addr_accepts_an_ipv4_address" {
  command = plan

  variables {
    vault_addr = "https://10.1.2.30:8200"
  }
}

run "vault_addr_accepts_an_ipv6_address" {
  command = plan

  variables {
    vault_addr = "https://[fd00::1]:8200/"
  }
}

run "user_list_rejects_dots" {
  command         = plan
  expect_failures = [var.user_list]

  variables {
    user_list = ["alice", ".."]
  }
}

run "cidrs_reject_host_bits" {
  command = plan

  variables {
    vault_cidrs    = ["10.1.2.3/16"]
    endpoint_cidrs = ["10.1.0.0/16", "10.2.0.128/24"]
  }

  expect_failures = [
    var.vault_cidrs,
    var.endpoint_cidrs,
  ]
}

run "cidrs_reject_leading_zeros" {
  command = plan

  variables {
    vault_cidrs    = ["10.01.0.0/16"]
    endpoint_cidrs = ["10.1.0.0/08"]
  }

  expect_failures = [
    var.vault_cidrs,
    var.endpoint_cidrs,
  ]
}

run "zip_rejects_a_missing_file" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    zip = "./tests/missing.zip"
  }
}

run "zip_rejects_another_format" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    zip = "./tests/defaults.tftest.hcl"
  }
}

run "vault_ca_file_rejects_a_missing_file" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_ca_file = "./tests/missing.pem"
  }
}

run "vault_ca_file_rejects_another_format" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_ca_file = "./tests/package.zip"
  }
}

run "vault_ca_file_rejects_a_private_key" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_ca_file = "./tests/private-key.pem"
  }
}
