# The key for bucket, queues and topic: given, created, or none. `terraform destroy` stops at a
# created key; README.md describes how to release it.

locals {
  # The ARN of a given key may be known only after an apply, so with create_kms_key = false the
  # count must not depend on it.
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
  tags                    = var.tags

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
