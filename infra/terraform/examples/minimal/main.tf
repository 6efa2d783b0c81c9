# The function in Lambda's own network, with a key and an alarm topic of its own. Set the package
# and the address of Vault:
#   terraform apply -var zip=function-arm64.zip -var vault_addr=https://vault.example.org:8200

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
}

variable "zip" {
  description = "The function's package."
  type        = string
}

variable "vault_addr" {
  description = "Address of Vault."
  type        = string
}

module "iam_key_sync" {
  source = "../.."

  zip        = var.zip
  vault_addr = var.vault_addr
}

output "iam_key_sync" {
  description = "All outputs of the module."
  value       = module.iam_key_sync
}
