#!/usr/bin/env python3
"""Simulates the platform that owns and rotates the IAM keys, with a DynamoDB row, an IAM user with
its access keys, and an SSM parameter for each user.

    local/platform.py create USER               creates the row, the IAM user and a key, then the
                                                parameter with `current`
    local/platform.py rotate USER [--gap S]     makes both puts of a rotation, S seconds apart
    local/platform.py begin USER                makes only the first put, which removes `current`;
                                                deletes the key that was replaced before
    local/platform.py finish USER               creates a key and makes the second put
    local/platform.py expire USER               deletes the replaced key in IAM, as the platform
                                                does 48 hours after a rotation
    local/platform.py delete USER               deletes the row, the keys and the IAM user, then the
                                                parameter
    local/platform.py show USER                 prints the parameter: the last four characters of
                                                each key id, and no secret

With --lost the events of the change are lost, as occasionally happens in AWS.

The endpoint of the emulator comes from --endpoint or AWS_ENDPOINT_URL and must be on this machine.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from local.environment import use_venv

if __name__ == "__main__":
    use_venv()

import argparse
import json
import math
import os
import re
import time

from botocore.exceptions import BotoCoreError, ClientError

from local.clients import Clients
from local.process import StackError

TABLE = "BCGOV_IAM_USER_TABLE"

_USER = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}")


class Platform:
    def __init__(self, clients: Clients, events_lost: bool = False):
        self._clients, self._events_lost = clients, events_lost

    def create_roster(self) -> None:
        """Creates the table of users unless it exists."""
        dynamodb = self._clients.dynamodb
        try:
            dynamodb.create_table(
                TableName=TABLE, BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "UserName", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "UserName", "AttributeType": "S"}])
        except dynamodb.exceptions.ResourceInUseException:
            return
        dynamodb.get_waiter("table_exists").wait(
            TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 10})

    def create(self, user: str) -> dict:
        name = parameter_name(user)
        self.create_roster()
        self._clients.dynamodb.put_item(TableName=TABLE, Item={"UserName": {"S": user}})
        try:
            self._clients.iam.create_user(UserName=user)
        except self._clients.iam.exceptions.EntityAlreadyExistsException:
            raise StackError(f"{user} already exists; rotate the key with local/platform.py rotate "
                             f"{user}") from None
        keys = {"current": self._create_key(user)}
        self._lose_event_if_asked(name)
        self._clients.ssm.put_parameter(Name=name, Value=json.dumps(keys), Type="SecureString")
        return keys

    def rotate(self, user: str, gap: float = 1) -> dict:
        self.begin(user)
        time.sleep(gap)
        return self.finish(user)

    def begin(self, user: str) -> dict:
        """Makes the first put of a rotation: `current` becomes `pending_deletion`. IAM allows two
        keys, so the key that was replaced before is deleted first."""
        keys = self.keys(user)
        if keys.get("current") is None:
            raise StackError(f"{user} has no current key; finish the rotation with "
                             f"local/platform.py finish {user}")
        self._delete_key(user, keys.get("pending_deletion"))
        return self._put(user, {"pending_deletion": keys["current"]})

    def finish(self, user: str) -> dict:
        """Makes the second put of a rotation: it adds a new `current` to the old key."""
        keys = self.keys(user)
        if keys.get("current") is not None:
            raise StackError(f"{user} has a current key, so that no rotation can be finished; "
                             f"start one with local/platform.py rotate {user}")
        return self._put(user, {**keys, "current": self._create_key(user)})

    def expire(self, user: str) -> dict:
        """Deletes the replaced key in IAM. AWS refuses it from now on. Returns the key."""
        replaced = self.keys(user).get("pending_deletion")
        if not self._delete_key(user, replaced):
            raise StackError(f"{user} has no replaced key; rotate with local/platform.py rotate "
                             f"{user}")
        return replaced

    def delete(self, user: str) -> None:
        name = parameter_name(user)
        self._clients.dynamodb.delete_item(TableName=TABLE, Key={"UserName": {"S": user}})
        self._delete_user(user)
        self._lose_event_if_asked(name)
        try:
            self._clients.ssm.delete_parameter(Name=name)
        except self._clients.ssm.exceptions.ParameterNotFound:
            raise StackError(f"{user} has no parameter to delete") from None

    def keys(self, user: str) -> dict:
        """Returns the value of the parameter."""
        return _keys_in(self.parameter(user), user)

    def parameter(self, user: str) -> dict:
        """Returns the parameter as GetParameter does, with the secret."""
        ssm, name = self._clients.ssm, parameter_name(user)
        try:
            return ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        except ssm.exceptions.ParameterNotFound:
            raise StackError(f"{user} has no parameter; create the user with local/platform.py "
                             f"create {user}") from None

    def _create_key(self, user: str) -> dict:
        created = self._clients.iam.create_access_key(UserName=user)["AccessKey"]
        return {"AccessKeyID": created["AccessKeyId"],
                "SecretAccessKey": created["SecretAccessKey"]}

    def _delete_key(self, user: str, key) -> bool:
        """Deletes a key of the parameter in IAM. Returns false if there is none."""
        if not isinstance(key, dict):
            return False
        iam = self._clients.iam
        try:
            iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyID"])
        except iam.exceptions.NoSuchEntityException:
            return False
        return True

    def _delete_user(self, user: str) -> None:
        iam = self._clients.iam
        try:
            for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
            iam.delete_user(UserName=user)
        except iam.exceptions.NoSuchEntityException:
            pass

    def _put(self, user: str, keys: dict) -> dict:
        name = parameter_name(user)
        self._lose_event_if_asked(name)
        self._clients.ssm.put_parameter(
            Name=name, Value=json.dumps(keys), Type="SecureString", Overwrite=True)
        return keys

    def _lose_event_if_asked(self, name: str) -> None:
        """Suppresses the event of the next change of the parameter (see parameter_events.py)."""
        if self._events_lost:
            entry = {"Source": "local.parameter-events", "DetailType": "Lose",
                     "Detail": json.dumps({"name": name})}
            self._clients.events.put_events(Entries=[entry])


def parameter_name(user: str) -> str:
    if not _USER.fullmatch(user):
        raise StackError(f"invalid user name {user!r}; expected 1 to 64 letters, digits, dots, "
                         "hyphens and underscores, but not . or ..")
    return f"/iam_users/{user}_keys"


def _keys_in(parameter: dict, user: str) -> dict:
    try:
        keys = json.loads(parameter["Value"])
    except ValueError:
        keys = None
    if not isinstance(keys, dict):
        raise StackError(f"{parameter['Name']} is not a JSON object; create it again with "
                         f"local/platform.py delete {user} and local/platform.py create {user}")
    return keys


def _describe(platform: Platform, user: str) -> str:
    parameter = platform.parameter(user)
    keys = _keys_in(parameter, user)
    current, pending = (_describe_key(keys.get(slot)) for slot in ("current", "pending_deletion"))
    return (f"{parameter['Name']} version {parameter['Version']}: current {current}, "
            f"pending_deletion {pending}")


def _describe_key(key) -> str:
    if key is None:
        return "none"
    key_id = key.get("AccessKeyID") if isinstance(key, dict) else None
    return f"…{key_id[-4:]}" if isinstance(key_id, str) else "not a key"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds of at least 0")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local/platform.py", description="Simulates the platform that rotates IAM keys.")
    parser.add_argument("action", choices=[
        "create", "rotate", "begin", "finish", "expire", "delete", "show"])
    parser.add_argument("user", metavar="USER")
    parser.add_argument("--gap", type=_seconds, default=1, metavar="SECONDS",
                        help="rotate: time between the two puts (default 1)")
    parser.add_argument("--lost", action="store_true", help="lose the events of the change")
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL"),
                        help="endpoint of the emulator (default: AWS_ENDPOINT_URL)")
    options = parser.parse_args()
    if not options.endpoint:
        parser.error("no endpoint; set AWS_ENDPOINT_URL or --endpoint to the address that "
                     "local/stack.py printed")

    try:
        platform = Platform(Clients(options.endpoint), options.lost)
        if options.action == "rotate":
            platform.rotate(options.user, options.gap)
        elif options.action != "show":
            getattr(platform, options.action)(options.user)
        deleted = options.action == "delete"
        print(f"{options.user} is deleted" if deleted else _describe(platform, options.user))
    except KeyboardInterrupt:
        if options.action == "rotate":
            print("\nlocal/platform.py: interrupted; finish the rotation with local/platform.py "
                  f"finish {options.user}", file=sys.stderr)
        sys.exit(130)
    except (StackError, ClientError, BotoCoreError) as problem:
        sys.exit(f"local/platform.py: {problem}")


if __name__ == "__main__":
    main()
