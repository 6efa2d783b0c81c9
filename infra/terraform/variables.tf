# From ../shared/inputs.json; change it there, then run: make terraform-files

# What is deployed: a zip with the binary `bootstrap` at its root.

variable "zip" {
  description = "The function's package on this machine."
  type        = string
  default     = null

  validation {
    condition     = var.zip == null ? true : try(startswith(filebase64(var.zip), "UEsD"), false)
    error_message = "zip: expected a zip file that can be read"
  }
}

variable "package_bucket" {
  description = "Bucket that holds the package, instead of zip. It must be in the Region of the deployment."
  type        = string
  default     = null

  validation {
    condition     = var.package_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.package_bucket))
    error_message = "package_bucket: expected a match of ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
  }
}

variable "package_key" {
  description = "The package's key in package_bucket."
  type        = string
  default     = null

  validation {
    condition     = var.package_key == null ? true : length(var.package_key) >= 1 && length(var.package_key) <= 1024
    error_message = "package_key: expected a match of ^.{1,1024}$"
  }
}

variable "package_version" {
  description = "The object's version. Without it a new package under the same key is not noticed."
  type        = string
  default     = null

  validation {
    condition     = var.package_version == null ? true : length(var.package_version) >= 1 && length(var.package_version) <= 1024
    error_message = "package_version: expected a match of ^.{1,1024}$"
  }
}

variable "architecture" {
  description = "Processor that the binary was built for."
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
    error_message = "code_signing_config_arn: expected a match of ^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]{17}$"
  }
}

# Where the keys go.

variable "vault_addr" {
  description = "Address of Vault, without path: https; http only for a loopback host. Its port (443 when it has none) is also the one that the security group lets out."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(https://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])|http://(localhost|127(\\.[0-9]+){3}|\\[::1\\]))(:[0-9]{1,5})?/?$", var.vault_addr))
    error_message = "vault_addr: expected a match of ^(https://([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])|http://(localhost|127(\\.[0-9]+){3}|\\[::1\\]))(:[0-9]{1,5})?/?$"
  }

  validation {
    condition     = try(tonumber(one(regex(":([0-9]+)/?$", var.vault_addr))), 443) <= 65535
    error_message = "vault_addr: expected a port of at most 65535"
  }
}

variable "vault_ca_file" {
  description = "PEM file with the CA that Vault's certificate comes from; it is trusted alone. Lambda takes 4 KB of environment, of which about 3.8 KB are left for it. Without it the system's CAs are trusted."
  type        = string
  default     = null

  validation {
    condition     = var.vault_ca_file == null ? true : try(strcontains(file(var.vault_ca_file), "BEGIN CERTIFICATE") && !strcontains(file(var.vault_ca_file), "PRIVATE KEY"), false)
    error_message = "vault_ca_file: expected a PEM file with the certificate of the CA, and no private key"
  }
}

variable "vault_namespace" {
  description = "Vault namespace."
  type        = string
  default     = null

  validation {
    condition     = var.vault_namespace == null ? true : can(regex("^[!-~]+$", var.vault_namespace))
    error_message = "vault_namespace: expected a match of ^[!-~]+$"
  }
}

variable "vault_mount" {
  description = "Mount of the KV v2 engine. No segment is . or .."
  type        = string
  default     = "secret"
  nullable    = false

  validation {
    condition     = can(regex("^/*[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/*$", var.vault_mount))
    error_message = "vault_mount: expected a match of ^/*[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/*$"
  }

  validation {
    condition     = length(setintersection(split("/", var.vault_mount), [".", ".."])) == 0
    error_message = "vault_mount: expected no . or .. as a segment"
  }
}

variable "vault_path_prefix" {
  description = "Path below the mount. No segment is . or .."
  type        = string
  default     = "aws/iam-keys"
  nullable    = false

  validation {
    condition     = can(regex("^/*[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/*$", var.vault_path_prefix))
    error_message = "vault_path_prefix: expected a match of ^/*[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/*$"
  }

  validation {
    condition     = length(setintersection(split("/", var.vault_path_prefix), [".", ".."])) == 0
    error_message = "vault_path_prefix: expected no . or .. as a segment"
  }
}

variable "token_refresh_threshold_hours" {
  description = "Renew the Vault token when less than this, or less than half of its period, is left."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.token_refresh_threshold_hours >= 1 && var.token_refresh_threshold_hours <= 8760 && floor(var.token_refresh_threshold_hours) == var.token_refresh_threshold_hours
    error_message = "token_refresh_threshold_hours: expected a whole number from 1 to 8760"
  }
}

# Where the keys come from, and what happens to whom.

variable "parameter_prefix" {
  description = "What stands before the user in a parameter's name; starts and ends with a slash."
  type        = string
  default     = "/iam_users/"
  nullable    = false

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_.-]+)+/$", var.parameter_prefix))
    error_message = "parameter_prefix: expected a match of ^(/[A-Za-z0-9_.-]+)+/$"
  }
}

variable "parameter_suffix" {
  description = "What stands after the user in a parameter's name."
  type        = string
  default     = "_keys"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+$", var.parameter_suffix))
    error_message = "parameter_suffix: expected a match of ^[A-Za-z0-9_.-]+$"
  }
}

variable "parameter_kms_key_arn" {
  description = "Customer-managed key that encrypts the parameters. The default key, aws/ssm, needs no permission."
  type        = string
  default     = null

  validation {
    condition     = var.parameter_kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.parameter_kms_key_arn))
    error_message = "parameter_kms_key_arn: expected a match of ^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
  }
}

variable "user_table" {
  description = "DynamoDB table with the roster of users; - for none."
  type        = string
  default     = "BCGOV_IAM_USER_TABLE"
  nullable    = false

  validation {
    condition     = can(regex("^(-|[A-Za-z0-9_.-]{3,255})$", var.user_table))
    error_message = "user_table: expected a match of ^(-|[A-Za-z0-9_.-]{3,255})$"
  }
}

variable "user_list" {
  description = "Sweep exactly these users, and nobody else; events still count for everybody."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.user_list : can(regex("^[A-Za-z0-9._-]{1,64}$", each))])
    error_message = "user_list: expected in each place a match of ^[A-Za-z0-9._-]{1,64}$"
  }
}

variable "on_user_deleted" {
  description = "What happens in Vault when a user is removed."
  type        = string
  default     = "retain"
  nullable    = false

  validation {
    condition     = contains(["retain", "soft-delete"], var.on_user_deleted)
    error_message = "on_user_deleted: expected one of retain, soft-delete"
  }
}

variable "sync_interval_hours" {
  description = "A sweep does nothing when the last complete one is younger than this. At most a day: an alarm expects a complete sweep each day."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.sync_interval_hours >= 1 && var.sync_interval_hours <= 24 && floor(var.sync_interval_hours) == var.sync_interval_hours
    error_message = "sync_interval_hours: expected a whole number from 1 to 24"
  }
}
