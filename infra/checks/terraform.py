#!/usr/bin/env python3
"""Checks the Terraform module: format, `validate` of the module and its examples, `terraform test`.

Says which provider it used. TERRAFORM_PROVIDER=registry or stand-in decides; otherwise the registry is tried first.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from infra.checks.workspace import MODULE, CheckError, Workspace
from local.terraform_provider.provider_package import PackageError


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


def _validate(workspace: Workspace, folder: Path) -> bool:
    workspace.init(folder)
    print(f"{folder.name}: ", end="", flush=True)
    return workspace.terraform(folder, "validate").returncode == 0


if __name__ == "__main__":
    main()
