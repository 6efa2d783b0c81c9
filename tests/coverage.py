#!/usr/bin/env python3
"""Prints the line coverage of the library, for each file: by the unit tests, and by the binaries.

    tests/coverage.py       `make coverage`

The binaries are those of the integration tests, without the fault tests. Their counters are mapped
into files, because most processes of the function are killed. cargo-llvm-cov must be on the PATH. It
uses the component `llvm-tools` of rustup, or the programs that LLVM_COV and LLVM_PROFDATA name.
"""
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAST_PERCENT = 80
# Writes the counters while the program runs (%c), to one file for each binary (%m).
COUNTERS = "%m%c.profraw"
RELOCATION = "-Cllvm-args=-runtime-counter-relocation"


def run(*command: str, environment: dict) -> str:
    """Runs a command; returns what it printed. Exits if it fails."""
    print("coverage:", *command, file=sys.stderr)
    ended = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        sys.exit(f"coverage: {shlex.join(command)} failed:\n{ended.stdout[-3000:]}")
    return ended.stdout


def instrumented() -> dict:
    """Returns the environment in which cargo builds and runs with counters."""
    target = ROOT / "target" / "coverage"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    for line in run("cargo", "llvm-cov", "show-env", environment=environment).splitlines():
        name, value = line.split("=", 1)
        environment[name] = shlex.split(value)[0]
    environment["RUSTFLAGS"] = RELOCATION
    folder = Path(environment["LLVM_PROFILE_FILE"]).parent
    environment["LLVM_PROFILE_FILE"] = str(folder / f"{ROOT.name}-{COUNTERS}")
    return environment


def lines_of(*tests: str, environment: dict) -> dict:
    """Runs tests; returns the covered lines and all lines of each file."""
    run("cargo", "llvm-cov", "clean", "--profraw-only", environment=environment)
    run("cargo", "test", "--locked", *tests, environment=environment)
    report = run("cargo", "llvm-cov", "report", "--json", "--summary-only", environment=environment)
    files = json.loads(report)["data"][0]["files"]
    source = str(ROOT / "src") + "/"
    return {file["filename"].removeprefix(source):
            (file["summary"]["lines"]["covered"], file["summary"]["lines"]["count"])
            for file in files if file["filename"].startswith(source)}


def percent(covered: int, count: int) -> str:
    return f"{100 * covered / count:.0f} %" if count else "–"


def main() -> None:
    environment = instrumented()
    unit = lines_of("--lib", "--", "--skip", "openbao::", environment=environment)
    # Some integration tests run the examples.
    run("cargo", "build", "--locked", "--examples", environment=environment)
    binaries = lines_of("--bins", "--test", "integration", "--", "--skip", "faults::",
                        environment=environment)
    rows = {name: (unit.get(name, (0, 0)), binaries.get(name, (0, 0)))
            for name in sorted({*unit, *binaries})
            if "tests" not in name and not name.startswith("testing")}
    print(f"\n{'file':48} {'lines':>6} {'unit':>7} {'binaries':>9}")
    for name, (by_unit, by_binaries) in rows.items():
        best = max(covered / count if count else 1 for covered, count in (by_unit, by_binaries))
        remark = "" if best >= LEAST_PERCENT / 100 else f"  below {LEAST_PERCENT} %"
        count = max(by_unit[1], by_binaries[1])
        print(f"{name:48} {count:6} {percent(*by_unit):>7} {percent(*by_binaries):>9}{remark}")
    library = [row for name, row in rows.items() if not name.startswith("bin/")]
    sums = [[sum(row[by][part] for row in library) for part in (0, 1)] for by in (0, 1)]
    print(f"{'library':48} {max(sums[0][1], sums[1][1]):6} {percent(*sums[0]):>7} "
          f"{percent(*sums[1]):>9}")


if __name__ == "__main__":
    main()
