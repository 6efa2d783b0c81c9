# Runs an application with the key in its environment, and restarts it when the key changes. The
# agent is the parent of the application. It ends when the application ends, so let systemd or the
# container runtime start it again.
#
#   bao agent -config=/etc/vault-agent/orders.hcl        (or: vault agent …)

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
      role_id_file_path   = "/etc/vault-agent/role-id"
      secret_id_file_path = "/etc/vault-agent/secret-id"
      # The secret id must be usable again when the agent restarts.
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  # How often Vault is asked for a rotated key.
  static_secret_render_interval = "5m"
  # While Vault is unavailable, the application keeps running with the key that it has.
  exit_on_retry_failure = false
}

env_template "AWS_ACCESS_KEY_ID" {
  contents             = "{{ with secret \"apps/data/prod/orders/api/aws-ssm-sync/aws\" }}{{ .Data.data.AWS_ACCESS_KEY_ID }}{{ end }}"
  error_on_missing_key = true
}

env_template "AWS_SECRET_ACCESS_KEY" {
  contents             = "{{ with secret \"apps/data/prod/orders/api/aws-ssm-sync/aws\" }}{{ .Data.data.AWS_SECRET_ACCESS_KEY }}{{ end }}"
  error_on_missing_key = true
}

exec {
  command                   = ["/opt/orders/bin/orders"]
  restart_on_secret_changes = "always"
  # The application finishes its work and exits; after 30 seconds the agent kills it.
  restart_stop_signal = "SIGTERM"
}
