variable "package_bucket" {
  description = "Bucket with the function's package."
  type        = string
}

variable "package_version" {
  description = "Version of the package's object."
  type        = string
}

variable "vpc_name" {
  description = "Name of the VPC."
  type        = string
}

variable "subnet_names" {
  description = "Names of its private subnets; * stands for anything."
  type        = string
}

variable "kms_alias" {
  description = "Alias of the key, such as alias/landing-zone. Its policy must hold the statements of infra/shared/key-policy.json."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the two roles."
  type        = string
}
