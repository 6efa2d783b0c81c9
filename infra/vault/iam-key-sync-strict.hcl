# The least that works: write keys, nothing else. The price: a key changed or deleted in Vault by somebody else is not
# noticed or repaired, and ON_USER_DELETED=soft-delete is refused. Prefer iam-key-sync.hcl where you can.

path "secret/data/aws/iam-keys/*" {
  capabilities = ["create", "update"]
}
