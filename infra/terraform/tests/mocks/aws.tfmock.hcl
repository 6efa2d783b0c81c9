# Attributes of mocked resources. ARNs have the form of real ones, because policies that contain
# them are decoded as JSON.

mock_data "aws_caller_identity" {
  defaults = { account_id = "111122223333" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_data "aws_region" {
  defaults = { region = "ca-central-1" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::state" }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:ca-central-1:111122223333:queue"
    url = "https://sqs.ca-central-1.amazonaws.com/111122223333/queue"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:ca-central-1:111122223333:log-group:/aws/lambda/iam-key-sync" }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = { arn = "arn:aws:events:ca-central-1:111122223333:rule/iam-key-sync-changes" }
}

mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:ca-central-1:111122223333:key/created" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:ca-central-1:111122223333:created" }
}

mock_resource "aws_lambda_function" {
  defaults = { arn = "arn:aws:lambda:ca-central-1:111122223333:function:iam-key-sync" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::111122223333:role/role" }
}

mock_resource "aws_security_group" {
  defaults = { id = "sg-0fedcba9876543210" }
}
