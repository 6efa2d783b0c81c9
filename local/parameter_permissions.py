"""Teaches ministack which resource GetParametersByPath is about, by wrapping a function of the pinned version inside its process.

AWS authorises the path that is asked for; ministack takes it for a call about everything (`*`), which no narrow policy allows.
Must not change anything else: what a policy then says about it is ministack's own judgement.
"""
import inspect
import json
from importlib.metadata import version

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region

WRITTEN_FOR = "1.5.33"
_ACTION = "AmazonSSM.GetParametersByPath"


def verify() -> None:
    """Ends the process with a sentence when ministack is not built the way this module expects."""
    function = getattr(iam_actions, "extract_resource_arn", None)
    if not callable(function) or list(inspect.signature(function).parameters)[:5] != ["service", "method", "path", "headers", "body"]:
        raise SystemExit(f"local/parameter_permissions.py was written for ministack {WRITTEN_FOR}, but found {version('ministack')}, where "
                         "core.iam_actions.extract_resource_arn is missing or takes other arguments. Adapt that file to the new version.")


def install() -> None:
    extract = iam_actions.extract_resource_arn

    def wrapped(service, method, path, headers, body, *others, **more):
        if service == "ssm" and headers.get("x-amz-target") == _ACTION:
            asked = json.loads(body)["Path"]
            return f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter{asked}"
        return extract(service, method, path, headers, body, *others, **more)

    iam_actions.extract_resource_arn = wrapped
