# The smallest policy that works: it only writes keys. With it, the service neither detects nor
# repairs a key that was changed or deleted in Vault by another writer, and rejects
# ON_USER_DELETED=soft-delete. Prefer iam-key-sync.hcl where it is allowed.

path "secret/data/aws/iam-keys/*" {
  capabilities = ["create", "update"]
}
