# Builds a policy from a list of statements such as ../../../shared/permissions.json.

locals {
  statements = [
    for statement in jsondecode(file(var.file)) : statement
    if lookup(var.present, try(statement.requires, ""), true)
  ]

  # The optional placeholders of each statement that have no value. Texts of its lists that contain
  # one are left out.
  absent = {
    for statement in local.statements : statement.sid => [
      for name in try(statement.optional, []) : "$${${name}}" if !lookup(var.present, name, true)
    ]
  }

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
        Resource = can(statement.principal) ? ["*"] : [
          for text in statement.resources : text
          if !anytrue([for each in local.absent[statement.sid] : strcontains(text, each)])
        ]
        Condition = try({
          for test, keys in statement.condition : test => {
            for key, texts in keys : key => [
              for text in texts : text
              if !anytrue([for each in local.absent[statement.sid] : strcontains(text, each)])
            ]
          }
        }, null)
      } : member => value if value != null
    }
  ])
}
