# The permissions: all shared statements and nothing else.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_sqs_queue.events
  override_during = plan
  values          = { arn = "arn:aws:sqs:ca-central-1:111122223333:events" }
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "function_role_has_the_shared_statements" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid
      ] == [
      for statement in jsondecode(file("../shared/permissions.json")) : statement.sid
      if contains(["", "TableName", "KmsKeyArn"], try(statement.requires, ""))
    ]
    error_message = "function role: unexpected statements ${join(", ", [for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid])}"
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.function[0].policy, "$${")
    error_message = "function role: expected filled placeholders"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement :
      statement.Resource if statement.Sid == "ReadKeyParameters"
    ] == [["arn:aws:ssm:ca-central-1:111122223333:parameter/iam_users/*_keys"]]
    error_message = "function role: expected the parameters of the prefix and suffix"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement :
      statement.Resource if statement.Sid == "ConsumeQueue"
    ] == [["arn:aws:sqs:ca-central-1:111122223333:events"]]
    error_message = "function role: expected the event queue"
  }
  assert {
    condition = (
      length(aws_iam_role_policy_attachment.function) == 0 &&
      length(aws_iam_role_policy.network) == 0 &&
      aws_iam_role.function[0].permissions_boundary == null
    )
    error_message = "function role: expected no managed policy and no boundary"
  }
}

run "function_role_follows_the_inputs" {
  command = plan

  variables {
    parameter_prefix      = "/elsewhere/iam/"
    parameter_suffix      = "-keys"
    user_table            = "ROSTER"
    parameter_kms_key_arn = "arn:aws:kms:ca-central-1:111122223333:key/parameters"
    earlier_kms_key_arns = [
      "arn:aws:kms:ca-central-1:111122223333:key/earlier",
      "arn:aws:kms:ca-central-1:111122223333:key/earliest",
    ]
    tracing                  = true
    vpc_id                   = "vpc-0123456789abcdef0"
    subnet_ids               = ["subnet-0123456789abcdef0"]
    vault_cidrs              = ["10.1.0.0/16"]
    endpoint_cidrs           = ["10.2.0.0/16"]
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : {
        sid       = statement.Sid
        effect    = statement.Effect
        actions   = statement.Action
        resources = statement.Resource
        condition = try(statement.Condition, null)
      }
      ] == [
      # Filled independently of the module.
      for statement in jsondecode(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        file("../shared/permissions.json"),
        "$${Partition}", "aws"),
        "$${Region}", "ca-central-1"),
        "$${Account}", "111122223333"),
        "$${ParameterPrefix}", "/elsewhere/iam/"),
        "$${ParameterSuffix}", "-keys"),
        "$${ParameterPath}", "/elsewhere/iam"),
        "$${BucketArn}", "arn:aws:s3:::state"),
        "$${StatePrefix}", "sync-state/"),
        "$${TokenKey}", "vault-token.json"),
        "$${LegacyStateKey}", "sync-state.json"),
        "$${TargetsKey}", "targets.json"),
        "$${TableName}", "ROSTER"),
        "$${QueueArn}", "arn:aws:sqs:ca-central-1:111122223333:events"),
        "$${FailedInvocationQueueArn}", "arn:aws:sqs:ca-central-1:111122223333:queue"),
        "$${LogGroupArn}", "arn:aws:logs:ca-central-1:111122223333:log-group:/aws/lambda/iam-key-sync"),
        "$${KmsKeyArn}", "arn:aws:kms:ca-central-1:111122223333:key/created"),
        "$${ParameterKeyArn}", "arn:aws:kms:ca-central-1:111122223333:key/parameters"),
        "$${EarlierKeyArns}", join("\",\"", var.earlier_kms_key_arns))) : {
        sid       = statement.sid
        effect    = try(statement.effect, "Allow")
        actions   = statement.actions
        resources = statement.resources
        condition = try(statement.condition, null)
      }
    ]
    error_message = "function role: unexpected statements ${aws_iam_role_policy.function[0].policy}"
  }
  assert {
    condition = { for name, attachment in aws_iam_role_policy_attachment.function : name => attachment.policy_arn } == {
      AWSLambdaENIManagementAccess = "arn:aws:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"
      AWSXRayDaemonWriteAccess     = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"
    }
    error_message = "function role: expected the managed policies for a VPC and tracing"
  }
  assert {
    condition = (
      aws_iam_role.function[0].permissions_boundary == "arn:aws:iam::111122223333:policy/boundary" &&
      aws_iam_role.scheduler[0].permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    )
    error_message = "roles: expected the permissions boundary"
  }
}

