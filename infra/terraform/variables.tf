# Generated from ../shared/inputs.json: edit that file, then run make infra-files.

# The deployment package: a zip with the binary `bootstrap` at its root.

variable "zip" {
  description = "Path of the function's package on the deploying machine."
  type        = string
  default     = null
}

variable "package_bucket" {
  description = "Bucket that holds the package, instead of zip. It must be in the Region of the deployment."
  type        = string
  default     = null

  validation {
    condition     = var.package_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.package_bucket))
    error_message = "package_bucket: expected the name of a bucket"
  }
}

variable "package_key" {
  description = "Object key of the package in package_bucket."
  type        = string
  default     = null

  validation {
    condition     = var.package_key == null ? true : length(var.package_key) >= 1 && length(var.package_key) <= 1024
    error_message = "package_key: expected 1 to 1024 characters"
  }
}

variable "package_version" {
  description = "Version of the package's object. Without it, a new package under the same key is not detected."
  type        = string
  default     = null

  validation {
    condition     = var.package_version == null ? true : length(var.package_version) >= 1 && length(var.package_version) <= 1024
    error_message = "package_version: expected 1 to 1024 characters"
  }
}

variable "architecture" {
  description = "Processor architecture of the binary."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture: expected one of arm64, x86_64"
  }
}

variable "code_signing_config_arn" {
  description = "Code signing configuration that the package must satisfy."
  type        = string
  default     = null

  validation {
    condition     = var.code_signing_config_arn == null ? true : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]{17}$", var.code_signing_config_arn))
    error_message = "code_signing_config_arn: expected the ARN of a code signing configuration"
  }
}

# The Vault server, and the path of the keys in it.

variable "vault_addr" {
  description = "Address of Vault, without a path: https; http only for a loopback host. The security group allows egress to its port (443 if it has none)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(https://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])|http://(localhost|127(\\.[0-9]+){3}|\\[::1\\]))(:[0-9]{1,5})?/?$", var.vault_addr))
    error_message = "vault_addr: expected https://HOST or https://HOST:PORT without a path; http only for a loopback host"
  }

  validation {
    condition     = try(tonumber(one(regex(":([0-9]+)/?$", var.vault_addr))), 443) <= 65535
    error_message = "vault_addr: expected a port of at most 65535"
  }

  validation {
    condition     = (!can(regex("[/.][0-9]+[.]?(:[0-9]+)?/?$", var.vault_addr)) || can(cidrhost("${one(regex("//([0-9.]+)", var.vault_addr))}/32", 0))) && (!strcontains(var.vault_addr, "[") || can(cidrhost("${one(regex("\\[(.*)\\]", var.vault_addr))}/128", 0)))
    error_message = "vault_addr: expected the name of a host, or a valid IP address"
  }
}

variable "vault_ca_file" {
  description = "PEM file with the CA that issued Vault's certificate; no other CA is trusted. Lambda accepts 4 KB of environment, which leaves about 3.8 KB for this file. Without it, the system's CAs are trusted."
  type        = string
  default     = null
}

variable "vault_namespace" {
  description = "Vault namespace."
  type        = string
  default     = null

  validation {
    condition     = var.vault_namespace == null ? true : can(regex("^[!-~]+$", var.vault_namespace))
    error_message = "vault_namespace: expected text without white space"
  }
}

variable "vault_auth_method" {
  description = "Authentication at Vault: with the token that is stored in the bucket, or by a login at the auth method aws with the function's role. A login needs no stored token, no renewal and no alarms for them, so these are not created."
  type        = string
  default     = "token"
  nullable    = false

  validation {
    condition     = contains(["token", "aws"], var.vault_auth_method)
    error_message = "vault_auth_method: expected one of token, aws"
  }
}

variable "vault_auth_role" {
  description = "Role of the auth method. Its bound_iam_principal_arn must contain the ARN of the function's role, without the role's path."
  type        = string
  default     = null

  validation {
    condition     = var.vault_auth_role == null ? true : can(regex("^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$", var.vault_auth_role))
    error_message = "vault_auth_role: expected letters, digits and _ . -, with a letter, digit or _ at both ends"
  }
}

variable "vault_auth_mount" {
  description = "Mount of the auth method. No segment may be . or .."
  type        = string
  default     = "aws"
  nullable    = false

  validation {
    condition     = can(regex("^/*[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/*$", var.vault_auth_mount))
    error_message = "vault_auth_mount: expected segments of letters, digits and _ . - between single slashes"
  }

  validation {
    condition     = length(setintersection(split("/", var.vault_auth_mount), [".", ".."])) == 0
    error_message = "vault_auth_mount: expected a path without . or .. as a segment"
  }
}

variable "vault_auth_aws_region" {
  description = "Region of the auth method's sts_endpoint and sts_region. The default is the Region of the deployment."
  type        = string
  default     = null

  validation {
    condition     = var.vault_auth_aws_region == null ? true : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.vault_auth_aws_region))
    error_message = "vault_auth_aws_region: expected the name of a Region, such as ca-central-1"
  }
}

