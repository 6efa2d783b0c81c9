# Renders files with keys. No command follows: the agent would not repeat one that failed.
#
#   bao agent -config=/etc/vault-agent/files.hcl        (or: vault agent …)

vault {
  address = "https://vault.example.org:8200"
  ca_cert = "/etc/vault-agent/ca.pem"

  retry {
    num_retries = 5
  }
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path   = "/etc/vault-agent/files-role-id"
      secret_id_file_path = "/etc/vault-agent/files-secret-id"
      # The secret id must be usable again when the agent restarts.
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  static_secret_render_interval = "5m"
  exit_on_retry_failure         = false
}

# Amazon SES by SMTP: Postfix as a relay. With texthash (main.cf), Postfix reads the file itself.
# Targets: examples/targets/ses-smtp.json
template {
  contents             = "{{ with secret \"apps/data/prod/mail/relay/aws-ssm-sync/smtp\" }}[{{ .Data.data.SMTP_HOST }}]:587 {{ .Data.data.SMTP_USERNAME }}:{{ .Data.data.SMTP_PASSWORD }}\n{{ end }}"
  destination          = "/etc/postfix/sasl_passwd"
  perms                = "0600"
  backup               = false
  error_on_missing_key = true
}

# pgBackRest reads its configuration at the start of each command.
# Targets: examples/targets/pgbackrest.json
template {
  contents             = "{{ with secret \"apps/data/prod/database/postgres/aws-ssm-sync/pgbackrest\" }}{{ index .Data.data \"s3.conf\" }}{{ end }}"
  destination          = "/etc/pgbackrest/conf.d/s3.conf"
  perms                = "0640"
  backup               = false
  error_on_missing_key = true
}

# Velero outside Kubernetes, or another program that reads an AWS credentials file at each start.
# Targets: examples/targets/velero.json
template {
  contents             = "{{ with secret \"apps/data/prod/cluster/velero/aws-ssm-sync/cloud\" }}{{ .Data.data.cloud }}{{ end }}"
  destination          = "/etc/velero/cloud"
  perms                = "0600"
  backup               = false
  error_on_missing_key = true
}
