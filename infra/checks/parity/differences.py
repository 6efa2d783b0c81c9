"""The allowed differences between the stacks, each with its reason. Any other one is an error."""

# Properties of CloudFormation resources without a counterpart in Terraform, by logical id.
CDK_ONLY = {
    ("ParameterChanges", "Targets.0.Id"): "the name of the target, which nothing refers to",
    ("SyncRole", "Policies.0.PolicyName"): "the name of the policy, which nothing refers to",
    ("SchedulesRole", "Policies.0.PolicyName"): "the name of the policy, which nothing refers to",
}

# Arguments of Terraform resources without a counterpart in the CDK, by type. An argument that the
# provider also computes needs no entry, because the plan does not show whether it was set.
TERRAFORM_ONLY = {
    ("aws_lambda_function", "filename"): "the local package, which the CDK uploads as an asset",
    ("aws_lambda_function", "function_name"): "Terraform sets names, CloudFormation generates them",
    ("aws_cloudwatch_dashboard", "dashboard_name"): "as function_name",
    ("aws_cloudwatch_event_target", "rule"): "in CloudFormation the target is part of the rule",
    ("aws_iam_role_policy", "role"): "in CloudFormation the policy is part of the role",
    ("aws_iam_role_policy_attachment", "role"): "in CloudFormation it is part of the role",
    **{
        (f"aws_s3_bucket_{part}", "bucket"): "in CloudFormation it is part of the bucket"
        for part in (
            "versioning",
            "ownership_controls",
            "server_side_encryption_configuration",
            "lifecycle_configuration",
            "public_access_block",
        )
    },
}


def _without_queue_reads(statements: list) -> list:
    reads = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    return [
        {**statement, "Action": [action for action in statement["Action"] if action not in reads]}
        for statement in statements
    ]


def _without_loopback(rules: list) -> list:
    return [rule for rule in rules if "127.0.0.1/32" not in rule]


# Facts with different values: the function that converts the CDK's value to Terraform's.
CHANGED = {
    # The CDK also allows EventBridge to read the queue's attributes, which sending does not need.
    ("EventsQueuePolicy", "PolicyDocument"): _without_queue_reads,
    # CloudFormation allows all egress unless there is a rule, so the CDK adds one without effect.
    ("NetworkEndpoints", "SecurityGroupEgress"): _without_loopback,
}