run "function_role_manages_network_interfaces_in_the_vpc" {
  command = plan

  variables {
    vpc_id         = "vpc-0123456789abcdef0"
    subnet_ids     = ["subnet-0123456789abcdef0"]
    vault_cidrs    = ["10.1.0.0/16"]
    endpoint_cidrs = ["10.2.0.0/16"]
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.network[0].policy).Statement :
      "${statement.Effect} ${statement.Sid}"
      ] == [
      "Allow FindSubnetsAndNetworkInterfaces", "Allow ReleaseNetworkInterfaces",
      "Deny KeepCodeOffNetworkInterfaces", "Deny KeepNetworkInterfacesInVpc",
    ]
    error_message = "function role: unexpected statements in ${aws_iam_role_policy.network[0].policy}"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.network[0].policy, ":vpc/vpc-0123456789abcdef0")
    error_message = "function role: expected the VPC"
  }
}

run "earlier_keys_only_decrypt" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:ca-central-1:111122223333:key/given"
    earlier_kms_key_arns = [
      "arn:aws:kms:ca-central-1:111122223333:key/earlier",
      "arn:aws:kms:ca-central-1:111122223333:key/earliest",
    ]
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : {
        actions   = statement.Action
        resources = statement.Resource
        service   = statement.Condition.StringEquals["kms:ViaService"]
      } if startswith(statement.Sid, "UseEarlierKeys")
      ] == [
      for service in ["s3", "sqs"] : {
        actions = ["kms:Decrypt"]
        resources = [
          "arn:aws:kms:ca-central-1:111122223333:key/earlier",
          "arn:aws:kms:ca-central-1:111122223333:key/earliest",
        ]
        service = ["${service}.ca-central-1.amazonaws.com"]
      }
    ]
    error_message = "function role: unexpected statements in ${aws_iam_role_policy.function[0].policy}"
  }
}

run "earlier_keys_exclude_the_current_one" {
  command         = plan
  expect_failures = [output.kms_key_arn]

  variables {
    kms_key_arn          = "arn:aws:kms:ca-central-1:111122223333:key/given"
    earlier_kms_key_arns = ["arn:aws:kms:ca-central-1:111122223333:key/given"]
  }
}

run "function_role_omits_roster_and_key" {
  command = plan

  variables {
    user_table     = "-"
    create_kms_key = false
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.function[0].policy).Statement : statement.Sid
      ] == [
      for statement in jsondecode(file("../shared/permissions.json")) : statement.sid
      if !can(statement.requires)
    ]
    error_message = "function role: expected only statements without requirements"
  }
}

run "scheduler_role_may_invoke_only_the_function" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement : statement.Sid
      ] == [
      for statement in jsondecode(file("../shared/schedule-permissions.json")) : statement.sid
    ]
    error_message = "scheduler role: expected the shared statements"
  }
  assert {
    condition = (
      jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement[0].Resource ==
      [aws_lambda_function.this.arn]
    )
    error_message = "scheduler role: expected only the function"
  }
  assert {
    condition = jsondecode(
      aws_iam_role.scheduler[0].assume_role_policy
      ).Statement[0].Condition.StringEquals["aws:SourceArn"] == (
      "arn:aws:scheduler:ca-central-1:111122223333:schedule-group/default"
    )
    error_message = "scheduler role: expected a condition on the schedule group"
  }
}

run "queues_and_bucket_require_tls" {
  command = plan

  assert {
    condition = (
      length(aws_sqs_queue_policy.this) == 4 &&
      alltrue([
        for policy in aws_sqs_queue_policy.this :
        anytrue([
          for statement in jsondecode(policy.policy).Statement : (
            statement.Effect == "Deny" &&
            statement.Action == "sqs:*" &&
            try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
          )
        ])
      ])
    )
    error_message = "queue policies: expected Deny without TLS"
  }
  assert {
    condition = [
      for name, policy in aws_sqs_queue_policy.this :
      name if contains(jsondecode(policy.policy).Statement[*].Effect, "Allow")
    ] == ["event_dead_letters", "events"]
    error_message = "queue policies: expected senders only for events and their dead letters"
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_sqs_queue_policy.this["events"].policy).Statement : (
        statement.Principal == { Service = "events.amazonaws.com" } &&
        statement.Condition ==
        { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.changes.arn } }
      ) if statement.Effect == "Allow"
    ])
    error_message = "queue policy: expected only the rule as sender"
  }
  assert {
    condition = (
      jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Effect == "Deny" &&
      jsondecode(aws_s3_bucket_policy.state.policy).Statement[0].Condition ==
      { Bool = { "aws:SecureTransport" = "false" } }
    )
    error_message = "bucket policy: expected Deny without TLS"
  }
}
