# The function's network in a VPC: private subnets with a route to Vault, and a security group that
# allows only the necessary egress and no ingress.

locals {
  in_vpc = var.vpc_id != null

  # The port of the address, or the default port of its scheme.
  vault_port = try(
    tonumber(one(regex(":([0-9]+)/?$", var.vault_addr))),
    startswith(var.vault_addr, "http:") ? 80 : 443
  )

  # All given and created endpoints.
  endpoints = concat(
    var.endpoint_cidrs,
    var.endpoint_prefix_list_ids,
    var.endpoint_security_group_ids,
    var.vpc_endpoints
  )

  # Ranges in which both Vault and endpoints are reached on port 443. EC2 accepts one rule for each
  # port and range, whatever the descriptions.
  shared_cidrs = local.vault_port == 443 ? setintersection(var.vault_cidrs, var.endpoint_cidrs) : toset([])

  gateway_endpoints   = setintersection(var.vpc_endpoints, ["s3", "dynamodb"])
  interface_endpoints = setsubtract(var.vpc_endpoints, local.gateway_endpoints)

  # Destinations that the function may reach. The keys are numbers where the ids may be known only
  # after an apply.
  egress = local.in_vpc ? merge(
    {
      for cidr in toset(var.vault_cidrs) :
      "vault-${cidr}" => {
        description = contains(local.shared_cidrs, cidr) ? "Vault, interface endpoint" : "Vault"
        port        = local.vault_port
        cidr        = cidr
      }
    },
    {
      for number, id in var.endpoint_prefix_list_ids :
      "gateway-endpoint-${number}" => { description = "Gateway endpoint", port = 443, prefix_list = id }
    },
    {
      for number, id in var.endpoint_security_group_ids :
      "interface-endpoint-${number}" => { description = "Interface endpoint", port = 443, group = id }
    },
    {
      for group in aws_security_group.endpoints :
      "endpoints" => { description = "Interface endpoint", port = 443, group = group.id }
    },
    {
      for cidr in setsubtract(var.endpoint_cidrs, local.shared_cidrs) :
      "endpoint-${cidr}" => { description = "Interface endpoint", port = 443, cidr = cidr }
    },
  ) : {}
}

resource "aws_security_group" "function" {
  count = local.in_vpc ? 1 : 0

  # A change of the VPC replaces the group. The new group must exist before the function leaves the
  # old one.
  name_prefix = "${var.name}-function-"
  description = "IAM key sync: out to Vault and AWS endpoints, nothing in"
  vpc_id      = var.vpc_id
  tags        = var.tags

  # Lambda deletes the network interfaces some 20 minutes after the function, with the function's
  # role. The group can be deleted only afterwards, so the role's permissions are deleted last.
  depends_on = [aws_iam_role_policy_attachment.function, aws_iam_role_policy.network]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "function" {
  for_each = local.egress

  security_group_id            = aws_security_group.function[0].id
  description                  = each.value.description
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  cidr_ipv4                    = try(each.value.cidr, null)
  prefix_list_id               = try(each.value.prefix_list, null)
  referenced_security_group_id = try(each.value.group, null)
  tags                         = var.tags
}
