# Everything is made, and then Terraform tries to destroy it: it must stop at bucket and key. Run by infra/checks/terraform.py, which
# expects exactly these two errors; to `terraform test` itself they are a failure.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "everything_is_made" {
  assert {
    condition     = aws_lambda_function.this.arn == "arn:aws:lambda:ca-central-1:111122223333:function:iam-key-sync"
    error_message = "nothing was made"
  }
}
