# The function in the private subnets of a landing zone that already provides the endpoints, a key
# and topics.

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

data "aws_vpc" "landing_zone" {
  tags = { Name = var.vpc_name }
}

data "aws_subnets" "private" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.landing_zone.id]
  }

  tags = { Name = var.subnet_names }
}

data "aws_prefix_list" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  name = "com.amazonaws.ca-central-1.${each.value}"
}

data "aws_vpc_endpoint" "ssm" {
  vpc_id       = data.aws_vpc.landing_zone.id
  service_name = "com.amazonaws.ca-central-1.ssm"
}

data "aws_kms_alias" "given" {
  name = var.kms_alias
}

data "aws_sns_topic" "given" {
  for_each = toset(["office", "pager"])

  name = each.value
}

# In your own configuration, use a release: source = "git::https://…//infra/terraform?ref=v0.1.0"
module "iam_key_sync" {
  source = "../.."

  package_bucket  = var.package_bucket
  package_key     = "iam-key-sync/function.zip"
  package_version = var.package_version

  vault_addr      = "https://vault.example.org:8200"
  vault_ca_file   = "${path.module}/vault-ca.pem"
  vault_namespace = "ministry"

  vpc_id                      = data.aws_vpc.landing_zone.id
  subnet_ids                  = data.aws_subnets.private.ids
  vault_cidrs                 = ["10.1.0.0/16"]
  endpoint_prefix_list_ids    = [for list in data.aws_prefix_list.gateway : list.id]
  endpoint_security_group_ids = data.aws_vpc_endpoint.ssm.security_group_ids

  kms_key_arn    = data.aws_kms_alias.given.target_key_arn
  create_kms_key = false
  encrypt_logs   = true

  alarm_topic_arn = data.aws_sns_topic.given["office"].arn
  page_topic_arn  = data.aws_sns_topic.given["pager"].arn

  reserved_concurrency     = 5
  tracing                  = true
  permissions_boundary_arn = var.permissions_boundary_arn
}
