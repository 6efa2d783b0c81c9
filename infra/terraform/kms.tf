# The key for bucket, queues and topic: given, created, or none. `terraform destroy` stops at a created one; README.md tells how to
# release it.

locals {
  # A key that is given may be known only after an apply, so whether to create one must not hang on it where create_kms_key says no.
  key_created = var.create_kms_key ? var.kms_key_arn == null : false
  encrypted   = var.create_kms_key ? true : var.kms_key_arn != null
  kms_key_arn = local.key_created ? aws_kms_key.this[0].arn : var.kms_key_arn
}

resource "aws_kms_key" "this" {
  count = local.key_created ? 1 : 0

  description             = "State, queues and alarms of the IAM key sync"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = module.key_policy.json

  lifecycle {
    prevent_destroy = true
  }
}

module "key_policy" {
  source = "./modules/policy"

  file    = "${local.shared}/key-policy.json"
  present = local.present
  values  = local.place
}
