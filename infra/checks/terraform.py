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

_PROTECTED = ["aws_kms_key.this[0]", "aws_s3_bucket.state", "aws_s3_object.targets[0]"]
_APPLIED = [
    "apply_creates_everything",
    "apply_behind_depends_on",
    "changed_dependency_replaces_nothing",
    "apply_before_the_removal",
    "removal_keeps_bucket_document_and_key",
    "apply_with_a_targets_document",
    "changed_targets_document_is_stored",
]
_REFUSED = ["targets_document_is_not_deleted"]
_DESTROY_TESTS = "-test-directory=tests/destroy"
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
    """Returns true if the bucket, the key and the targets document are the only resources that
    Terraform refuses to destroy, also when the document's input is removed, and if the blocks of
    the README keep these and the bucket's settings.
    """
    _write_removed_blocks(workspace.module)
    workspace.init(workspace.module, _DESTROY_TESTS)
    done = workspace.terraform(
        workspace.module, "test", _DESTROY_TESTS, "-json", "-verbose", capture=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    runs = {
        line["test_run"]["run"]: line["test_run"]["status"]
        for line in lines
        if "status" in line.get("test_run", {})
    }
    protected = r"Resource (?:module\.iam_key_sync\.)?(\S+) has lifecycle.prevent_destroy"
    refused = sorted(set(re.findall(protected, done.stdout)))
    print(
        f"destroy: stops at {', '.join(refused) or 'nothing'}; runs before it: {runs}", flush=True
    )
    settings = re.findall(r'"(aws_s3_bucket_\w+)" "state"', (MODULE / "bucket.tf").read_text())
    kept = sorted([*_PROTECTED, *(f"{type_}.state" for type_ in settings)])
    forgotten = sorted(_forgotten(lines))
    expected = {**dict.fromkeys(_APPLIED, "pass"), **dict.fromkeys(_REFUSED, "error")}
    if (runs, refused, forgotten) == (expected, _PROTECTED, kept):
        return True
    print(
        "".join(line["@message"] + "\n" for line in lines),
        f"destroy: expected to stop at {', '.join(_PROTECTED)}, "
        f"and README.md to keep {', '.join(kept)}; it keeps {', '.join(forgotten)}",
    )
    return False


def _write_removed_blocks(module: Path) -> None:
    """Writes the `removed` blocks of the README to a configuration without the module."""
    blocks = re.search(r"```hcl\n(removed \{.+?)```", (module / "README.md").read_text(), re.S)
    folder = module / "tests/removed"
    folder.mkdir()
    (folder / "main.tf").write_text(f'resource "aws_kms_key" "earlier" {{}}\n\n{blocks[1]}')


def _forgotten(lines: list):
    """Yields the resources that a plan keeps, but no longer manages."""
    for line in lines:
        for change in line.get("test_plan", {}).get("resource_changes", []):
            if change["change"]["actions"] == ["forget"]:
                yield change["address"].removeprefix("module.iam_key_sync.")


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
