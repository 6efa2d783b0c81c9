# A login at Vault instead of a stored token.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip               = "./tests/package.zip"
  vault_addr        = "https://vault.example.org:8200"
  vault_auth_method = "aws"
  vault_auth_role   = "iam-key-sync"
}

run "login_needs_no_renewal_and_no_alarms_of_a_token" {
  command = plan

  assert {
    condition     = keys(aws_scheduler_schedule.this) == ["sweep"]
    error_message = "schedules: expected only the reconcile run"
  }
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      for alarm in jsondecode(file("../shared/alarms.json")) : alarm.id
      if alarm.metric != "VaultTokenHoursLeft"
    ])
    error_message = "alarms: expected all except those of the token"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == length(jsondecode(file("../shared/alarms.json"))) - 3
    error_message = "alarms: expected three less"
  }
  assert {
    condition = {
      for name, value in aws_lambda_function.this.environment[0].variables : name => value
      if strcontains(name, "AUTH")
    } == { VAULT_AUTH_METHOD = "aws", VAULT_AUTH_ROLE = "iam-key-sync" }
    error_message = "environment: expected the method and the role"
  }
}

run "login_needs_no_token_object" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : {
        sid       = statement.Sid
        resources = length(statement.Resource)
        prefixes  = try(length(statement.Condition.StringLikeIfExists["s3:prefix"]), 0)
      }
      ] == [
      # Only the texts of the token object are left out.
      for statement in jsondecode(file("../shared/permissions.json")) : {
        sid       = statement.sid
        resources = length([for text in statement.resources : text if !strcontains(text, "TokenKey")])
        prefixes  = statement.sid == "ListState" ? 3 : 0
      }
      if contains(["", "TableName", "KmsKeyArn"], try(statement.requires, ""))
    ]
    error_message = "function role: unexpected statements ${aws_iam_role_policy.function[0].policy}"
  }
  assert {
    condition = (
      !strcontains(aws_iam_role_policy.function[0].policy, "vault-token") &&
      strcontains(aws_iam_role_policy.function[0].policy, "/sync-state/*")
    )
    error_message = "function role: expected the state without the token object"
  }
}

run "login_shows_no_token" {
  command = plan

  assert {
    condition = (
      !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "VaultTokenHoursLeft") &&
      !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "requires")
    )
    error_message = "dashboard: expected no widget of the token"
  }
  assert {
    condition = toset(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      [for arn in try(widget.properties.alarms, []) : split(":", arn)[6]]
    ])) == toset(values(aws_cloudwatch_metric_alarm.this)[*].alarm_name)
    error_message = "dashboard: expected the created alarms"
  }
}

run "login_requires_a_role" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_auth_role = null
  }
}

run "token_excludes_a_role" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_auth_method = "token"
  }
}

run "token_excludes_a_mount" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_auth_method = "token"
    vault_auth_role   = null
    vault_auth_mount  = "team/aws"
  }
}

run "token_excludes_a_region" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_auth_method     = "token"
    vault_auth_role       = null
    vault_auth_aws_region = "ca-central-1"
  }
}

run "token_excludes_a_server_id" {
  command         = plan
  expect_failures = [aws_lambda_function.this]

  variables {
    vault_auth_method        = "token"
    vault_auth_role          = null
    vault_auth_aws_server_id = "vault.example.org"
  }
}
