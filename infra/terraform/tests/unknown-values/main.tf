# A configuration that creates the resources it gives to the module, so none of them is known before
# the apply.

resource "aws_kms_key" "given" {}

resource "aws_security_group" "endpoints" {}

resource "aws_iam_policy" "boundary" {
  policy = "{}"
}

module "iam_key_sync" {
  source = "../.."

  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"

  kms_key_arn              = aws_kms_key.given.arn
  create_kms_key           = false
  permissions_boundary_arn = aws_iam_policy.boundary.arn

  vpc_id                      = "vpc-0123456789abcdef0"
  subnet_ids                  = ["subnet-0123456789abcdef0"]
  vault_cidrs                 = ["10.1.0.0/16"]
  endpoint_security_group_ids = [aws_security_group.endpoints.id]
}

output "bucket_name" {
  value = module.iam_key_sync.bucket_name
}
