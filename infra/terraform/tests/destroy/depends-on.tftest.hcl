# Applies the module behind depends_on, then plans a change of the dependency. Terraform then reads
# the account and the Region only during the apply. prevent_destroy fails the plan if the bucket or
# the key would be replaced. The destroy must stop at these two.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "apply_behind_depends_on" {
  module {
    source = "./tests/depends-on"
  }
}

run "changed_dependency_replaces_nothing" {
  command = plan

  module {
    source = "./tests/depends-on"
  }

  variables {
    description = "after"
  }
}
