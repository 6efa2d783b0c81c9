#!/usr/bin/env python3
"""Runs checkov on the Terraform module and its examples.

An exception is a comment in the resource with its reason: `# checkov:skip=CHECK:reason`. A file
that checkov cannot read is an error, because nothing in it would be checked.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_CHECKOV = ROOT / ".local/infra-venv/bin/checkov"
# Tests are never deployed.
_ARGUMENTS = [
    "--framework",
    "terraform",
    "--skip-download",
    "--skip-path",
    "/tests/",
    "--compact",
    "-o",
    "json",
]


def main() -> None:
    if not _CHECKOV.exists():
        sys.exit("infra/checks/security.py: checkov not found; run make infra-venv")
    done = subprocess.run(
        [_CHECKOV, "-d", ROOT / "infra/terraform", *_ARGUMENTS], capture_output=True, text=True
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"infra/checks/security.py: checkov failed\n{done.stdout}{done.stderr}")
    results, summary = report["results"], report["summary"]
    for finding in results["failed_checks"]:
        print(
            f"{finding['check_id']} {finding['check_name']}\n  {finding['resource']}, "
            f"infra/terraform{finding['file_path']}:{finding['file_line_range'][0]}"
        )
    for file in results.get("parsing_errors", []):
        print(f"{file}: checkov cannot read it")
    for finding in results["skipped_checks"]:
        if len(finding["check_result"]["suppress_comment"]) < 20:
            print(f"{finding['check_id']} of {finding['resource']} is skipped without a reason")
            summary["failed"] += 1
    print(
        f"checkov: {summary['passed']} passed, {summary['failed']} failed, "
        f"{summary['skipped']} skipped with a reason, {summary['parsing_errors']} files not read"
    )
    if not summary["passed"] or summary["failed"] or summary["parsing_errors"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
