# Given resources may be created in the same apply. Without override_during, as with AWS, they are
# unknown during the plan.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "given_resources_may_be_unknown_during_the_plan" {
  command = plan

  module {
    source = "./tests/unknown-values"
  }

  assert {
    condition     = output.bucket_name == "iam-key-sync-111122223333-ca-central-1"
    error_message = "output bucket_name: unexpected"
  }
}

run "module_may_stand_behind_depends_on" {
  command = plan

  module {
    source = "./tests/depends-on"
  }

  assert {
    condition     = output.bucket_name == "given-bucket"
    error_message = "output bucket_name: expected the given name"
  }
}
