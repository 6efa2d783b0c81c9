output "json" {
  description = "The policy document."
  value = jsonencode({
    Version   = "2012-10-17"
    Statement = jsondecode(templatestring(local.template, local.values))
  })
}
