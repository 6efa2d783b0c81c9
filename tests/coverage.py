#!/usr/bin/env python3
"""Prints the line coverage of the library, for each file: by the unit tests, by the binaries, and by
both.

    tests/coverage.py       `make coverage`

The binaries are those of the integration tests, without the fault tests. Their counters are mapped
into files, because most processes of the function are killed. cargo-llvm-cov must be on the PATH. It
uses the component `llvm-tools` of rustup, or the programs that LLVM_COV and LLVM_PROFDATA name.
"""
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAST_PERCENT = 80
REASONS = {
    "backends/event_path.rs": "the fault tests of rehearsals",
    "backends/parameter_writer.rs": "the fault tests of rehearsals",
    "backends/vault/login.rs": "the fault tests of logins",
    "bin/keysync/print/rehearsal.rs": "the fault tests of rehearsals",
    "panics.rs": "no input lets a binary panic",
}
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


def run_tests(*tests: str, environment: dict) -> None:
    run("cargo", "llvm-cov", "clean", "--profraw-only", environment=environment)
    run("cargo", "test", "--locked", *tests, environment=environment)


def covered_lines(environment: dict) -> dict:
    """Returns the covered lines and all lines of each file, by the profiles that exist."""
    report = run("cargo", "llvm-cov", "report", "--json", "--summary-only", environment=environment)
    files = json.loads(report)["data"][0]["files"]
    source = str(ROOT / "src") + "/"
    return {file["filename"].removeprefix(source):
            (file["summary"]["lines"]["covered"], file["summary"]["lines"]["count"])
            for file in files if file["filename"].startswith(source)}


def measure(environment: dict) -> list:
    """Returns the lines that are covered by the unit tests, by the binaries, and by both."""
    profiles = Path(environment["LLVM_PROFILE_FILE"]).parent
    kept = ROOT / "target" / "coverage-unit"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    run_tests("--lib", "--", "--skip", "openbao::", environment=environment)
    unit = covered_lines(environment)
    for profile in profiles.glob("*.profraw"):
        shutil.move(profile, kept)
    # Some integration tests run the examples.
    run("cargo", "build", "--locked", "--examples", environment=environment)
    try:
        run_tests("--bins", "--test", "integration", "--", "--skip", "faults::",
                  environment=environment)
    finally:
        # Programs that were started without environment variables wrote here.
        for profile in ROOT.glob("default_*.profraw"):
            shutil.move(profile, profiles)
    binaries = covered_lines(environment)
    for profile in kept.iterdir():
        shutil.move(profile, profiles / f"unit-{profile.name}")
    kept.rmdir()
    return [unit, binaries, covered_lines(environment)]


def percent(covered: int, count: int) -> str:
    return f"{100 * covered / count:.0f} %" if count else "–"


def main() -> None:
    columns = measure(instrumented())
    rows = {name: [column.get(name, (0, 0)) for column in columns] for name in sorted(columns[2])
            if "tests" not in name and not name.startswith("testing")}
    print(f"\n{'file':40} {'lines':>6} {'unit':>6} {'binaries':>9} {'both':>6}")
    for name, row in rows.items():
        covered, count = row[2]
        is_low = count and covered / count < LEAST_PERCENT / 100
        reason = f"  below {LEAST_PERCENT} %: {REASONS.get(name, 'no reason is known')}"
        print(line(name, row) + (reason if is_low else ""))
    library = [row for name, row in rows.items() if not name.startswith("bin/")]
    print(line("library", [[sum(row[by][part] for row in library) for part in (0, 1)]
                           for by in range(3)]))


def line(name: str, row: list) -> str:
    unit, binaries, both = (percent(*column) for column in row)
    return f"{name:40} {row[2][1]:6} {unit:>6} {binaries:>9} {both:>6}"


if __name__ == "__main__":
    main()
