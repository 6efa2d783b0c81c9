#!/usr/bin/env python3
"""Compares the two stacks in every scenario and fails if they differ.

`--table` prints every compared fact.
"""

import argparse
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent.parent)

from infra.checks.parity import plan, template
from infra.checks.parity.compare import compare
from infra.checks.parity.scenarios import SCENARIOS, unused
from infra.checks.variables import inputs
from infra.checks.workspace import CheckError, Workspace

_NAME = "infra/checks/parity/run.py"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog=_NAME, description="Compares the CDK's template with Terraform's plan."
    )
    parser.add_argument("--table", action="store_true", help="print every compared fact")
    options = parser.parse_args()
    try:
        problems = _problems(options.table)
    except CheckError as error:
        sys.exit(f"{_NAME}: {error}")
    if problems:
        sys.exit("\n".join([*problems, f"{_NAME}: {len(problems)} differences"]))


def _problems(table: bool) -> list:
    workspace = Workspace()
    print(f"Provider: {workspace.provider}", flush=True)
    template.build()
    planned = plan.plans(workspace, SCENARIOS)
    problems = [f"input {name}: not used by any scenario" for name in unused(inputs())]
    with tempfile.TemporaryDirectory(prefix="iam-key-sync-") as folder:
        for name, scenario in SCENARIOS.items():
            resources = template.resources(scenario, Path(folder) / name.replace(" ", "-"))
            rows, unpaired = compare(resources, planned[name])
            count = len({row.logical for row in rows})
            print(f"{name}: {len(rows)} facts of {count} resources compared")
            different = [row for row in rows if not row.is_same()]
            for row in rows if table else different:
                print(f"  {'same' if row.is_same() else 'DIFFERENT'}: {row.logical}, {row.fact}")
                print(f"    CDK       {row.cdk}\n    Terraform {row.terraform}")
            problems += [f"{name}: {problem}" for problem in unpaired]
            problems += [f"{name}: {row.logical}, {row.fact}: different" for row in different]
    return problems


if __name__ == "__main__":
    main()
