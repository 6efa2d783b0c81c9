# Applies the module and then destroys it, which must stop at the bucket and the key.
# infra/checks/terraform.py runs the tests in this folder and expects exactly the errors that they
# describe; `terraform test` itself reports them as a failure.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "apply_creates_everything" {
  assert {
    condition     = aws_lambda_function.this.arn == "arn:aws:lambda:ca-central-1:111122223333:function:iam-key-sync"
    error_message = "apply: expected the function"
  }
}
