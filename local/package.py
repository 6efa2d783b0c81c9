#!/usr/bin/env python3
"""Packs a built binary as a Lambda deployment package: `local/package.py BINARY OUT.zip`.

The same binary always gives the same bytes: one entry `bootstrap`, mode 0755, a fixed date. Does not build or strip.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import hashlib
import zipfile

_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_REGULAR_EXECUTABLE = 0o100755


def package(binary: Path, out: Path) -> None:
    entry = zipfile.ZipInfo("bootstrap", _FIXED_DATE)
    # Left alone, zipfile records the system that it runs on.
    entry.create_system = _UNIX
    entry.external_attr = _REGULAR_EXECUTABLE << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(entry, binary.read_bytes(), compresslevel=6)


def main() -> None:
    parser = argparse.ArgumentParser(prog="local/package.py", description="Packs a binary as a Lambda deployment package.")
    parser.add_argument("binary", type=Path, metavar="BINARY")
    parser.add_argument("out", type=Path, metavar="OUT.zip")
    options = parser.parse_args()
    if not options.binary.is_file():
        sys.exit(f"local/package.py: {options.binary} is missing. Build it first: cargo build --bin lambda")
    package(options.binary, options.out)
    content = options.out.read_bytes()
    print(f"{options.out} {len(content)} bytes sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
