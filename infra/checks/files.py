#!/usr/bin/env python3
"""What in the Terraform module follows from other files: its variables, and the tables of its README. `--check` only compares.

Also refuses an input with limits that no test goes beyond.
"""
import argparse
import difflib
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from infra.checks import tables, variables

MODULE = Path(__file__).resolve().parent.parent / "terraform"


def stale() -> str:
    """How the files differ from what they should be; empty when they do not."""
    return "".join(_difference(file, wanted) for file, wanted in _wanted().items())


def untested() -> list:
    """Variables with limits that are not among the expected failures of any test."""
    limited = {name for text in variables.files().values() for name in re.findall(r'error_message = "(\w+): expected', text)}
    tests = "".join(file.read_text() for file in (MODULE / "tests").glob("*.tftest.hcl"))
    expected = re.findall(r"expect_failures += \[([^\]]*)\]", tests)
    return sorted(limited - {name for names in expected for name in re.findall(r"var\.(\w+)", names)})


def _wanted() -> dict:
    readme = MODULE / "README.md"
    files = {MODULE / name: text for name, text in variables.files().items()}
    return {**files, readme: tables.filled(readme.read_text(), MODULE)}


def _difference(file: Path, wanted: str) -> str:
    found = file.read_text() if file.exists() else ""
    return "".join(difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), f"{file} (is)", f"{file} (should be)"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="infra/checks/files.py", description="Writes the parts of the Terraform module that follow from other files.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is not as it should be")
    if parser.parse_args().check:
        if difference := stale():
            sys.exit(f"{difference}\ninfra/checks/files.py: run make terraform-files")
        if names := untested():
            sys.exit(f"infra/checks/files.py: no test goes beyond the limits of {', '.join(names)}")
    else:
        for file, text in _wanted().items():
            file.write_text(text)


if __name__ == "__main__":
    main()
