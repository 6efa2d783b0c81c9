"""Observes the deployed service: function, role, queues, logs, state in S3 and secrets in Vault.

The observed values contain no secret and can be printed.
"""
import hashlib
import json
import time
from collections import namedtuple

from local.invoke import invoke
from local.openbao import MOUNT, PATH_PREFIX
from local.process import StackError, wait_until

_POLICY = "IamKeySync"
_TARGETS_OBJECT = "targets.json"
_FIELDS = frozenset(("accessKeyId", "secretAccessKey", "userName", "syncedAt"))

# The latest version of a user's secret in Vault, and the user's state in S3.
Secret = namedtuple("Secret", "key version user fields", defaults=[_FIELDS])
State = namedtuple("State", "key vault_version retired_at", defaults=[None])
# The latest version of a target's secret, with the fingerprints of its fields and its
# custom_metadata, and the record of the target in the state.
Target = namedtuple("Target", "fields version mark")
TargetState = namedtuple("TargetState", "key vault_version parameter_version")
# The last four characters of the id, and the fingerprint of id and secret.
Key = namedtuple("Key", "last_four fingerprint")


def key_of(key_id: str, secret: str) -> Key:
    text = json.dumps({"accessKeyId": key_id, "secretAccessKey": secret}, separators=(",", ":"))
    return Key(key_id[-4:], hashlib.sha256(text.encode()).hexdigest())


def fingerprints_of(fields: dict) -> dict:
    """Returns a short fingerprint of each field's value, which can be printed."""
    return {name: hashlib.sha256(str(value).encode()).hexdigest()[:12]
            for name, value in fields.items()}


