output "iam_key_sync" {
  description = "Everything that the module tells."
  value       = module.iam_key_sync
}
