# The network: outside a VPC, inside one, and with created endpoints.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_security_group.function
  override_during = plan
  values          = { id = "sg-function" }
}

override_resource {
  target          = aws_security_group.endpoints
  override_during = plan
  values          = { id = "sg-endpoints" }
}

variables {
  zip        = "./tests/package.zip"
  vault_addr = "https://vault.example.org:8200"
}

run "network_is_absent_without_a_vpc" {
  command = plan

  assert {
    condition = (
      length(aws_lambda_function.this.vpc_config) == 0 &&
      length(aws_security_group.function) == 0 &&
      length(local.egress) == 0 &&
      output.security_group_id == null
    )
    error_message = "network: expected none"
  }
}

run "function_runs_in_the_vpc" {
  command = plan

  variables {
    vpc_id                      = "vpc-0123456789abcdef0"
    subnet_ids                  = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    vault_cidrs                 = ["10.1.0.0/16", "10.2.0.0/16"]
    endpoint_prefix_list_ids    = ["pl-01234567"]
    endpoint_security_group_ids = ["sg-01234567"]
    endpoint_cidrs              = ["10.3.0.0/24"]
  }

  assert {
    condition = (
      aws_lambda_function.this.vpc_config[0].subnet_ids ==
      toset(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]) &&
      aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-function"])
    )
    error_message = "function: expected the given subnets and its security group"
  }
  assert {
    condition = toset([
      for rule in aws_vpc_security_group_egress_rule.function : join(" ", compact([
        rule.ip_protocol,
        "${rule.from_port}-${rule.to_port}",
        rule.cidr_ipv4,
        rule.prefix_list_id,
        rule.referenced_security_group_id,
      ]))
      ]) == toset([
      "tcp 8200-8200 10.1.0.0/16",
      "tcp 8200-8200 10.2.0.0/16",
      "tcp 443-443 pl-01234567",
      "tcp 443-443 sg-01234567",
      "tcp 443-443 10.3.0.0/24",
    ])
    error_message = "egress: unexpected rules ${jsonencode(keys(aws_vpc_security_group_egress_rule.function))}"
  }
  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_egress_rule.function :
      rule.security_group_id == "sg-function"
    ])
    error_message = "egress: expected rules of the function's group"
  }
  assert {
    condition = (
      length(aws_vpc_security_group_ingress_rule.endpoints) == 0 &&
      length(aws_vpc_endpoint.interface) == 0 &&
      length(aws_vpc_endpoint.gateway) == 0
    )
    error_message = "endpoints: expected none"
  }
}

run "egress_to_vault_defaults_to_port_443" {
  command = plan

  variables {
    vault_addr     = "https://vault.example.org"
    vpc_id         = "vpc-0123456789abcdef0"
    subnet_ids     = ["subnet-0123456789abcdef0"]
    vault_cidrs    = ["10.1.0.0/16"]
    endpoint_cidrs = ["10.3.0.0/24"]
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.function["vault-10.1.0.0/16"].to_port == 443
    error_message = "egress to Vault: expected port 443"
  }
}

run "vault_and_endpoints_may_share_a_range" {
  command = plan

  variables {
    vault_addr                  = "https://vault.example.org"
    vpc_id                      = "vpc-0123456789abcdef0"
    subnet_ids                  = ["subnet-0123456789abcdef0"]
    vault_cidrs                 = ["10.1.0.0/16", "10.2.0.0/16"]
    endpoint_cidrs              = ["10.1.0.0/16", "10.3.0.0/24", "10.3.0.0/24"]
    endpoint_prefix_list_ids    = ["pl-01234567"]
    endpoint_security_group_ids = ["sg-01234567"]
  }

  assert {
    condition = [
      for rule in aws_vpc_security_group_egress_rule.function : join(" ", compact([
        rule.to_port,
        rule.cidr_ipv4,
        rule.prefix_list_id,
        rule.referenced_security_group_id,
        rule.description,
      ]))
      ] == [
      "443 10.3.0.0/24 Interface endpoint",
      "443 pl-01234567 Gateway endpoint",
      "443 sg-01234567 Interface endpoint",
      "443 10.1.0.0/16 Vault, interface endpoint",
      "443 10.2.0.0/16 Vault",
    ]
    error_message = "egress: expected one rule for each port and range"
  }
}

run "endpoints_are_created_on_request" {
  command = plan

  variables {
    vpc_id                   = "vpc-0123456789abcdef0"
    subnet_ids               = ["subnet-0123456789abcdef0"]
    vault_cidrs              = ["10.1.0.0/16"]
    vpc_endpoints            = ["ssm", "s3", "dynamodb"]
    route_table_ids          = ["rtb-0123456789abcdef0"]
    endpoint_prefix_list_ids = ["pl-01234567", "pl-01234568"]
  }

  assert {
    condition = (
      { for name, endpoint in aws_vpc_endpoint.gateway : name => endpoint.service_name } ==
      { dynamodb = "com.amazonaws.ca-central-1.dynamodb", s3 = "com.amazonaws.ca-central-1.s3" }
    )
    error_message = "gateway endpoints: expected s3 and dynamodb"
  }
  assert {
    condition = alltrue([
      for endpoint in aws_vpc_endpoint.gateway : (
        endpoint.vpc_endpoint_type == "Gateway" &&
        endpoint.route_table_ids == toset(["rtb-0123456789abcdef0"])
      )
    ])
    error_message = "gateway endpoints: expected the route tables"
  }
  assert {
    condition = (
      keys(aws_vpc_endpoint.interface) == ["ssm"] &&
      alltrue([
        for endpoint in aws_vpc_endpoint.interface : (
          endpoint.private_dns_enabled &&
          endpoint.vpc_endpoint_type == "Interface" &&
          endpoint.security_group_ids == toset(["sg-endpoints"])
        )
      ])
    )
    error_message = "interface endpoints: expected ssm with private DNS and its group"
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.endpoints[0].referenced_security_group_id == "sg-function" &&
      aws_vpc_security_group_ingress_rule.endpoints[0].security_group_id == "sg-endpoints" &&
      aws_vpc_security_group_ingress_rule.endpoints[0].to_port == 443
    )
    error_message = "endpoint ingress: expected only the function"
  }
  assert {
    condition = (
      aws_vpc_security_group_egress_rule.function["endpoints"].referenced_security_group_id ==
      "sg-endpoints"
    )
    error_message = "egress: expected the endpoint group"
  }
}
