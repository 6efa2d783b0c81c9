# The function's place in a VPC: private subnets on the way to Vault, a security group that lets out what is needed and nothing in, and
# endpoints only where they are asked for.

locals {
  in_vpc = var.vpc_id != null

  # The port of the address, or its scheme's.
  vault_port = try(tonumber(one(regex(":([0-9]+)/?$", var.vault_addr))), startswith(var.vault_addr, "http:") ? 80 : 443)

  gateway_endpoints   = setintersection(var.vpc_endpoints, ["s3", "dynamodb"])
  interface_endpoints = setsubtract(var.vpc_endpoints, local.gateway_endpoints)

  # Whom the function may reach. By number where the configuration around this module may create what is named.
  egress = local.in_vpc ? merge(
    { for cidr in toset(var.vault_cidrs) : "vault-${cidr}" => { description = "Vault", port = local.vault_port, cidr = cidr } },
    { for number, id in var.endpoint_prefix_list_ids : "gateway-endpoint-${number}" => { description = "Gateway endpoint", port = 443, prefix_list = id } },
    { for number, id in var.endpoint_security_group_ids : "interface-endpoint-${number}" => { description = "Interface endpoint", port = 443, group = id } },
    { for group in aws_security_group.endpoints : "endpoints" => { description = "Interface endpoint", port = 443, group = group.id } },
    { for cidr in toset(var.endpoint_cidrs) : "endpoint-${cidr}" => { description = "Interface endpoint", port = 443, cidr = cidr } },
  ) : {}
}

resource "aws_security_group" "function" {
  count = local.in_vpc ? 1 : 0

  # In another VPC it is another group, which must be there before the function leaves the one in use.
  name_prefix = "${var.name}-function-"
  description = "IAM key sync: out to Vault and AWS endpoints, nothing in"
  vpc_id      = var.vpc_id

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
}