class Deployed:
    def __init__(self, stack, outputs: dict):
        """`outputs` are those of the CloudFormation stack."""
        self._outputs, self._function = outputs, outputs["FunctionName"]
        self._vault, self._clients = stack.vault, stack.clients()

    def invoke(self, payload: dict) -> tuple:
        """Returns the answer of the function and whether the function failed."""
        return invoke(self._clients, self._function, payload)

    def reconcile(self) -> dict:
        """Invokes the function with the payload of the nightly schedule. Returns the report."""
        schedule = self._clients.scheduler.get_schedule(Name=self._outputs["SweepScheduleName"])
        report, failed = self.invoke(json.loads(schedule["Target"]["Input"]))
        if failed:
            raise StackError(f"the reconcile run failed: {report.get('errorMessage')}")
        return report

    def describe(self) -> dict:
        """Returns the configuration of the function, the states of mapping and schedules, and the
        number of messages in each queue."""
        configuration = self._configuration()
        mappings = self._clients.lambda_.list_event_source_mappings(FunctionName=self._function)
        schedules = self._clients.scheduler.list_schedules()["Schedules"]
        urls = self._clients.sqs.list_queues().get("QueueUrls", [])
        return {"memoryMib": configuration["MemorySize"],
                "variables": configuration["Environment"]["Variables"],
                "mappings": [mapping["State"] for mapping in mappings["EventSourceMappings"]],
                "schedules": [schedule["State"] for schedule in schedules],
                "queues": {url.rsplit("/", 1)[-1]: self._messages(url) for url in urls}}

    def role(self, statements: list = None) -> dict:
        """Returns the policy statements of the function's role. Replaces them first if
        `statements` is given."""
        function, iam = self._configuration(), self._clients.iam
        policy = {"RoleName": function["Role"].rsplit("/", 1)[-1], "PolicyName": _POLICY}
        if statements is not None:
            document = {"Version": "2012-10-17", "Statement": statements}
            iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))
            self._restart(function)
        return {"role": iam.get_role_policy(**policy)["PolicyDocument"]["Statement"]}

    def secret(self, user: str):
        """Returns the latest secret, read with the root token, or None."""
        latest = self._latest(f"{MOUNT}/{PATH_PREFIX}/{user}")
        if latest is None:
            return None
        data, version = latest["data"], latest["metadata"]["version"]
        key = key_of(data.get("accessKeyId", ""), data.get("secretAccessKey", ""))
        return Secret(key, version, data.get("userName"), frozenset(data))

    def target(self, path: str):
        """Returns the latest secret at `<mount>/<path>`, or None."""
        latest = self._latest(path)
        if latest is None:
            return None
        metadata = latest["metadata"]
        return Target(fingerprints_of(latest["data"]), metadata["version"],
                      metadata["custom_metadata"] or {})

    def state(self, user: str):
        """Returns the state of the user, or None."""
        state = self._state(user)
        if state is None:
            return None
        return State(_recorded_key(state), state.get("vaultVersion"), state.get("retiredAt"))

    def target_states(self, user: str) -> dict:
        """Returns the records of the user's targets by path. The default target has none."""
        records = (self._state(user) or {}).get("targets", [])
        return {record.get("vaultPath"): TargetState(
            _recorded_key(record), record.get("vaultVersion"), record.get("parameterVersion"))
                for record in records}

    def store_targets(self, document: str) -> None:
        """Stores the first targets document, as `keysync targets import` does."""
        self._clients.s3.put_object(Bucket=self._outputs["BucketName"], Key=_TARGETS_OBJECT,
                                    Body=document, ContentType="application/json",
                                    IfNoneMatch="*")

    def queued(self) -> int:
        """Returns the number of waiting and in-flight messages."""
        return self._messages(self._outputs["QueueUrl"])

    def dead_letters(self) -> int:
        return self._messages(self._outputs["DeadLetterQueueUrl"])

    def invocations(self) -> int:
        """Returns the number of finished invocations."""
        ends = ("REPORT RequestId", '"platform.report"')
        return sum(any(end in line for end in ends) for line in self.log_lines())

    def log_lines(self, since: float = 0) -> list:
        """Returns the log lines of the function since a time in seconds of the epoch."""
        pages = self._clients.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._outputs["LogGroupName"], startTime=int(since * 1000))
        events = [event for page in pages for event in page["events"]]
        events.sort(key=lambda event: event["timestamp"])
        return [event["message"].rstrip() for event in events]

    def _latest(self, path: str):
        mount, name = path.split("/", 1)
        status, answer = self._vault.request("GET", f"{mount}/data/{name}")
        if status == 404:
            return None
        if status != 200:
            raise StackError(f"vault returned HTTP status {status} for the secret {path}")
        return answer["data"]

    def _state(self, user: str):
        s3, name = self._clients.s3, f"sync-state/users/{user}.json"
        try:
            body = s3.get_object(Bucket=self._outputs["BucketName"], Key=name)["Body"]
        except s3.exceptions.NoSuchKey:
            return None
        return json.loads(body.read())

    def _configuration(self) -> dict:
        return self._clients.lambda_.get_function_configuration(FunctionName=self._function)

    def _messages(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def _restart(self, function: dict) -> None:
        """Changes the environment, so that Lambda starts a new instance with empty memory."""
        variables = {**function["Environment"]["Variables"], "RENEWED": str(time.monotonic_ns())}
        self._clients.lambda_.update_function_configuration(
            FunctionName=self._function, Environment={"Variables": variables})
        active = lambda: self._configuration().get("LastUpdateStatus") != "InProgress"
        if not wait_until(active, 20):
            raise StackError("the new configuration of the function is not active after 20 s")


def _recorded_key(record: dict) -> Key:
    return Key(record.get("accessKeyId", "")[-4:], record.get("lastSecretHash"))


def remaining(clients) -> dict:
    """Returns the existing buckets, keys, functions and queues, without those of CDK bootstrap."""
    buckets = [bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]]
    keys = [clients.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            for key in clients.kms.list_keys()["Keys"]]
    functions = clients.lambda_.list_functions()["Functions"]
    return {
        "buckets": [name for name in buckets if not name.startswith("cdk-")],
        "keys": [{"arn": key["Arn"], "state": key["KeyState"], "manager": key["KeyManager"]}
                 for key in keys],
        "functions": [function["FunctionName"] for function in functions],
        "queues": clients.sqs.list_queues().get("QueueUrls", []),
    }
