"""Makes the stand-in for the AWS provider: a schema file, and a filesystem mirror from which `terraform init` installs it."""
import hashlib
import json
import re
import shlex
import subprocess
from pathlib import Path

from local.terraform_provider.generated_source import resource_schema
from local.terraform_provider.provider_package import INTEGRITY, PROVIDER_VERSION, fetch, sources

_HERE = Path(__file__).resolve().parent
_USED = re.compile(r'^\s*(resource|data) "(aws_\w+)"', re.M)


def build(configuration: Path, folder: Path, platform: str) -> Path:
    """A CLI configuration file that makes Terraform use the stand-in for everything that the .tf files below `configuration` use."""
    python = _python(folder / "venv")
    schema = _schema(fetch(folder), _used(configuration), folder)
    plugin = folder / f"mirror/registry.terraform.io/hashicorp/aws/{PROVIDER_VERSION}/{platform}/terraform-provider-aws_v{PROVIDER_VERSION}"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.write_text(f"#!/bin/sh\nexec {shlex.join([str(python), '-I', str(_HERE / 'serve.py'), str(schema)])}\n")
    plugin.chmod(0o755)
    settings = folder / "terraform.tfrc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(str(folder / "mirror"))}\n  }}\n}}\n')
    return settings


def _used(configuration: Path) -> dict:
    """What a configuration uses, by the name that the package has for it: `lambda-function`, `data-aws-region`, `provider`."""
    used = {use for file in configuration.rglob("*.tf") for use in _USED.findall(file.read_text())}
    names = {("data-" if kind == "data" else "") + type_.removeprefix("" if kind == "data" else "aws_").replace("_", "-"): (kind, type_)
             for kind, type_ in used}
    return {**names, "provider": None}


def _schema(archive: Path, used: dict, folder: Path) -> Path:
    """Named by what it was made of, so that another package, reader or list of types makes another file."""
    reader = (_HERE / "generated_source.py").read_text()
    made_of = hashlib.sha256(json.dumps([INTEGRITY, reader, sorted(used)]).encode()).hexdigest()[:16]
    file = folder / f"schema-{made_of}.json"
    if not file.exists():
        schemas = {"provider": None, "resource": {}, "data": {}}
        for name, source in sources(archive, used.keys()).items():
            if used[name] is None:
                schemas[name] = resource_schema(source)
            else:
                kind, type_ = used[name]
                schemas[kind][type_] = resource_schema(source)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(schemas, indent=1))
        part.rename(file)
    return file


def _python(folder: Path) -> Path:
    """An interpreter with the pinned requirements."""
    subprocess.run([_HERE.parent / "setup", folder, _HERE / "requirements.txt"], check=True)
    return folder / "bin/python"
