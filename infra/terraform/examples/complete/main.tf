# The function in a landing zone: a VPC that is shared with the account, interface endpoints in
# another VPC behind the transit gateway, and an existing key and topics.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}

provider "aws" {
  region = "ca-central-1"

  default_tags {
    tags = { Service = "iam-key-sync" }
  }
}

data "aws_prefix_list" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  name = "com.amazonaws.ca-central-1.${each.value}"
}

data "aws_kms_alias" "given" {
  name = var.kms_alias
}

data "aws_sns_topic" "given" {
  for_each = toset(["office", "pager"])

  name = each.value
}

# In your own configuration, use a release: source = "git::https://…//infra/terraform?ref=v0.2.0"
module "iam_key_sync" {
  source = "../.."

  package_bucket  = var.package_bucket
  package_key     = "iam-key-sync/function.zip"
  package_version = var.package_version

  vault_addr      = "https://vault.example.org:8200"
  vault_ca_file   = "${path.module}/vault-ca.pem"
  vault_namespace = "ministry"

  vpc_id                   = var.vpc_id
  subnet_ids               = var.subnet_ids
  vault_cidrs              = var.vault_cidrs
  endpoint_cidrs           = var.endpoint_cidrs
  endpoint_prefix_list_ids = [for list in data.aws_prefix_list.gateway : list.id]

  kms_key_arn    = data.aws_kms_alias.given.target_key_arn
  create_kms_key = false

  # The platform sets the retention and the key of each log group.
  log_group_name = var.log_group_name

  alarm_topic_arn = data.aws_sns_topic.given["office"].arn
  page_topic_arn  = data.aws_sns_topic.given["pager"].arn

  tracing                  = true
  permissions_boundary_arn = var.permissions_boundary_arn
}
