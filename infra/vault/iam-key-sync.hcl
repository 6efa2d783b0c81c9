# What the service may do in Vault: write keys, and see their versions. It cannot read a secret back.
# Renewing and looking up its own token come with the `default` policy.
# This is what `keysync policy vault` prints for the default mount and prefix with ON_USER_DELETED=soft-delete; run it with
# your own configuration for other names, or for less.

# Write keys.
path "secret/data/aws/iam-keys/*" {
  capabilities = ["create", "update"]
}

# Only for ON_USER_DELETED=soft-delete. Hide the version that is named, and an operator can undelete it. The delete
# capability on data would hide whatever is the latest version by then, somebody else's too. What loses data for good
# (destroy, and delete on metadata) stays forbidden.
path "secret/delete/aws/iam-keys/*" {
  capabilities = ["update"]
}

# Versions of all keys in one call, for the sweep; of this folder only, hence no star. A LIST is checked with a slash at
# the end of its path. OpenBao offers it; HashiCorp Vault lacks it, and there the rule has no effect.
path "secret/detailed-metadata/aws/iam-keys/" {
  capabilities = ["list"]
}

# Versions and deletions, never values: this is how drift is seen, and how a refused check-and-set is resolved.
path "secret/metadata/aws/iam-keys/*" {
  capabilities = ["read"]
}
