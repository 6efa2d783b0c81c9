# The bucket for state objects and the Vault token. `terraform destroy` stops at the bucket;
# README.md describes how to release it.

resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV_AWS_18:Server access logs need a second bucket; CloudTrail data events record access to this one if the account enables them.
  # checkov:skip=CKV2_AWS_62:No consumer needs an event when a state object changes; the function itself is the only writer.
  # checkov:skip=CKV_AWS_144:The next reconcile run rebuilds a lost state, and a copy elsewhere would be one more place with the Vault token.

  bucket = coalesce(var.bucket_name, "${var.name}-${local.account}-${local.region}")
  tags   = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.bucket

  rule {
    bucket_key_enabled = local.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = local.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.bucket

  rule {
    id     = "earlier-state"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = local.settings.bucket.noncurrentVersionDays
    }
  }

  rule {
    id     = "earlier-tokens"
    status = "Enabled"

    filter {
      prefix = local.environment_defaults["VAULT_TOKEN_S3_KEY"]
    }

    noncurrent_version_expiration {
      noncurrent_days = local.settings.bucket.noncurrentTokenVersionDays
    }
  }

  rule {
    id     = "leftovers"
    status = "Enabled"
    filter {}

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 applies rules for noncurrent versions only to a bucket with versioning.
  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket = aws_s3_bucket.state.bucket

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOverTls"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 rejects concurrent changes of the two.
  depends_on = [aws_s3_bucket_public_access_block.state]
}
