"""Converts values that the stacks write differently to one form. Accepts values of either stack."""

import json
import re


def same(value):
    return value


def unordered(value):
    """Sorts a list whose order has no meaning."""
    return sorted(value or [])


def parsed(value):
    return json.loads(value) if isinstance(value, str) else value


def truth(value):
    return bool(value)


def resource(value):
    """Returns the referenced resource, whether by name, id or ARN."""
    return value and re.sub(r"\.\w+>$", ">", value)


def policy(value):
    """Returns the statements in their order."""
    return value and [_statement(statement) for statement in parsed(value)["Statement"]]


def queue_policy(value):
    """Returns the statements without Sid, which nothing refers to, and without reading attributes,
    which the CDK allows EventBridge too and sending does not need."""
    reads = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    return value and [
        {
            **statement,
            "Sid": None,
            "Action": [action for action in statement["Action"] if action not in reads],
        }
        for statement in policy(value)
    ]


def _statement(statement: dict) -> dict:
    form = {**statement, "Action": _list(statement["Action"])}
    if "Resource" in statement:
        form["Resource"] = _list(statement["Resource"])
    if "Principal" in statement:
        principal = statement["Principal"]
        form["Principal"] = _lists({"AWS": principal} if isinstance(principal, str) else principal)
    if "Condition" in statement:
        form["Condition"] = {test: _lists(keys) for test, keys in statement["Condition"].items()}
    return form


def _lists(values: dict) -> dict:
    return {key: _list(value) for key, value in values.items()}


def _list(value) -> list:
    return value if isinstance(value, list) else [value]


def dimensions(value):
    return {item["Name"]: item["Value"] for item in value} if isinstance(value, list) else value


def security_group_rules(value):
    """Returns the rules as texts, without the one to the loopback address: CloudFormation allows
    all egress unless there is a rule, so the CDK adds one without effect."""
    rules = map(_security_group_rule, _list(value))
    return sorted(rule for rule in rules if "127.0.0.1/32" not in rule)


def _security_group_rule(rule: dict) -> str:
    protocol = _first(rule, "IpProtocol", "ip_protocol")
    ports = f"{_first(rule, 'FromPort', 'from_port')}-{_first(rule, 'ToPort', 'to_port')}"
    cidr_or_list = ("CidrIp", "DestinationPrefixListId", "cidr_ipv4", "prefix_list_id")
    group = ("DestinationSecurityGroupId", "SourceSecurityGroupId", "referenced_security_group_id")
    description = _first(rule, "Description", "description")
    return f"{protocol} {ports} {_first(rule, *cidr_or_list, *group)} ({description})"


def _first(values: dict, *names: str):
    """Returns the first value that is set."""
    return next((values[name] for name in names if values.get(name) is not None), "")
