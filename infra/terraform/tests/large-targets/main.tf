# Writes a document of exactly 1 MiB, and one with a byte more. They are too large for the repository.

resource "terraform_data" "documents" {
  for_each = { largest = 1048576, larger = 1048577 }

  provisioner "local-exec" {
    command = "printf '{\"x\":\"%${each.value - 8}d\"}' 0 > .terraform/${each.key}-targets.json"
  }
}
