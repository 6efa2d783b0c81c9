#!/usr/bin/env python3
"""Checks the Terraform module: format, `validate` of the module and its examples, `terraform
test`, what `destroy` keeps, and that the function's permissions are destroyed last.

Prints which provider it used. Terraform's own CLI configuration (TF_CLI_CONFIG_FILE) selects it,
else the public registry.
"""

import json
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from infra.checks.workspace import MODULE, CheckError, Workspace

_PROTECTED = ["aws_kms_key.this[0]", "aws_s3_bucket.state"]
# Lambda deletes the function's network interfaces, which hold the security group, with the role's
# permissions. Each is destroyed before the next.
_GROUP = "aws_security_group.function"
_ORDER = {
    ("aws_lambda_function.this", _GROUP),
    (_GROUP, "aws_iam_role_policy_attachment.function"),
    (_GROUP, "aws_iam_role_policy.network"),
}


def main() -> None:
    try:
        workspace = Workspace()
        print(f"Provider: {workspace.provider}", flush=True)
        failed = [name for name, step in _steps(workspace) if not step()]
    except CheckError as error:
        sys.exit(f"infra/checks/terraform.py: {error}")
    if failed:
        sys.exit(f"infra/checks/terraform.py: {', '.join(failed)}: failed (see above)")
    print(f"Terraform module: all checks passed with {workspace.provider}")


def _steps(workspace: Workspace):
    yield (
        "fmt",
        lambda: workspace.terraform(MODULE, "fmt", "-check", "-diff", "-recursive").returncode == 0,
    )
    for folder in workspace.configurations():
        yield f"validate {folder.name}", lambda folder=folder: _validate(workspace, folder)
    yield "test", lambda: workspace.terraform(workspace.module, "test").returncode == 0
    yield "destroy", lambda: _destroy_stops(workspace)
    yield "order", lambda: _permissions_are_last(workspace)


def _validate(workspace: Workspace, folder: Path) -> bool:
    workspace.init(folder)
    print(f"{folder.name}: ", end="", flush=True)
    return workspace.terraform(folder, "validate").returncode == 0


def _destroy_stops(workspace: Workspace) -> bool:
    """Returns true if the bucket and the key are the only resources that Terraform refuses to
    destroy.
    """
    done = workspace.terraform(
        workspace.module, "test", "-test-directory=tests/destroy", "-json", capture=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    runs = {
        line["test_run"]["run"]: line["test_run"]["status"]
        for line in lines
        if "status" in line.get("test_run", {})
    }
    refused = sorted(set(re.findall(r"Resource (\S+) has lifecycle.prevent_destroy", done.stdout)))
    print(
        f"destroy: stops at {', '.join(refused) or 'nothing'}; runs before it: {runs}", flush=True
    )
    if (runs, refused) == ({"apply_creates_everything": "pass"}, _PROTECTED):
        return True
    print(
        "".join(line["@message"] + "\n" for line in lines),
        f"destroy: expected to stop at {', '.join(_PROTECTED)}",
    )
    return False


def _permissions_are_last(workspace: Workspace) -> bool:
    """Returns true if Terraform destroys the function, then its security group, then the
    permissions for network interfaces: each resource depends on the next.
    """
    graph = workspace.terraform(workspace.module, "graph", capture=True).stdout
    missing = _ORDER - set(re.findall(r'"(\S+)" -> "(\S+)"', graph))
    for first, last in sorted(missing):
        print(f"order: expected {first} to depend on {last}, so that it is destroyed before it")
    return not missing


if __name__ == "__main__":
    main()
