"""The compared resources of the CDK's synthesized template, with symbols for all references."""

import json
import os
import re
import subprocess
from pathlib import Path

from infra.checks.parity.symbols import REFS, map_strings, with_placeholders
from infra.checks.parity.table import PAIRS
from infra.checks.workspace import ROOT, CheckError

_CDK = ROOT / "infra/cdk"
_PSEUDO = {
    "AWS::Region": "<Region>",
    "AWS::AccountId": "<Account>",
    "AWS::Partition": "<Partition>",
    "AWS::StackName": "<stack>",
}
_ATTRIBUTES = {"Arn": "arn", "QueueName": "name", "GroupId": "id", "QueueUrl": "url"}


def build() -> None:
    """Compiles the app."""
    if subprocess.run(["npm", "run", "--silent", "build"], cwd=_CDK).returncode != 0:
        raise CheckError("CDK app: does not compile (see above); run make cdk first")


def resources(inputs: dict, folder: Path) -> dict:
    """Returns the properties by logical id, without stack and hash."""
    flags = json.loads((_CDK / "cdk.json").read_text())["context"]
    context = {**flags, **{_camel_case(name): value for name, value in inputs.items()}}
    env = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(folder)}
    done = subprocess.run(
        ["node", "dist/bin/app.js"],
        cwd=_CDK,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise CheckError(f"CDK app: rejects a scenario\n{done.stdout}")
    template = json.loads((folder / "IamKeySync.template.json").read_text())["Resources"]
    return {
        _short(logical): _properties(resource)
        for logical, resource in template.items()
        if _short(logical) in PAIRS
    }


def _camel_case(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _short(logical: str) -> str:
    return re.sub(r"^Service(.+)[0-9A-F]{8}$", r"\1", logical)


def _properties(resource: dict) -> dict:
    properties = dict(resource.get("Properties", {}))
    # The function of a custom resource exists only in the CDK.
    properties.pop("ServiceToken", None)
    resolved = map_strings(_resolved(properties), with_placeholders)
    # A local package is an asset in the CDK and a path in Terraform.
    if resolved.get("Code", {}).get("S3Bucket", "").startswith("cdk-"):
        del resolved["Code"]
    return resolved


def _resolved(value):
    if isinstance(value, list):
        return [_resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"}:
        return _PSEUDO.get(value["Ref"]) or _symbol(value["Ref"], None)
    if value.keys() == {"Fn::GetAtt"}:
        return _symbol(*value["Fn::GetAtt"])
    if value.keys() == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(_resolved(part) for part in parts)
    if value.keys() == {"Fn::Sub"}:
        return re.sub(r"\$\{(AWS::\w+)\}", lambda found: _PSEUDO[found[1]], value["Fn::Sub"])
    return {key: _resolved(item) for key, item in value.items()}


def _symbol(logical: str, attribute) -> str:
    name = _short(logical)
    if name not in REFS:
        raise CheckError(f"template: unknown reference to {logical}; add it to parity/symbols.py")
    return f"<{name}.{REFS[name] if attribute is None else _ATTRIBUTES[attribute]}>"
