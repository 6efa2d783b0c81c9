# The permissions of the service in Vault: it writes keys and reads their versions. It cannot read a
# secret back. The `default` policy already allows a token to renew and look up itself.
#
# `keysync policy vault` prints this policy for the default mount and prefix with
# ON_USER_DELETED=soft-delete. Run it with your configuration for other names or fewer permissions.

# Write keys.
path "secret/data/aws/iam-keys/*" {
  capabilities = ["create", "update"]
}

# Only for ON_USER_DELETED=soft-delete. Hides the given version; an operator can undelete it. The
# delete capability on data would hide the latest version at that time, even if another writer made
# it. Permanent deletion (destroy, and delete on metadata) stays forbidden.
path "secret/delete/aws/iam-keys/*" {
  capabilities = ["update"]
}

# Versions of all keys in one call, for a reconcile run. The path names only this folder, hence no
# star; Vault checks a LIST with a slash at the end of its path. OpenBao offers this call; HashiCorp
# Vault lacks it, and there the rule has no effect.
path "secret/detailed-metadata/aws/iam-keys/" {
  capabilities = ["list"]
}

# Versions and deletions, never values: this is how drift is seen, and how a rejected check-and-set
# is resolved.
path "secret/metadata/aws/iam-keys/*" {
  capabilities = ["read"]
}
