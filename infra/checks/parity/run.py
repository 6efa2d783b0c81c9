#!/usr/bin/env python3
"""Compares the two stacks in every scenario; fails with each difference. `--table` prints every fact."""
import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent.parent)

from infra.checks.parity import plan, template
from infra.checks.parity.compare import compare, superfluous
from infra.checks.parity.scenarios import SCENARIOS, unused
from infra.checks.variables import inputs
from infra.checks.workspace import CheckError, Workspace


def main() -> None:
    parser = argparse.ArgumentParser(prog="infra/checks/parity/run.py", description="Compares the CDK's template with Terraform's plan.")
    parser.add_argument("--table", action="store_true", help="print every fact, not only those that differ")
    options = parser.parse_args()
    try:
        failures = _run(options.table)
    except CheckError as error:
        sys.exit(f"infra/checks/parity/run.py: {error}")
    if failures:
        sys.exit(f"infra/checks/parity/run.py: {failures} differences (above)")


def _run(table: bool) -> int:
    workspace = Workspace()
    print(f"Provider: {workspace.provider}", flush=True)
    template.build()
    planned = plan.plans(workspace, SCENARIOS)
    problems, needed = [f"no scenario uses the input {name}" for name in unused(inputs())], set()
    with tempfile.TemporaryDirectory(prefix="iam-key-sync-") as folder:
        for name, scenario in SCENARIOS.items():
            rows, found, exceptions = compare(scenario, template.resources(scenario, Path(folder) / name.replace(" ", "-")), planned[name])
            verdicts = Counter(row.verdict() for row in rows)
            print(f"{name}: {len(rows)} facts of {len({row.pair for row in rows})} resources: "
                  + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
            for row in rows:
                if row.verdict() == "DIFFERENT" or table:
                    print(f"  {row.verdict()}: {row.pair}, {row.fact}\n    CDK       {row.cdk}\n    Terraform {row.terraform}")
            needed |= exceptions
            problems += [f"{name}: {problem}" for problem in found]
            problems += [f"{name}: {row.pair}, {row.fact}: different" for row in rows if row.verdict() == "DIFFERENT"]
    problems += superfluous(needed)
    for problem in problems:
        print(problem)
    return len(problems)


if __name__ == "__main__":
    main()
