#!/usr/bin/env python3
"""Checks the Terraform module: format, `validate` of the module and its examples, `terraform
test`, and what `destroy` keeps.

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


if __name__ == "__main__":
    main()
