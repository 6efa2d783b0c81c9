# The function's environment variables.

locals {
  # Empty without the file, because a destroy does not need it. A precondition of the function
  # requires it otherwise.
  ca_file = try(file(var.vault_ca_file), "")
  ca_certificates = regexall(
    "-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----",
    replace(local.ca_file, "\r", "")
  )
  ca_text = var.vault_ca_file == null ? null : "${join("\n", local.ca_certificates)}\n"

  # The variables that inputs set.
  chosen_environment = {
    VAULT_ADDR                    = var.vault_addr
    VAULT_CACERT_BYTES            = local.ca_text
    VAULT_NAMESPACE               = var.vault_namespace
    VAULT_AUTH_METHOD             = var.vault_auth_method
    VAULT_AUTH_ROLE               = var.vault_auth_role
    VAULT_AUTH_MOUNT              = var.vault_auth_mount
    VAULT_AUTH_AWS_REGION         = var.vault_auth_aws_region
    VAULT_AUTH_AWS_SERVER_ID      = var.vault_auth_aws_server_id
    VAULT_MOUNT                   = var.vault_mount
    VAULT_PATH_PREFIX             = var.vault_path_prefix
    TOKEN_REFRESH_THRESHOLD_HOURS = tostring(var.token_refresh_threshold_hours)
    SSM_PARAMETER_PREFIX          = var.parameter_prefix
    SSM_PARAMETER_SUFFIX          = var.parameter_suffix
    IAM_USER_TABLE                = var.user_table
    IAM_USER_LIST                 = length(var.user_list) == 0 ? null : join(",", var.user_list)
    ON_USER_DELETED               = var.on_user_deleted
    SYNC_INTERVAL_HOURS           = tostring(var.sync_interval_hours)
    LOG_LEVEL                     = var.log_level
    SYNC_CONCURRENCY              = tostring(var.sync_concurrency)
    SSM_MAX_CALLS_PER_SECOND      = tostring(var.ssm_max_calls_per_second)
  }

  # Always set, because the role or the rule depends on them too.
  always = ["SSM_PARAMETER_PREFIX", "SSM_PARAMETER_SUFFIX", "IAM_USER_TABLE"]

  # The others are set only if they differ from the function's default.
  environment = merge(
    { S3_BUCKET_NAME = aws_s3_bucket.state.bucket },
    {
      for name, value in local.chosen_environment : name => value
      if contains(local.always, name) || value != local.environment_defaults[name]
    },
  )

  # The variable to shorten if Lambda would reject the environment.
  largest_variable = split(" ", reverse(sort([
    for name, value in local.environment : format("%08d %s", length(value), name)
  ]))[0])[1]
}
