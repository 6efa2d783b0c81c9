"""What the CDK would deploy: the resources of its synthesized template, with every reference resolved to a symbol."""
import json
import os
import re
import subprocess
from pathlib import Path

from infra.checks.parity.symbols import ENTITIES, everywhere, placed
from infra.checks.workspace import ROOT, CheckError

_CDK = ROOT / "infra/cdk"
_PSEUDO = {"AWS::Region": "<Region>", "AWS::AccountId": "<Account>", "AWS::Partition": "<Partition>", "AWS::StackName": "<stack>"}
_ATTRIBUTES = {"Arn": "arn", "QueueName": "name", "GroupId": "id", "QueueUrl": "url"}


def build() -> None:
    """Compiles the app."""
    if subprocess.run(["npm", "run", "--silent", "build"], cwd=_CDK).returncode != 0:
        raise CheckError("the CDK app does not compile (above); are its dependencies there? make cdk")


def resources(inputs: dict, folder: Path) -> dict:
    """By logical id without stack and hash: type, deletion policy and properties."""
    context = {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): value for name, value in inputs.items()}
    env = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(folder)}
    done = subprocess.run(["node", "dist/bin/app.js"], cwd=_CDK, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise CheckError(f"the CDK app refuses a scenario\n{done.stdout}")
    template = json.loads((folder / "IamKeySync.template.json").read_text())["Resources"]
    return {_short(logical): {"Type": resource["Type"], "DeletionPolicy": resource.get("DeletionPolicy", "Delete"), **_properties(resource)}
            for logical, resource in template.items()}


def _short(logical: str) -> str:
    return re.sub(r"^Service(.+)[0-9A-F]{8}$", r"\1", logical)


def _properties(resource: dict) -> dict:
    resolved = everywhere(_resolved(resource.get("Properties", {})), placed)
    # A package on this machine is an asset here, and a path for Terraform.
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
    for name, entity in ENTITIES.items():
        if entity.logical == _short(logical):
            return f"<{name}.{entity.ref if attribute is None else _ATTRIBUTES[attribute]}>"
    raise CheckError(f"the template refers to {logical}, which infra/checks/parity/symbols.py does not know")
