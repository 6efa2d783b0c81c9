#!/usr/bin/env python3
"""The platform that owns and rotates the IAM keys, as a simulator: a DynamoDB row and an SSM parameter per user.

    local/platform.py create USER               row, then the parameter with `current` only
    local/platform.py rotate USER [--gap S]     both puts of a rotation, S seconds apart
    local/platform.py stick USER                only the first put: the rotation hangs without a `current` key
    local/platform.py finish USER               the second put of a hanging rotation
    local/platform.py delete USER               row removed, then the parameter
    local/platform.py show USER                 what the parameter holds; key ids by their last four

With --lost the change is made and its events never arrive, as happens in AWS now and then.

The emulator's endpoint comes from --endpoint or AWS_ENDPOINT_URL, and must be on this machine. Never prints a secret.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from local.environment import use_venv

if __name__ == "__main__":
    use_venv()

import argparse
import base64
import json
import math
import os
import re
import secrets
import time

from botocore.exceptions import BotoCoreError, ClientError

from local.clients import Clients
from local.process import StackError

TABLE = "BCGOV_IAM_USER_TABLE"

_USER = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}")
_KEY_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Platform:
    def __init__(self, clients: Clients, events_lost: bool = False):
        self._clients, self._events_lost = clients, events_lost

    def create_roster(self) -> None:
        """The table of users; nothing happens when it is there."""
        try:
            self._clients.dynamodb.create_table(
                TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "UserName", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "UserName", "AttributeType": "S"}])
        except self._clients.dynamodb.exceptions.ResourceInUseException:
            return
        self._clients.dynamodb.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 10})

    def create(self, user: str) -> dict:
        name = parameter_name(user)
        self.create_roster()
        self._clients.dynamodb.put_item(TableName=TABLE, Item={"UserName": {"S": user}})
        keys = {"current": _new_key()}
        self._perhaps_lose_event(name)
        try:
            self._clients.ssm.put_parameter(Name=name, Value=json.dumps(keys), Type="SecureString")
        except self._clients.ssm.exceptions.ParameterAlreadyExists:
            raise StackError(f"{user} exists already. Rotate the key: local/platform.py rotate {user}") from None
        return keys

    def rotate(self, user: str, gap: float = 1) -> dict:
        self.stick(user)
        time.sleep(gap)
        return self.finish(user)

    def stick(self, user: str) -> dict:
        """The first put: `current` becomes `pending_deletion`, and there is no `current`."""
        keys = self.keys(user)
        if keys.get("current") is None:
            raise StackError(f"{user}'s rotation hangs already. Finish it first: local/platform.py finish {user}")
        return self._put(user, {"pending_deletion": keys["current"]})

    def finish(self, user: str) -> dict:
        """The second put: a new `current` beside the old key."""
        keys = self.keys(user)
        if keys.get("current") is not None:
            raise StackError(f"{user} has a current key: no rotation hangs. Start one: local/platform.py rotate {user}")
        return self._put(user, {"current": _new_key(), **{slot: key for slot, key in keys.items() if slot != "current"}})

    def delete(self, user: str) -> None:
        name = parameter_name(user)
        self._clients.dynamodb.delete_item(TableName=TABLE, Key={"UserName": {"S": user}})
        self._perhaps_lose_event(name)
        try:
            self._clients.ssm.delete_parameter(Name=name)
        except self._clients.ssm.exceptions.ParameterNotFound:
            raise StackError(f"{user} has no parameter: nothing to delete.") from None

    def keys(self, user: str) -> dict:
        """The parameter's value; the user must have one."""
        return _keys_in(self.parameter(user), user)

    def parameter(self, user: str) -> dict:
        """The parameter as GetParameter returns it, secret included."""
        try:
            return self._clients.ssm.get_parameter(Name=parameter_name(user), WithDecryption=True)["Parameter"]
        except self._clients.ssm.exceptions.ParameterNotFound:
            raise StackError(f"{user} has no parameter. Create the user first: local/platform.py create {user}") from None

    def _put(self, user: str, keys: dict) -> dict:
        name = parameter_name(user)
        self._perhaps_lose_event(name)
        self._clients.ssm.put_parameter(Name=name, Value=json.dumps(keys), Type="SecureString", Overwrite=True)
        return keys

    def _perhaps_lose_event(self, name: str) -> None:
        """Asks the emulator to send no event of this parameter's next change; `parameter_events.py` tells how."""
        if self._events_lost:
            entry = {"Source": "local.parameter-events", "DetailType": "Lose", "Detail": json.dumps({"name": name})}
            self._clients.events.put_events(Entries=[entry])


def parameter_name(user: str) -> str:
    if not _USER.fullmatch(user):
        raise StackError(f"{user!r} cannot have a parameter: 1 to 64 letters, digits, dots, hyphens and underscores are needed, "
                         "and not a lone . or ..")
    return f"/iam_users/{user}_keys"


def last_four(key_id: str) -> str:
    return f"…{key_id[-4:]}"


def _new_key() -> dict:
    """Random, in the shape of a real access key."""
    return {"AccessKeyID": "AKIA" + "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(16)),
            "SecretAccessKey": base64.b64encode(secrets.token_bytes(30)).decode()}


def _keys_in(parameter: dict, user: str) -> dict:
    try:
        keys = json.loads(parameter["Value"])
    except ValueError:
        keys = None
    if not isinstance(keys, dict):
        raise StackError(f"{parameter['Name']} holds no JSON object: somebody else wrote it. "
                         f"Start again: local/platform.py delete {user}, then create {user}")
    return keys


def _describe(platform: Platform, user: str) -> str:
    parameter = platform.parameter(user)
    keys = _keys_in(parameter, user)
    current, pending = (_describe_key(keys.get(slot)) for slot in ("current", "pending_deletion"))
    return f"{parameter['Name']} version {parameter['Version']}: current {current}, pending_deletion {pending}"


def _describe_key(key) -> str:
    if key is None:
        return "none"
    key_id = key.get("AccessKeyID") if isinstance(key, dict) else None
    return last_four(key_id) if isinstance(key_id, str) else "not a key"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="local/platform.py", description="The platform that rotates IAM keys, as a simulator.")
    parser.add_argument("action", choices=["create", "rotate", "stick", "finish", "delete", "show"])
    parser.add_argument("user", metavar="USER")
    parser.add_argument("--gap", type=_seconds, default=1, metavar="SECONDS", help="rotate: time between the two puts (default 1)")
    parser.add_argument("--lost", action="store_true", help="the change happens, but its events never arrive")
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL"), help="the emulator (default: AWS_ENDPOINT_URL)")
    options = parser.parse_args()
    if not options.endpoint:
        parser.error("no endpoint: set AWS_ENDPOINT_URL or give --endpoint, with the address that local/stack.py printed")

    try:
        platform = Platform(Clients(options.endpoint), options.lost)
        if options.action == "rotate":
            platform.rotate(options.user, options.gap)
        elif options.action != "show":
            getattr(platform, options.action)(options.user)
        print(f"{options.user} is deleted" if options.action == "delete" else _describe(platform, options.user))
    except KeyboardInterrupt:
        if options.action == "rotate":
            print(f"\nlocal/platform.py: interrupted. If the rotation hangs now, finish it: local/platform.py finish {options.user}",
                  file=sys.stderr)
        sys.exit(130)
    except (StackError, ClientError, BotoCoreError) as problem:
        sys.exit(f"local/platform.py: {problem}")


if __name__ == "__main__":
    main()
