#!/usr/bin/env python3
"""Creates a Lambda deployment package from a binary: `local/package.py BINARY OUT.zip`.

The same binary gives the same bytes: the package has one entry `bootstrap` with mode 0755 and a
fixed date. The script does not build or strip the binary.
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
    # By default, zipfile records the operating system.
    entry.create_system = _UNIX
    entry.external_attr = _REGULAR_EXECUTABLE << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(entry, binary.read_bytes(), compresslevel=6)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local/package.py", description="Creates a Lambda deployment package from a binary.")
    parser.add_argument("binary", type=Path, metavar="BINARY")
    parser.add_argument("out", type=Path, metavar="OUT.zip")
    options = parser.parse_args()
    if not options.binary.is_file():
        sys.exit(f"local/package.py: {options.binary} does not exist; run cargo build --bin lambda")
    package(options.binary, options.out)
    content = options.out.read_bytes()
    print(f"{options.out} {len(content)} bytes sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
