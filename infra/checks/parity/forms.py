"""One form for values that the stacks write differently. Each takes a value of either side."""
import json
import re


def same(value):
    return value


def unordered(value):
    """A list whose order means nothing."""
    return sorted(value or [])


def parsed(value):
    return json.loads(value) if isinstance(value, str) else value


def truth(value):
    return bool(value)


def kept(value):
    """Whether it outlives the deployment."""
    return value in ("Retain", True)


def kept_bucket(value):
    """Whether it stays: not deleted with the stack here, not emptied to be deleted there (`prevent_destroy` is no planned value)."""
    return value in ("Retain", None, False)


def who(value):
    """Whom a reference names, whether by name, id or ARN."""
    return value and re.sub(r"\.\w+>$", ">", value)


def policy(value):
    """Statements, in order."""
    return value and [_statement(statement) for statement in parsed(value)["Statement"]]


def resource_policy(value):
    """Statements without the names that nobody refers to."""
    return value and [{member: content for member, content in statement.items() if member != "Sid"} for statement in policy(value)]


def _statement(statement: dict) -> dict:
    form = {**statement, "Action": _list(statement["Action"])}
    if "Resource" in statement:
        form["Resource"] = _list(statement["Resource"])
    if "Principal" in statement:
        principal = statement["Principal"]
        form["Principal"] = {kind: _list(names) for kind, names in ({"AWS": principal} if isinstance(principal, str) else principal).items()}
    if "Condition" in statement:
        form["Condition"] = {test: {key: _list(values) for key, values in keys.items()} for test, keys in statement["Condition"].items()}
    return form


def _list(value) -> list:
    return value if isinstance(value, list) else [value]


def dimensions(value):
    return {item["Name"]: item["Value"] for item in value} if isinstance(value, list) else value


def encryption(value):
    """Algorithm, key, and whether the bucket has a key of its own."""
    forms = []
    for rule in value or []:
        default = rule.get("ServerSideEncryptionByDefault") or rule["apply_server_side_encryption_by_default"][0]
        forms.append((default.get("SSEAlgorithm") or default["sse_algorithm"], default.get("KMSMasterKeyID") or default.get("kms_master_key_id"),
                      bool(rule.get("BucketKeyEnabled") or rule.get("bucket_key_enabled"))))
    return forms


def lifecycle(value):
    """What each rule does to what begins with which prefix."""
    return sorted(_lifecycle_rule(rule) for rule in value or [])


def _lifecycle_rule(rule: dict) -> str:
    if "Status" in rule:
        found = (rule["Status"], rule.get("Prefix"), rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
                 rule.get("ExpiredObjectDeleteMarker"), rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"))
    else:
        one = {name: (blocks or [{}])[0] for name, blocks in rule.items() if isinstance(blocks, list)}
        found = (rule["status"], one["filter"].get("prefix"), one["noncurrent_version_expiration"].get("noncurrent_days"),
                 one["expiration"].get("expired_object_delete_marker"), one["abort_incomplete_multipart_upload"].get("days_after_initiation"))
    words = ("status", "prefix", "earlier versions, days", "lonely delete markers", "unfinished uploads, days")
    return ", ".join(f"{word}: {value}" for word, value in zip(words, found) if value)


def traffic(value):
    """Whom a security group lets out to, or in from."""
    rules = value if isinstance(value, list) else [value]
    return sorted(_rule(rule) for rule in rules)


def _rule(rule: dict) -> str:
    def member(*names):
        return next((rule[name] for name in names if rule.get(name) is not None), "")

    peer = member("CidrIp", "DestinationPrefixListId", "DestinationSecurityGroupId", "SourceSecurityGroupId",
                  "cidr_ipv4", "prefix_list_id", "referenced_security_group_id")
    ports = f"{member('FromPort', 'from_port')}-{member('ToPort', 'to_port')}"
    return f"{member('IpProtocol', 'ip_protocol')} {ports} {peer} ({member('Description', 'description')})"
