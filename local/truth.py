"""What is really there: Vault (read with the root token), the service's state in S3, its queues and its logs.

Only reads. What it returns may be printed: secrets are present as fingerprints, key ids by their last four.
"""
import hashlib
import json
import time
from dataclasses import dataclass, field

from local.openbao import MOUNT
from local.platform import last_four
from local.process import StackError
from local.stack import PATH_PREFIX

_SECRET_FIELDS = {"accessKeyId", "secretAccessKey", "userName", "syncedAt"}


@dataclass(frozen=True)
class Key:
    """A key without its secret; equal when id and secret are."""
    id: str
    fingerprint: str = field(repr=False)

    @classmethod
    def of(cls, key_id: str, secret: str) -> "Key":
        text = json.dumps({"accessKeyId": key_id, "secretAccessKey": secret}, separators=(",", ":"))
        return cls(last_four(key_id), hashlib.sha256(text.encode()).hexdigest())

    @classmethod
    def of_platform(cls, key: dict) -> "Key":
        return cls.of(key["AccessKeyID"], key["SecretAccessKey"])


@dataclass(frozen=True)
class Secret:
    key: Key
    version: int
    user: str
    fields: frozenset = field(repr=False)

    @property
    def complete(self) -> bool:
        return self.fields == _SECRET_FIELDS


@dataclass(frozen=True)
class State:
    key: Key
    vault_version: int
    retired_at: str


class Truth:
    def __init__(self, stack, clients, outputs: dict):
        self._vault, self._clients, self._outputs = stack.vault, clients, outputs
        configuration = getattr(clients, "lambda").get_function_configuration(FunctionName=outputs["FunctionName"])
        self._log_group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{outputs['FunctionName']}"

    def secret(self, user: str):
        """The latest version in Vault, or None."""
        status, answer = self._vault.request("GET", f"{MOUNT}/data/{PATH_PREFIX}/{user}")
        if status == 404:
            return None
        if status != 200:
            raise StackError(f"vault answered the root token's read with HTTP {status}")
        data = answer["data"]["data"]
        key = Key.of(data.get("accessKeyId", ""), data.get("secretAccessKey", ""))
        return Secret(key, answer["data"]["metadata"]["version"], data.get("userName", ""), frozenset(data))

    def state(self, user: str):
        try:
            body = self._clients.s3.get_object(Bucket=self._outputs["BucketName"], Key=f"sync-state/users/{user}.json")["Body"].read()
        except self._clients.s3.exceptions.NoSuchKey:
            return None
        state = json.loads(body)
        key = Key(last_four(state.get("accessKeyId", "")), state.get("lastSecretHash", ""))
        return State(key, state.get("vaultVersion"), state.get("retiredAt"))

    def sweep_payload(self) -> dict:
        """What the nightly schedule sends to the function."""
        return json.loads(self._clients.scheduler.get_schedule(Name=self._outputs["SweepScheduleName"])["Target"]["Input"])

    def queued(self) -> int:
        """Messages waiting or in flight."""
        return self._depth(self._outputs["QueueUrl"])

    def dead_letters(self) -> int:
        return self._depth(self._outputs["DeadLetterQueueUrl"])

    def finished_invocations(self) -> int:
        return sum("REPORT RequestId" in line or '"platform.report"' in line for line in self.logs())

    def logs(self, since: float = 0) -> list:
        """The function's log lines since a time (seconds of the epoch)."""
        lines, more = [], {}
        while True:
            page = self._clients.logs.filter_log_events(logGroupName=self._log_group, startTime=int(since * 1000), **more)
            lines += [(event["timestamp"], event["message"].rstrip()) for event in page["events"]]
            if not page.get("nextToken"):
                return [message for _, message in sorted(lines, key=lambda line: line[0])]
            more = {"nextToken": page["nextToken"]}

    def _depth(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self._clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)


class Unverified(Exception):
    """Something expected did not come true in time."""


def verify(read, accept, expected: str, seconds: float = 20, interval: float = 0.02):
    """Reads until the value is accepted; the value. Raises `Unverified` with the last value when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found = read()
        if accept(found):
            return found
        if time.monotonic() >= deadline:
            raise Unverified(f"expected: {expected}\n  found:    {found!r} (after {seconds:.0f} s)")
        time.sleep(interval)
