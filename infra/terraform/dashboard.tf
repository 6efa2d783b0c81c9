# The dashboard of infra/shared/dashboard.json, with the alarms and the widgets of this deployment.

locals {
  all_widgets = jsondecode(file("${local.shared}/dashboard.json")).widgets
  widgets = [
    for widget in local.all_widgets : merge(
      { for name, value in widget : name => value if name != "requires" },
      {
        properties = {
          for name, value in merge(widget.properties, {
            alarms = try([
              for arn in widget.properties.alarms : arn
              if contains(keys(local.alarms), split("$${AlarmPrefix}", arn)[1])
            ], null)
          }) : name => value if value != null
        }
      },
    )
    if lookup(local.present, try(widget.requires, ""), true)
  ]
  dashboard = jsonencode(
    merge(jsondecode(file("${local.shared}/dashboard.json")), { widgets = local.widgets })
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode(jsondecode(templatestring(local.dashboard, local.names)))
}
