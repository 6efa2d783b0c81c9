# The targets document in the state bucket, if a file is given. Without it there is no resource, so a
# document that an operator imported is left alone.

locals {
  targets_in_base64 = try(filebase64(var.targets_file), "")
  targets_bytes     = length(local.targets_in_base64) / 4 * 3 - length(regexall("=", local.targets_in_base64))
}

resource "aws_s3_object" "targets" {
  # checkov:skip=CKV_AWS_186:The bucket encrypts all its objects, with the key if there is one.

  count = var.targets_file == null ? 0 : 1

  bucket       = aws_s3_bucket.state.bucket
  key          = local.environment_defaults["TARGETS_S3_KEY"]
  content_type = "application/json"
  # A changed file changes this text. An etag would never match under a KMS key.
  content = try(file(var.targets_file), null)

  # An object has ten tags at most, and default_tags of a provider may be more.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  depends_on = [
    aws_s3_bucket_ownership_controls.state,
    aws_s3_bucket_public_access_block.state,
    aws_s3_bucket_server_side_encryption_configuration.state,
    aws_s3_bucket_versioning.state,
  ]

  lifecycle {
    # Without the document, the function would publish each key at the default path.
    prevent_destroy = true

    precondition {
      condition     = can(filebase64(var.targets_file))
      error_message = "targets_file: expected a readable file."
    }
    precondition {
      condition = (
        !can(filebase64(var.targets_file)) || can(keys(jsondecode(file(var.targets_file))))
      )
      error_message = "targets_file: expected a JSON object."
    }
    precondition {
      condition     = local.targets_bytes <= local.settings.targets.maximumBytes
      error_message = "targets_file: expected at most ${local.settings.targets.maximumBytes} bytes; got ${local.targets_bytes}."
    }
  }
}