variable "vault_auth_aws_server_id" {
  description = "The auth method's iam_server_id_header_value, if it has one."
  type        = string
  default     = null

  validation {
    condition     = var.vault_auth_aws_server_id == null ? true : can(regex("^[!-~]+$", var.vault_auth_aws_server_id))
    error_message = "vault_auth_aws_server_id: expected text without white space"
  }
}

variable "vault_mount" {
  description = "Mount of the KV v2 engine. No segment may be . or .."
  type        = string
  default     = "secret"
  nullable    = false

  validation {
    condition     = can(regex("^/*[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/*$", var.vault_mount))
    error_message = "vault_mount: expected segments of letters, digits and _ . - between single slashes"
  }

  validation {
    condition     = length(setintersection(split("/", var.vault_mount), [".", ".."])) == 0
    error_message = "vault_mount: expected a path without . or .. as a segment"
  }
}

variable "vault_path_prefix" {
  description = "Path below the mount. No segment may be . or .."
  type        = string
  default     = "aws/iam-keys"
  nullable    = false

  validation {
    condition     = can(regex("^/*[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/*$", var.vault_path_prefix))
    error_message = "vault_path_prefix: expected segments of letters, digits and _ . - between single slashes"
  }

  validation {
    condition     = length(setintersection(split("/", var.vault_path_prefix), [".", ".."])) == 0
    error_message = "vault_path_prefix: expected a path without . or .. as a segment"
  }
}

variable "targets_file" {
  description = "JSON file with the targets document, which states where each user's key is published; at most 1 MiB. It is stored in the bucket as targets.json. Without it, the stack leaves that object alone."
  type        = string
  default     = null
}

variable "token_refresh_threshold_hours" {
  description = "The Vault token is renewed when fewer hours than this, or less than half of its period, are left."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.token_refresh_threshold_hours >= 1 && var.token_refresh_threshold_hours <= 8760 && floor(var.token_refresh_threshold_hours) == var.token_refresh_threshold_hours
    error_message = "token_refresh_threshold_hours: expected a whole number from 1 to 8760"
  }
}

# The parameters that hold the keys, and the handling of users.

variable "parameter_prefix" {
  description = "Part of a parameter's name before the user; starts and ends with a slash."
  type        = string
  default     = "/iam_users/"
  nullable    = false

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_.-]+)+/$", var.parameter_prefix))
    error_message = "parameter_prefix: expected a path that starts and ends with a slash, such as /iam_users/"
  }
}

variable "parameter_suffix" {
  description = "Part of a parameter's name after the user."
  type        = string
  default     = "_keys"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+$", var.parameter_suffix))
    error_message = "parameter_suffix: expected letters, digits and _ . -"
  }
}

variable "parameter_kms_key_arn" {
  description = "Customer-managed key that encrypts the parameters. The default key, aws/ssm, needs no permission."
  type        = string
  default     = null

  validation {
    condition     = var.parameter_kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.parameter_kms_key_arn))
    error_message = "parameter_kms_key_arn: expected the ARN of a key, not of an alias"
  }
}

variable "user_table" {
  description = "DynamoDB table with the roster of users; - disables the roster."
  type        = string
  default     = "BCGOV_IAM_USER_TABLE"
  nullable    = false

  validation {
    condition     = can(regex("^(-|[A-Za-z0-9_.-]{3,255})$", var.user_table))
    error_message = "user_table: expected the name of a DynamoDB table, or -"
  }
}

variable "user_list" {
  description = "Reconcile runs process only these users. Events are processed for all users."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.user_list : can(regex("^[A-Za-z0-9._-]{1,64}$", each))])
    error_message = "user_list: expected each item to be a user name of 1 to 64 letters, digits and _ . -; got ${join(", ", [for each in var.user_list : each if !(can(regex("^[A-Za-z0-9._-]{1,64}$", each)))])}"
  }

  validation {
    condition     = alltrue([for each in var.user_list : !contains([".", ".."], each)])
    error_message = "user_list: expected names of users, and neither . nor ..; got ${join(", ", [for each in var.user_list : each if !(!contains([".", ".."], each))])}"
  }
}

variable "on_user_deleted" {
  description = "Action in Vault when a user is removed."
  type        = string
  default     = "retain"
  nullable    = false

  validation {
    condition     = contains(["retain", "soft-delete"], var.on_user_deleted)
    error_message = "on_user_deleted: expected one of retain, soft-delete"
  }
}

variable "sync_interval_hours" {
  description = "A reconcile run is not due if the last complete one is younger than this, less an eighth, or than a quarter of this if an operator started it; it then syncs no user and only renews the token. At most a day, because an alarm expects a complete run each day."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.sync_interval_hours >= 1 && var.sync_interval_hours <= 24 && floor(var.sync_interval_hours) == var.sync_interval_hours
    error_message = "sync_interval_hours: expected a whole number from 1 to 24"
  }
}
