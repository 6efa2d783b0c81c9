# Keeps a valid Vault token in a file that only the application's user can read. The agent logs in
# and renews the token; vault-credential-process reads it.
#
#   bao agent -config=/etc/vault-agent/orders-token.hcl        (or: vault agent …)

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

  sink "file" {
    config = {
      path = "/run/vault-agent/token"
      mode = 0600
    }
  }
}
