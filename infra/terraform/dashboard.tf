resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode(
    jsondecode(templatefile("${local.shared}/dashboard.json", local.names))
  )
}
