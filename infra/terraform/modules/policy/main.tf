# Builds a policy from a list of statements such as ../../../shared/permissions.json.

locals {
  statements = [
    for statement in jsondecode(file(var.file)) : statement
    if lookup(var.present, try(statement.requires, ""), true)
  ]

  # A placeholder with a list stands for several resources, each a JSON text of its own.
  values = merge(var.values, { for name, items in var.lists : name => join("\",\"", items) })

  # A key policy applies to its key, so its statements have a principal and no resource.
  template = jsonencode([
    for statement in local.statements : {
      for member, value in {
        Sid       = statement.sid
        Effect    = try(statement.effect, "Allow")
        Principal = try(statement.principal, null)
        Action    = statement.actions
        Resource  = can(statement.principal) ? ["*"] : statement.resources
        Condition = try(statement.condition, null)
      } : member => value if value != null
    }
  ])
}
