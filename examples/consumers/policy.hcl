# What an application needs: it reads its own secret, and nothing else. `default` lets its token
# renew itself.
path "apps/data/prod/orders/api/aws-ssm-sync/aws" {
  capabilities = ["read"]
}
