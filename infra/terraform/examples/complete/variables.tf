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
  description = "Names of its private subnets; * matches any text."
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
