# The targets document in the bucket. The tests in tests/destroy check that it is never deleted.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "no_document_is_stored_without_a_file" {
  command = plan

  assert {
    condition     = length(aws_s3_object.targets) == 0
    error_message = "targets: expected no object"
  }
}

run "document_is_stored_where_the_function_reads_it" {
  command = plan

  variables {
    targets_file = "./tests/targets.json"
    tags         = { Ministry = "WLRS" }
  }

  assert {
    condition = (
      aws_s3_object.targets[0].bucket == aws_s3_bucket.state.bucket &&
      aws_s3_object.targets[0].key == "targets.json" &&
      aws_s3_object.targets[0].content_type == "application/json"
    )
    error_message = "targets: expected targets.json in the state bucket"
  }
  assert {
    condition     = aws_s3_object.targets[0].content == file("./tests/targets.json")
    error_message = "targets: expected the text of the file"
  }
  assert {
    condition     = aws_s3_object.targets[0].tags == null
    error_message = "targets: expected no tags, because an object has ten at most"
  }
  assert {
    condition = !contains(
      [for name in keys(aws_lambda_function.this.environment[0].variables) : startswith(name, "TARGETS")], true
    )
    error_message = "environment: expected no variable, because the key is the default"
  }
}

run "document_must_be_readable" {
  command         = plan
  expect_failures = [aws_s3_object.targets]

  variables {
    targets_file = "./tests/none.json"
  }
}

run "document_must_be_a_json_object" {
  command         = plan
  expect_failures = [aws_s3_object.targets]

  variables {
    targets_file = "./tests/no-targets.json"
  }
}

run "document_must_be_json" {
  command         = plan
  expect_failures = [aws_s3_object.targets]

  variables {
    targets_file = "./tests/package.zip"
  }
}

run "large_documents" {
  module {
    source = "./tests/large-targets"
  }
}

run "document_may_have_a_mebibyte" {
  command = plan

  variables {
    targets_file = ".terraform/largest-targets.json"
  }

  assert {
    condition     = length(aws_s3_object.targets[0].content) == 1048576
    error_message = "targets: expected a document of 1 MiB"
  }
}

run "document_may_not_be_larger" {
  command         = plan
  expect_failures = [aws_s3_object.targets]

  variables {
    targets_file = ".terraform/larger-targets.json"
  }
}
