"""Corrects the resource of GetParametersByPath in ministack, by wrapping a function of the pinned
version inside its process.

AWS authorizes the requested path. ministack authorizes `*`, which a narrow policy does not allow.
ministack still evaluates the policy itself.
"""
import inspect
import json
from importlib.metadata import version

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region

WRITTEN_FOR = "1.5.33"
_ACTION = "AmazonSSM.GetParametersByPath"


def verify() -> None:
    """Exits with a message if the wrapped function has another signature."""
    function = getattr(iam_actions, "extract_resource_arn", None)
    found = list(inspect.signature(function).parameters) if callable(function) else []
    if found[:5] != ["service", "method", "path", "headers", "body"]:
        raise SystemExit(
            f"local/parameter_permissions.py needs ministack {WRITTEN_FOR}. In version "
            f"{version('ministack')} core.iam_actions.extract_resource_arn is missing or has other "
            "arguments; run local/setup, or adapt the file to the new version")


def install() -> None:
    extract = iam_actions.extract_resource_arn

    def wrapped(service, method, path, headers, body, *others, **more):
        if service == "ssm" and headers.get("x-amz-target") == _ACTION:
            asked = json.loads(body)["Path"]
            return f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter{asked}"
        return extract(service, method, path, headers, body, *others, **more)

    iam_actions.extract_resource_arn = wrapped
