"""What the stacks may write differently, each with its reason. Whatever else differs, or is in one stack alone, is an error."""

# Members of CloudFormation resources, by the name of the pair.
CDK_ONLY = {
    ("rule", "Targets.0.Id"): "a name for the target that nobody refers to",
    ("function's role", "Policies.0.PolicyName"): "a name that nobody refers to",
    ("schedules' role", "Policies.0.PolicyName"): "a name that nobody refers to",
    ("endpoints' security group", "SecurityGroupEgress"):
        "CloudFormation lets everything out unless it has a rule, so it has one to nowhere; Terraform leaves none",
}

# Arguments of Terraform resources, by type. One that the provider also computes needs no exception: the plan does not tell whether it was set.
TERRAFORM_ONLY = {
    ("aws_lambda_function", "filename"): "the package on this machine, which the CDK uploads as an asset",
    ("aws_lambda_function", "function_name"): "names are fixed in Terraform, and made up by CloudFormation",
    ("aws_cloudwatch_dashboard", "dashboard_name"): "as function_name",
    ("aws_cloudwatch_event_target", "rule"): "CloudFormation writes the target into the rule",
    ("aws_iam_role_policy", "role"): "CloudFormation writes the policy into the role",
    ("aws_iam_role_policy_attachment", "role"): "CloudFormation writes the policy into the role",
    **{(f"aws_s3_bucket_{part}", "bucket"): "CloudFormation writes it into the bucket" for part in (
        "versioning", "ownership_controls", "server_side_encryption_configuration", "lifecycle_configuration", "public_access_block")},
}



def _without_asking(statements: list) -> list:
    asking = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    return [{**statement, "Action": [action for action in statement["Action"] if action not in asking]} for statement in statements]


# Facts that differ on purpose: what makes Terraform's of the CDK's, and why.
KNOWN = {
    ("policy of events", "PolicyDocument"): (_without_asking, "the CDK's rule target lets EventBridge ask for the queue as well, which it does not need to send"),
}
