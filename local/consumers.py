"""Proves that applications follow rotations by the recipes of examples/consumers.

The key is one of an IAM user in the emulator, which verifies signatures. The time is scaled: the
platform deletes a replaced key some seconds after the rotation instead of 48 hours.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

from botocore.exceptions import ClientError

from local import aws
from local.clients import Clients
from local.environment import CHECKOUT
from local.platform import Platform
from local.process import StackError, wait_until
from local.recipes import EXAMPLES, Recipes

USER = "orders"
APPLICATIONS = ("credential_process", "role", "agent", "control")
# botocore reads again 15 minutes before the expiry, so after two seconds. The script accepts 901.
KEY_LIFETIME_SECONDS = 15 * 60 + 2

# Without -P, local/platform.py would hide the module of the standard library.
_APP = [sys.executable, "-P", str(CHECKOUT / "local" / "consumer_app.py")]
_ROLE = "Writer"
# Error codes of AWS for a key that does not exist.
_UNKNOWN_KEY = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId")


class Consumers(Recipes):
    """Runs four applications that call AWS twice a second:

    - `credential_process` never restarts. Its SDK reads Vault through credential_process.
    - `role` is the same with a role that the user may assume.
    - `agent` is restarted by the agent when the key changes.
    - `control` has the first key in its environment and never restarts: it must be refused.
    """

    def __init__(self, stack, grace_seconds: float):
        """`grace_seconds` stand for the 48 hours."""
        super().__init__(stack, "consumers")
        self._platform, self._grace_seconds = Platform(stack.clients()), grace_seconds

    def prepare(self) -> None:
        key = self._platform.keys(USER)["current"]
        self.secrets.append(key["SecretAccessKey"])
        self.create_login(USER, (EXAMPLES / "policy.hcl").read_text())
        self._create_role()

        self.start_agent("credential-process")
        if not wait_until((self.folder / "token").exists, 20):
            raise StackError(f"the agent stored no token.\n{self.log_tails()}")
        for name, profile in (("credential_process", "orders"), ("role", "orders-role")):
            self._start_application(name, self._profile(profile))
        self.start_agent("vault-agent")
        self._start_application("control", {
            "AWS_ACCESS_KEY_ID": key["AccessKeyID"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]})
        for name in APPLICATIONS:
            if not wait_until(lambda name=name: len(self._records(name)) >= 3, 30, 0.1):
                raise StackError(f"the application {name} makes no calls.\n{self.log_tails()}")

    def rotate(self) -> dict:
        """Rotates the key, and deletes the replaced one when its time has passed, whatever the
        applications use then. Returns the delay of each application until its first call with the
        new key."""
        keys = self._platform.rotate(USER, gap=0.5)
        rotated = time.time()
        self.secrets.append(keys["current"]["SecretAccessKey"])
        time.sleep(self._grace_seconds)
        replaced = self._platform.expire(USER)
        self._expect_refused(replaced)
        new = keys["current"]["AccessKeyID"][-4:]
        first_calls = {name: [record["at"] for record in self._records(name)
                              if record["key"] == new] for name in ("credential_process", "agent")}
        return {name: round(calls[0] - rotated, 1) if calls else None
                for name, calls in first_calls.items()}

    def run_cli(self) -> None:
        """Runs the AWS CLI with both profiles."""
        cli = Path(sys.executable).with_name("aws")
        for profile in ("orders", "orders-role"):
            run = subprocess.run(
                [cli, "sts", "get-caller-identity"], capture_output=True, text=True, timeout=60,
                env={**self.environment(), **self._profile(profile)})
            if run.returncode or aws.ACCOUNT not in run.stdout:
                raise StackError(f"aws with the profile {profile} failed: {run.stderr}")

    def result(self, name: str) -> dict:
        """Returns what an application met: calls, refused calls, keys, processes."""
        records = self._records(name)
        errors = [record["error"] for record in records if record["error"]]
        times = [record["at"] for record in records]
        pauses = [later - earlier for earlier, later in zip(times, times[1:])]
        return {"calls": len(records), "refused": len(errors), "errors": sorted(set(errors)),
                "keys": len({record["key"] for record in records if record["key"]}),
                "processes": len({record["process"] for record in records}),
                "longestPauseSeconds": round(max(pauses, default=0), 1)}

    def adaptations(self) -> dict:
        return {
            **super().adaptations(),
            '["/opt/orders/bin/orders"]': json.dumps([*_APP, str(self._records_file("agent"))]),
            # botocore assumes the role again 15 minutes before the session ends, so for each call.
            "source_profile = orders": "source_profile = orders\nduration_seconds = 900",
        }

    def _create_role(self) -> None:
        """Creates the role of the example, which only the user may assume."""
        iam = self.stack.clients().iam
        user = iam.get_user(UserName=USER)["User"]["Arn"]
        iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=_statement(
            Principal={"AWS": user}))
        iam.put_user_policy(UserName=USER, PolicyName="Assume", PolicyDocument=_statement(
            Resource=f"arn:aws:iam::{aws.ACCOUNT}:role/{_ROLE}"))

    def _start_application(self, name: str, environment: dict) -> None:
        self.start(name, [*_APP, str(self._records_file(name))], environment)

    def _profile(self, name: str) -> dict:
        return {
            "AWS_CONFIG_FILE": str(self.adapt("credential-process/config")), "AWS_PROFILE": name,
            "VAULT_ADDR": self.vault.addr, "VAULT_CACERT": str(self.vault.ca_file),
            "VAULT_TOKEN_FILE": str(self.folder / "token"),
            "KEY_LIFETIME_SECONDS": str(KEY_LIFETIME_SECONDS)}

    def _expect_refused(self, key: dict) -> None:
        """Raises an error unless AWS refuses the key."""
        clients = Clients(self.stack.aws.endpoint, self.stack.aws.ca_file)
        clients.use_key(key["AccessKeyID"], key["SecretAccessKey"])
        try:
            clients.sts.get_caller_identity()
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] in _UNKNOWN_KEY:
                return
            raise
        raise StackError("the emulator accepts a deleted key; start the stack with --enforce")

    def _records_file(self, name: str):
        return self.folder / f"{name}.jsonl"

    def _records(self, name: str) -> list:
        file = self._records_file(name)
        # The last line can be incomplete.
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]


def follow_rotations(stack, rotations: int, grace_seconds: float = 15,
                     outage_seconds: float = 0) -> dict:
    """Rotates the key of USER, which Vault must have, and returns what the applications met.
    Before the last rotation, Vault is unavailable for some seconds."""
    with Consumers(stack, grace_seconds) as consumers:
        delays = [consumers.rotate() for _ in range(rotations - 1)]
        if outage_seconds:
            stack.vault.stop()
            time.sleep(outage_seconds)
            stack.vault.start()
        delays.append(consumers.rotate())
        consumers.run_cli()
        # Calls after the last deletion.
        time.sleep(3)
    consumers.check_no_secret()
    return {"rotations": rotations, "deletedKeys": rotations, "delays": delays,
            **{name: consumers.result(name) for name in APPLICATIONS}}


def _statement(**more) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
