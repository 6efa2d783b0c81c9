variable "package_bucket" {
  description = "Bucket with the function's package."
  type        = string
}

variable "package_version" {
  description = "Version of the package's object."
  type        = string
}

# Ids, because tags of a shared VPC are visible only to its owner.

variable "vpc_id" {
  description = "The VPC that is shared with the account."
  type        = string
}

variable "subnet_ids" {
  description = "Its private subnets, in two or more availability zones."
  type        = list(string)
}

variable "vault_cidrs" {
  description = "IPv4 ranges of Vault."
  type        = list(string)
}

variable "endpoint_cidrs" {
  description = "IPv4 ranges of the VPC that holds the interface endpoints."
  type        = list(string)
}

variable "log_group_name" {
  description = "Log group of the function, created before with aws logs create-log-group."
  type        = string
}

variable "kms_alias" {
  description = "Alias of the key, such as alias/landing-zone. Its policy must contain the statements of infra/shared/key-policy.json."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of both roles."
  type        = string
}
