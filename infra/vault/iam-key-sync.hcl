# What the service may do in Vault: write keys, and see their versions. It cannot read a secret back.
# Renewing and looking up its own token come with the `default` policy.
# Mount and prefix are the defaults of VAULT_MOUNT and VAULT_PATH_PREFIX: change both places together.

path "secret/data/aws/iam-keys/*" {
  capabilities = ["create", "update"]
}

# Versions and deletions, never values: this is how drift is seen, and how a refused check-and-set is resolved.
path "secret/metadata/aws/iam-keys/*" {
  capabilities = ["read", "list"]
}

# Only for ON_USER_DELETED=soft-delete: hides the versions that it names, and an operator can undelete them. The `delete`
# capability on data/ would hide whatever is the latest version by then, somebody else's too. What loses data for good
# (destroy/, and `delete` on metadata/) stays forbidden.
path "secret/delete/aws/iam-keys/*" {
  capabilities = ["update"]
}

# Versions of all keys in one call, for the nightly sweep; of this folder only, hence no `*`. A LIST is checked with a slash
# at the end of its path. OpenBao offers it; HashiCorp Vault lacks it, and there the rule has no effect.
path "secret/detailed-metadata/aws/iam-keys/" {
  capabilities = ["list"]
}
