#!/usr/bin/env python3
"""Checks that every crate, npm package and Python package is locked to a version and the hash of
its content.

Lock files are Cargo.lock, package-lock.json and requirements.txt. Uses no network. The package
managers check that a lock file matches its manifest (`--locked`, `npm ci`). The provider of
Terraform is not locked, because a module leaves this to the configuration that calls it.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_CRATES = "registry+https://github.com/rust-lang/crates.io-index"
_NPM = "https://registry.npmjs.org/"


def cargo(path: Path) -> list:
    packages = tomllib.loads(path.read_text())["package"]
    ours = [package for package in packages if "source" not in package]
    found = [
        f"{package['name']} is not from crates.io"
        for package in packages
        if package.get("source", _CRATES) != _CRATES
    ]
    found += [
        f"{package['name']} has no checksum"
        for package in packages
        if package not in ours and "checksum" not in package
    ]
    return found + [
        f"{package['name']} is not a package of this repository"
        for package in ours
        if not package["name"].startswith("nr-iam-key-sync")
    ]


def npm(path: Path) -> list:
    packages = {
        name: package for name, package in json.loads(path.read_text())["packages"].items() if name
    }
    found = [
        f"{name} has no sha512"
        for name, package in packages.items()
        if not package.get("inBundle") and not package.get("integrity", "").startswith("sha512-")
    ]
    return found + [
        f"{name} is not from the npm registry"
        for name, package in packages.items()
        if not package.get("resolved", _NPM).startswith(_NPM)
    ]


def python(path: Path) -> list:
    logical = path.read_text().replace("\\\n", " ").splitlines()
    packages = [line for line in logical if line.strip() and not line.lstrip().startswith("#")]
    loose = [
        line.split()[0]
        for line in packages
        if not re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==\S+ ", line)
    ]
    return [f"{name} is not pinned to a version" for name in loose] + [
        f"{line.split()[0]} has no hash" for line in packages if "--hash=sha256:" not in line
    ]


CHECKS = {"Cargo.lock": cargo, "package-lock.json": npm, "requirements.txt": python}
# The lock file that must be in the folder of each manifest.
MANIFESTS = {
    "Cargo.toml": "Cargo.lock",
    "package.json": "package-lock.json",
    "requirements.in": "requirements.txt",
}


def main() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    files = [ROOT / name for name in listed.splitlines()]
    found = [
        f"{file.relative_to(ROOT)}: {MANIFESTS[file.name]} is missing in its folder"
        for file in files
        if file.name in MANIFESTS and file.with_name(MANIFESTS[file.name]) not in files
    ]
    locks = [file for file in files if file.name in CHECKS]
    for file in locks:
        found += [f"{file.relative_to(ROOT)}: {problem}" for problem in CHECKS[file.name](file)]
    if found:
        sys.exit("\n".join(found))
    print(f"{len(locks)} lock files: every crate, npm and Python package has a version and a hash")


if __name__ == "__main__":
    main()
