#!/usr/bin/env python3
"""Writes the generated parts of both stacks: Terraform's variables, and tables of the READMEs.

`--check` only compares them. It also rejects an input whose limits no test exceeds.
"""

import argparse
import difflib
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from infra.checks import tables, variables

_INFRA = Path(__file__).resolve().parent.parent
MODULE = _INFRA / "terraform"


def stale() -> str:
    """Returns the difference between the files and their expected text; empty if there is none."""
    return "".join(_difference(file, wanted) for file, wanted in _wanted().items())


def untested() -> list:
    """Returns the variables with limits for which no test expects a failure."""
    limited = {
        name
        for text in variables.files().values()
        for name in re.findall(r'error_message = "(\w+): expected', text)
    }
    tests = "".join(file.read_text() for file in (MODULE / "tests").glob("*.tftest.hcl"))
    expected = re.findall(r"expect_failures += \[([^\]]*)\]", tests)
    return sorted(
        limited - {name for names in expected for name in re.findall(r"var\.(\w+)", names)}
    )


def _wanted() -> dict:
    readme, cdk = MODULE / "README.md", _INFRA / "cdk/README.md"
    files = {MODULE / name: text for name, text in variables.files().items()}
    return {
        **files,
        readme: tables.terraform(readme.read_text(), MODULE),
        cdk: tables.cdk(cdk.read_text()),
    }


def _difference(file: Path, wanted: str) -> str:
    found = file.read_text() if file.exists() else ""
    return "".join(
        difflib.unified_diff(
            found.splitlines(True), wanted.splitlines(True), f"{file} (found)", f"{file} (expected)"
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="infra/checks/files.py",
        description="Writes the generated parts of both stacks.",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is stale"
    )
    if parser.parse_args().check:
        if difference := stale():
            sys.exit(f"{difference}\ninfra/checks/files.py: stale files; run make infra-files")
        if names := untested():
            sys.exit(f"infra/checks/files.py: no test exceeds the limits of {', '.join(names)}")
    else:
        for file, text in _wanted().items():
            file.write_text(text)


if __name__ == "__main__":
    main()
