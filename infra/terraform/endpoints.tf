# VPC endpoints, for a landing zone that has none and allows a tenant to create them.

resource "aws_vpc_endpoint" "gateway" {
  for_each = local.in_vpc ? local.gateway_endpoints : toset([])

  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${local.region}.${each.value}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.route_table_ids
  tags              = var.tags

  # Behind depends_on, the Region is unknown during the plan, which would replace the endpoint.
  lifecycle {
    ignore_changes = [service_name]
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.in_vpc ? local.interface_endpoints : toset([])

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${local.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
  tags                = var.tags

  # As above.
  lifecycle {
    ignore_changes = [service_name]
  }
}

resource "aws_security_group" "endpoints" {
  count = local.in_vpc && length(local.interface_endpoints) > 0 ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "IAM key sync: interface endpoints, for the function alone"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = length(aws_security_group.endpoints)

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "The function"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.function[0].id
  tags                         = var.tags
}
