# Generated from ../shared/inputs.json: edit that file, then run make infra-files.

# Settings of the function.

variable "function_timeout_seconds" {
  description = "Timeout of an invocation. Below the minimum, the function could only return its work unprocessed, because it waits for late reads and reserves time to answer."
  type        = number
  default     = 120
  nullable    = false

  validation {
    condition     = var.function_timeout_seconds >= 10 && var.function_timeout_seconds <= 900 && floor(var.function_timeout_seconds) == var.function_timeout_seconds
    error_message = "function_timeout_seconds: expected a whole number from 10 to 900"
  }
}

variable "memory_mib" {
  description = "Memory; the processor share grows with it."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_mib >= 128 && var.memory_mib <= 10240 && floor(var.memory_mib) == var.memory_mib
    error_message = "memory_mib: expected a whole number from 128 to 10240"
  }
}

variable "reserved_concurrency" {
  description = "Concurrency reserved for the function, which is also its maximum. It is taken from the account's concurrency."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= 3 && var.reserved_concurrency <= 1000 && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency: expected a whole number from 3 to 1000"
  }
}

variable "tracing" {
  description = "Traces each invocation with X-Ray."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_level" {
  description = "Log level."
  type        = string
  default     = "info"
  nullable    = false

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "log_level: expected one of error, warn, info, debug, trace"
  }
}

variable "log_retention_days" {
  description = "Retention of the log lines."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days: expected one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653"
  }
}

variable "log_group_name" {
  description = "Existing log group, instead of a created one, for a platform that sets the retention and the key of log groups. It must exist, because the function may not create it."
  type        = string
  default     = null

  validation {
    condition     = var.log_group_name == null ? true : can(regex("^[A-Za-z0-9._/#-]{1,512}$", var.log_group_name))
    error_message = "log_group_name: expected the name of a log group"
  }
}

variable "sync_concurrency" {
  description = "Number of users processed at the same time."
  type        = number
  default     = 16
  nullable    = false

  validation {
    condition     = var.sync_concurrency >= 1 && var.sync_concurrency <= 256 && floor(var.sync_concurrency) == var.sync_concurrency
    error_message = "sync_concurrency: expected a whole number from 1 to 256"
  }
}

variable "ssm_max_calls_per_second" {
  description = "Maximum calls to SSM per second in a reconcile run; the account's quota is shared by all callers."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.ssm_max_calls_per_second >= 1 && var.ssm_max_calls_per_second <= 1000 && floor(var.ssm_max_calls_per_second) == var.ssm_max_calls_per_second
    error_message = "ssm_max_calls_per_second: expected a whole number from 1 to 1000"
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of both roles."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn: expected the ARN of an IAM policy"
  }
}

variable "role_path" {
  description = "IAM path of the created roles. It cannot be changed later."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.role_path))
    error_message = "role_path: expected a path that starts and ends with a slash, such as /service/"
  }
}

variable "function_role_arn" {
  description = "Existing role for the function, instead of a created one. It needs the statements of permissions.json and, in a VPC, of network-permissions.json and managed-policies.json."
  type        = string
  default     = null

  validation {
    condition     = var.function_role_arn == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.function_role_arn))
    error_message = "function_role_arn: expected the ARN of a role"
  }
}

variable "scheduler_role_arn" {
  description = "Existing role for the schedules, instead of a created one. It needs the statements of schedule-permissions.json."
  type        = string
  default     = null

  validation {
    condition     = var.scheduler_role_arn == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.scheduler_role_arn))
    error_message = "scheduler_role_arn: expected the ARN of a role"
  }
}

# Delivery of change events.

variable "queue_visibility_seconds" {
  description = "Time until a returned message is delivered again. The default is twice function_timeout_seconds, but at least 216. Below 173, retries end before a replaced key expires. At most half an hour, because the alarms users-failing and queue-waiting expect it."
  type        = number
  default     = null

  validation {
    condition     = var.queue_visibility_seconds == null ? true : var.queue_visibility_seconds >= 2 && var.queue_visibility_seconds <= 1800 && floor(var.queue_visibility_seconds) == var.queue_visibility_seconds
    error_message = "queue_visibility_seconds: expected a whole number from 2 to 1800"
  }
}

variable "queue_delay_seconds" {
  description = "Delay of each change event. A new access key is not valid everywhere for 5 to 15 seconds, and both puts of a rotation become one write."
  type        = number
  default     = 15
  nullable    = false

  validation {
    condition     = var.queue_delay_seconds >= 0 && var.queue_delay_seconds <= 900 && floor(var.queue_delay_seconds) == var.queue_delay_seconds
    error_message = "queue_delay_seconds: expected a whole number from 0 to 900"
  }
}

variable "max_concurrency" {
  description = "Number of batches processed at the same time."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.max_concurrency >= 2 && var.max_concurrency <= 1000 && floor(var.max_concurrency) == var.max_concurrency
    error_message = "max_concurrency: expected a whole number from 2 to 1000"
  }
}

variable "enabled" {
  description = "With false, the service is paused: events wait in the queue and schedules do not run. An alarm reports a pause of 24 hours, because replaced keys are deleted after 48."
  type        = bool
  default     = true
  nullable    = false
}

# Schedules that invoke the function.

variable "schedule_time_zone" {
  description = "Time zone of the schedules."
  type        = string
  default     = "America/Vancouver"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_+/-]+$", var.schedule_time_zone))
    error_message = "schedule_time_zone: expected the name of a time zone, such as America/Vancouver"
  }
}

variable "sweep_schedule" {
  description = "Schedule of the reconcile run for all users. It must run once a day, because an alarm expects it."
  type        = string
  default     = "cron(30 3 * * ? *)"
  nullable    = false

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.sweep_schedule))
    error_message = "sweep_schedule: expected cron(...) or rate(...)"
  }
}

variable "token_refresh_schedule" {
  description = "Schedule of the Vault token's renewal. It must run several times within the token's period, and at least every six hours, because an alarm expects it."
  type        = string
  default     = "cron(0 5,11,17,23 * * ? *)"
  nullable    = false

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.token_refresh_schedule))
    error_message = "token_refresh_schedule: expected cron(...) or rate(...)"
  }
}

# Recipients of the alarms.

variable "alarm_topic_arn" {
  description = "Topic for alarms. One is created if none is given."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn: expected the ARN of an SNS topic"
  }
}

variable "page_topic_arn" {
  description = "Topic for alarms that require immediate attention. Without it, they go to the topic of the other alarms."
  type        = string
  default     = null

  validation {
    condition     = var.page_topic_arn == null ? true : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.page_topic_arn))
    error_message = "page_topic_arn: expected the ARN of an SNS topic"
  }
}

variable "alarm_emails" {
  description = "Email addresses to subscribe to the created topic; each must confirm the subscription."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for each in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", each))])
    error_message = "alarm_emails: expected each item to be an email address; got ${join(", ", [for each in var.alarm_emails : each if !(can(regex("^[^@ ]+@[^@ ]+$", each)))])}"
  }
}

# The deployment itself.

variable "name" {
  description = "Prefix of the resource names. In the CDK, the stack's name is the prefix."
  type        = string
  default     = "iam-key-sync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name: expected 2 to 31 lower-case letters, digits and hyphens, with a letter first"
  }
}

variable "bucket_name" {
  description = "Name of the bucket, if it must be fixed. Do not change it later without copying the objects: Terraform refuses the change, and the CDK deploys a new, empty bucket."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name: expected the name of a bucket"
  }
}

variable "tags" {
  description = "Tags of all resources that can have tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
