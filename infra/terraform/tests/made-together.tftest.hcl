# What is given may be made in the same apply. Without override_during, as with AWS, it is not known while planning.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "can_be_planned" {
  command = plan

  module {
    source = "./tests/made-together"
  }

  assert {
    condition     = output.bucket_name == "iam-key-sync-111122223333-ca-central-1"
    error_message = "the plan"
  }
}
