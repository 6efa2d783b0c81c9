#!/usr/bin/env python3
"""Checks the Terraform module: format, `validate` of the module and its examples, `terraform test`, and where `destroy` stops.

Says which provider it used. TERRAFORM_PROVIDER=registry or stand-in decides; otherwise the registry is tried first.
"""
import json
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from infra.checks.workspace import MODULE, CheckError, Workspace
from local.terraform_provider.provider_package import PackageError

_KEPT = ["aws_kms_key.this[0]", "aws_s3_bucket.state"]


def main() -> None:
    try:
        workspace = Workspace()
        print(f"Provider: {workspace.note}", flush=True)
        failed = [name for name, step in _steps(workspace) if not step()]
    except (CheckError, PackageError) as error:
        sys.exit(f"infra/checks/terraform.py: {error}")
    if failed:
        sys.exit(f"infra/checks/terraform.py: {', '.join(failed)} failed (above)")
    print(f"Terraform module: all checks passed, with {workspace.provider} provider")


def _steps(workspace: Workspace):
    yield "fmt", lambda: workspace.terraform(MODULE, "fmt", "-check", "-diff", "-recursive").returncode == 0
    for folder in workspace.configurations():
        yield f"validate {folder.name}", lambda folder=folder: _validate(workspace, folder)
    yield "test", lambda: workspace.terraform(workspace.module, "test").returncode == 0
    yield "destroy", lambda: _stops_at_what_must_stay(workspace)


def _validate(workspace: Workspace, folder: Path) -> bool:
    workspace.init(folder)
    print(f"{folder.name}: ", end="", flush=True)
    return workspace.terraform(folder, "validate").returncode == 0


def _stops_at_what_must_stay(workspace: Workspace) -> bool:
    """What Terraform refuses to destroy is nothing but bucket and key."""
    done = workspace.terraform(workspace.module, "test", "-test-directory=tests/destroy", "-json", capture=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    runs = {line["test_run"]["run"]: line["test_run"]["status"] for line in lines if "status" in line.get("test_run", {})}
    refused = sorted(set(re.findall(r"Resource (\S+) has lifecycle.prevent_destroy", done.stdout)))
    print(f"destroy: stops at {', '.join(refused) or 'nothing'}; before that {runs}", flush=True)
    if (runs, refused) == ({"everything_is_made": "pass"}, _KEPT):
        return True
    print("".join(line["@message"] + "\n" for line in lines), f"expected to stop at {', '.join(_KEPT)}")
    return False


if __name__ == "__main__":
    main()
