# Generated from ../shared/inputs.json: edit that file, then run make infra-files.

# Private subnets with a route to Vault. Without `vpc_id`, the function runs in Lambda's own
# network.

variable "vpc_id" {
  description = "VPC with a route to Vault."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null ? true : can(regex("^vpc-[0-9a-f]{8,17}$", var.vpc_id))
    error_message = "vpc_id: expected the id of a VPC, such as vpc-0123456789abcdef0"
  }
}

variable "subnet_ids" {
  description = "Private subnets of that VPC, in two or more availability zones."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.subnet_ids : can(regex("^subnet-[0-9a-f]{8,17}$", each))])
    error_message = "subnet_ids: expected each item to be the id of a subnet, such as subnet-0123456789abcdef0; got ${join(", ", [for each in var.subnet_ids : each if !(can(regex("^subnet-[0-9a-f]{8,17}$", each)))])}"
  }
}

variable "vault_cidrs" {
  description = "IPv4 ranges of Vault. The security group allows egress to them on Vault's port."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.vault_cidrs : can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/([12]?[0-9]|3[0-2])$", each))])
    error_message = "vault_cidrs: expected each item to be an IPv4 range, such as 10.1.0.0/16; got ${join(", ", [for each in var.vault_cidrs : each if !(can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/([12]?[0-9]|3[0-2])$", each)))])}"
  }

  validation {
    condition     = alltrue([for each in var.vault_cidrs : try("${cidrhost(each, 0)}/${split("/", each)[1]}" == each, false)])
    error_message = "vault_cidrs: expected IPv4 ranges without host bits, such as 10.1.0.0/16 and not 10.1.2.3/16; got ${join(", ", [for each in var.vault_cidrs : each if !(try("${cidrhost(each, 0)}/${split("/", each)[1]}" == each, false))])}"
  }
}

variable "endpoint_prefix_list_ids" {
  description = "Prefix lists of the gateway endpoints (S3, DynamoDB). The security group allows egress to them on port 443."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.endpoint_prefix_list_ids : can(regex("^pl-[0-9a-f]{8,17}$", each))])
    error_message = "endpoint_prefix_list_ids: expected each item to be the id of a prefix list, such as pl-01234567; got ${join(", ", [for each in var.endpoint_prefix_list_ids : each if !(can(regex("^pl-[0-9a-f]{8,17}$", each)))])}"
  }
}

variable "endpoint_security_group_ids" {
  description = "Security groups of interface endpoints (SSM) in the same VPC. The function's security group allows egress to them on port 443; they must allow ingress from it."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.endpoint_security_group_ids : can(regex("^sg-[0-9a-f]{8,17}$", each))])
    error_message = "endpoint_security_group_ids: expected each item to be the id of a security group, such as sg-0123456789abcdef0; got ${join(", ", [for each in var.endpoint_security_group_ids : each if !(can(regex("^sg-[0-9a-f]{8,17}$", each)))])}"
  }
}

variable "endpoint_cidrs" {
  description = "IPv4 ranges of the interface endpoints (SSM), such as the Endpoint VPC of a landing zone. The security group allows egress to them on port 443."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.endpoint_cidrs : can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/([12]?[0-9]|3[0-2])$", each))])
    error_message = "endpoint_cidrs: expected each item to be an IPv4 range, such as 10.1.0.0/16; got ${join(", ", [for each in var.endpoint_cidrs : each if !(can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/([12]?[0-9]|3[0-2])$", each)))])}"
  }

  validation {
    condition     = alltrue([for each in var.endpoint_cidrs : try("${cidrhost(each, 0)}/${split("/", each)[1]}" == each, false)])
    error_message = "endpoint_cidrs: expected IPv4 ranges without host bits, such as 10.1.0.0/16 and not 10.1.2.3/16; got ${join(", ", [for each in var.endpoint_cidrs : each if !(try("${cidrhost(each, 0)}/${split("/", each)[1]}" == each, false))])}"
  }
}

variable "additional_security_group_ids" {
  description = "Further security groups of the function, beside its own."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.additional_security_group_ids : can(regex("^sg-[0-9a-f]{8,17}$", each))])
    error_message = "additional_security_group_ids: expected each item to be the id of a security group, such as sg-0123456789abcdef0; got ${join(", ", [for each in var.additional_security_group_ids : each if !(can(regex("^sg-[0-9a-f]{8,17}$", each)))])}"
  }
}

variable "vpc_endpoints" {
  description = "Endpoints to create, if the landing zone has none and allows it."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.vpc_endpoints : contains(["ssm", "s3", "dynamodb"], each)])
    error_message = "vpc_endpoints: expected each item to be one of ssm, s3, dynamodb; got ${join(", ", [for each in var.vpc_endpoints : each if !(contains(["ssm", "s3", "dynamodb"], each))])}"
  }
}

variable "route_table_ids" {
  description = "Route tables of the subnets, for gateway endpoints that are created."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.route_table_ids : can(regex("^rtb-[0-9a-f]{8,17}$", each))])
    error_message = "route_table_ids: expected each item to be the id of a route table, such as rtb-0123456789abcdef0; got ${join(", ", [for each in var.route_table_ids : each if !(can(regex("^rtb-[0-9a-f]{8,17}$", each)))])}"
  }
}

# Encryption of the bucket, the queues and the topic.

variable "kms_key_arn" {
  description = "Key for the bucket, the queues and the topic. Its policy must contain the statements of key-policy.json."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn: expected the ARN of a key, not of an alias"
  }
}

variable "create_kms_key" {
  description = "Creates such a key if none is given. The key is kept when the stack is destroyed. With false, the keys of S3 and SQS are used."
  type        = bool
  default     = true
  nullable    = false
}

variable "earlier_kms_key_arns" {
  description = "Keys that encrypted the bucket or the queues before. The function may only decrypt with them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.earlier_kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", each))])
    error_message = "earlier_kms_key_arns: expected each item to be the ARN of a key, not of an alias; got ${join(", ", [for each in var.earlier_kms_key_arns : each if !(can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", each)))])}"
  }
}

variable "encrypt_logs" {
  description = "Encrypts the log group with that key too. Log lines hold no secrets, and the logs become unreadable when the key is disabled."
  type        = bool
  default     = false
  nullable    = false
}
