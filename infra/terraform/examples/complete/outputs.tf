output "iam_key_sync" {
  description = "All outputs of the module."
  value       = module.iam_key_sync
}
