# Removes the module from a configuration, with the blocks of README.md in its place
# (infra/checks/terraform.py writes them to tests/removed). The plan must keep the bucket, its
# settings, the targets document and the key.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "apply_before_the_removal" {
  state_key = "removed"

  module {
    source = "./tests/depends-on"
  }

  variables {
    targets_file = "./tests/targets.json"
  }
}

run "removal_keeps_bucket_document_and_key" {
  command   = plan
  state_key = "removed"

  module {
    source = "./tests/removed"
  }
}
