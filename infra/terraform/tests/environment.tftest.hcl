# The environment variables of the function.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "environment_is_limited_to_4_kb" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_ca_file = "./tests/large-ca.pem"
  }
}

run "environment_is_limited_for_users_too" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    user_list = [for number in range(100) : format("%050d", number)]
  }
}

run "environment_names_its_largest_variable" {
  command = plan

  variables {
    user_list = [for number in range(20) : format("%050d", number)]
  }

  assert {
    condition     = local.largest_variable == "IAM_USER_LIST"
    error_message = "environment: expected IAM_USER_LIST; got ${local.largest_variable}"
  }
}

run "environment_holds_only_certificates_of_the_ca_file" {
  command = plan

  variables {
    vault_ca_file = "./tests/ca.pem"
  }

  assert {
    condition = (
      can(regex("^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n$", aws_lambda_function.this.environment[0].variables["VAULT_CACERT_BYTES"]))
    )
    error_message = "VAULT_CACERT_BYTES: expected only certificates, got ${aws_lambda_function.this.environment[0].variables["VAULT_CACERT_BYTES"]}"
  }
}

run "environment_holds_all_inputs" {
  command = plan

  variables {
    vault_namespace               = "ministry/team"
    vault_auth_method             = "aws"
    vault_auth_role               = "iam-key-sync"
    vault_auth_mount              = "team/aws"
    vault_auth_aws_region         = "us-east-1"
    vault_auth_aws_server_id      = "vault.example.org"
    vault_mount                   = "kv"
    vault_path_prefix             = "keys"
    token_refresh_threshold_hours = 12
    user_list                     = ["alice", "bob"]
    on_user_deleted               = "soft-delete"
    sync_interval_hours           = 20
    log_level                     = "debug"
    sync_concurrency              = 4
    ssm_max_calls_per_second      = 5
    vault_ca_file                 = "./tests/ca.pem"
  }

  assert {
    condition = {
      for name, value in aws_lambda_function.this.environment[0].variables : name => value
      if !contains(["VAULT_CACERT_BYTES", "S3_BUCKET_NAME"], name)
      } == {
      VAULT_ADDR                    = "https://vault.example.org:8200"
      VAULT_NAMESPACE               = "ministry/team"
      VAULT_AUTH_METHOD             = "aws"
      VAULT_AUTH_ROLE               = "iam-key-sync"
      VAULT_AUTH_MOUNT              = "team/aws"
      VAULT_AUTH_AWS_REGION         = "us-east-1"
      VAULT_AUTH_AWS_SERVER_ID      = "vault.example.org"
      VAULT_MOUNT                   = "kv"
      VAULT_PATH_PREFIX             = "keys"
      TOKEN_REFRESH_THRESHOLD_HOURS = "12"
      SSM_PARAMETER_PREFIX          = "/iam_users/"
      SSM_PARAMETER_SUFFIX          = "_keys"
      IAM_USER_TABLE                = "BCGOV_IAM_USER_TABLE"
      IAM_USER_LIST                 = "alice,bob"
      ON_USER_DELETED               = "soft-delete"
      SYNC_INTERVAL_HOURS           = "20"
      LOG_LEVEL                     = "debug"
      SYNC_CONCURRENCY              = "4"
      SSM_MAX_CALLS_PER_SECOND      = "5"
    }
    error_message = "environment: unexpected variables ${jsonencode(aws_lambda_function.this.environment[0].variables)}"
  }
  assert {
    condition = (
      toset(keys(aws_lambda_function.this.environment[0].variables)) ==
      toset(concat(["S3_BUCKET_NAME"], [
        for input in jsondecode(file("../shared/inputs.json")).inputs : input.variable
        if can(input.variable)
      ]))
    )
    error_message = "environment: expected the variable of each input"
  }
}
