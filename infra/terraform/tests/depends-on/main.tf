# A module behind depends_on: Terraform then reads the account and the Region during the apply, so
# all values with placeholders are unknown during the plan.

variable "description" {
  type    = string
  default = "before"
}

variable "targets_file" {
  type    = string
  default = null
}

resource "aws_kms_key" "earlier" {
  description = var.description
}

module "iam_key_sync" {
  source     = "../.."
  depends_on = [aws_kms_key.earlier]

  zip         = "./tests/package.zip"
  vault_addr  = "https://vault.example.org:8200"
  bucket_name = "given-bucket"
  tracing     = true

  targets_file = var.targets_file

  vpc_id                   = "vpc-0123456789abcdef0"
  subnet_ids               = ["subnet-0123456789abcdef0"]
  vault_cidrs              = ["10.1.0.0/16"]
  endpoint_prefix_list_ids = ["pl-01234567"]
  vpc_endpoints            = ["ssm", "s3"]
  route_table_ids          = ["rtb-0123456789abcdef0"]
}

output "bucket_name" {
  value = module.iam_key_sync.bucket_name
}
