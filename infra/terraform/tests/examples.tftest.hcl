# The examples can be planned as they are.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan

  mock_data "aws_prefix_list" {
    defaults = { id = "pl-01234567" }
  }
  mock_data "aws_kms_alias" {
    defaults = { target_key_arn = "arn:aws:kms:ca-central-1:111122223333:key/given" }
  }
  mock_data "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:ca-central-1:111122223333:given" }
  }
}

run "example_minimal_can_be_planned" {
  command = plan

  module {
    source = "./examples/minimal"
  }

  variables {
    zip        = "./tests/package.zip"
    vault_addr = "https://vault.example.org:8200"
  }

  assert {
    condition     = output.iam_key_sync.bucket_name == "iam-key-sync-111122223333-ca-central-1"
    error_message = "output iam_key_sync.bucket_name: unexpected ${output.iam_key_sync.bucket_name}"
  }
}

run "example_complete_can_be_planned" {
  command = plan

  module {
    source = "./examples/complete"
  }

  variables {
    package_bucket           = "packages"
    package_version          = "1"
    vpc_id                   = "vpc-0123456789abcdef0"
    subnet_ids               = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    vault_cidrs              = ["10.1.0.0/16"]
    endpoint_cidrs           = ["10.2.0.0/16"]
    log_group_name           = "/platform/iam-key-sync"
    kms_alias                = "alias/landing-zone"
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  }

  assert {
    condition = (
      output.iam_key_sync.kms_key_arn == "arn:aws:kms:ca-central-1:111122223333:key/given" &&
      output.iam_key_sync.alarm_topic_arn == "arn:aws:sns:ca-central-1:111122223333:given"
    )
    error_message = "outputs: expected the given key and topic"
  }
  assert {
    condition     = output.iam_key_sync.security_group_id != null
    error_message = "output security_group_id: expected a group"
  }
}
