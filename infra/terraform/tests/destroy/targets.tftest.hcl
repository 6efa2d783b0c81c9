# Applies the module with a targets document, then plans without the input, which must fail: without
# the document, each key would be published at the default path. The destroy must stop at the
# document, before the bucket.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "apply_with_a_targets_document" {
  variables {
    targets_file = "./tests/targets.json"
  }
}

run "changed_targets_document_is_stored" {
  command = plan

  variables {
    targets_file = "./tests/other-targets.json"
  }

  assert {
    condition     = aws_s3_object.targets[0].content == file("./tests/other-targets.json")
    error_message = "targets: expected the text of the changed file"
  }
}

run "targets_document_is_not_deleted" {
  command = plan
}
