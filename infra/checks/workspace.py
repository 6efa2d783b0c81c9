"""Runs Terraform on a copy of the module below `.local`.

The copy keeps the lock files and providers of the checks apart from those of the checkout.
Terraform's own CLI configuration selects the source of the provider, else the public registry.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MODULE = ROOT / "infra/terraform"
_COPY = ROOT / ".local/terraform"
_MINIMUM_VERSION = (1, 11)
_CLI_CONFIG = "TF_CLI_CONFIG_FILE"
_REMEDY = f"""
The provider could not be installed {{source}}. Provide hashicorp/aws in one of these ways:
  - registry: allow access to registry.terraform.io and releases.hashicorp.com;
  - mirror: set {_CLI_CONFIG} to a Terraform CLI configuration file whose provider_installation
    block has a filesystem_mirror or a network_mirror, see
    https://developer.hashicorp.com/terraform/cli/config/config-file#provider-installation
""".strip()


class CheckError(Exception):
    """A check cannot continue. The text states the cause and the remedy."""


class Workspace:
    """The module, its examples and the shared files, with an installed provider."""

    def __init__(self):
        _require_terraform()
        self._env = _environment()
        self.module = _copy()
        self.provider = self._install()

    def configurations(self) -> list:
        """Returns the folders of the module and its examples."""
        return [
            self.module,
            *sorted(path for path in (self.module / "examples").iterdir() if path.is_dir()),
        ]

    def terraform(
        self, folder: Path, *arguments: str, capture: bool = False
    ) -> subprocess.CompletedProcess:
        """Runs Terraform in `folder`; `capture` returns its output instead of printing it."""
        plain = [] if sys.stdout.isatty() and not capture else ["-no-color"]
        return subprocess.run(
            ["terraform", *arguments, *plain],
            cwd=folder,
            env=self._env,
            text=True,
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT if capture else None,
        )

    def init(self, folder: Path, *arguments: str) -> str:
        """Installs modules and provider in `folder`; returns Terraform's output."""
        done = self.terraform(
            folder, "init", "-input=false", "-backend=false", *arguments, capture=True
        )
        if done.returncode != 0:
            reason = done.stdout[max(done.stdout.find("Error:"), 0) :].strip()
            raise CheckError(f"terraform init {folder.relative_to(ROOT)}: {reason}")
        return done.stdout

    def _install(self) -> str:
        """Installs the module's provider; returns its version, signature and source."""
        source = (
            f"as configured by {_CLI_CONFIG}={self._env[_CLI_CONFIG]}"
            if _CLI_CONFIG in self._env
            else "from the registry"
        )
        try:
            output = self.init(self.module)
        except CheckError as error:
            if not re.search(r"Failed to .+ provider", str(error)):
                raise
            raise CheckError(f"{error}\n\n{_REMEDY.format(source=source)}") from None
        installed = re.search(r"(?:Installed|Using) (hashicorp/aws v.+)", output)
        return f"{installed[1] if installed else 'hashicorp/aws'}, {source}"


def _require_terraform() -> None:
    try:
        answer = json.loads(
            subprocess.run(
                ["terraform", "version", "-json"], check=True, capture_output=True, text=True
            ).stdout
        )
    except FileNotFoundError:
        raise CheckError(
            "terraform: not found; install 1.11 or newer, see "
            "https://developer.hashicorp.com/terraform/install"
        ) from None
    version = answer["terraform_version"]
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _MINIMUM_VERSION:
        raise CheckError(f"terraform {version}: too old; install 1.11 or newer")


def _environment() -> dict:
    # Variables that a user has set for other work must not change the check.
    ignored = ("TF_VAR_", "TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ignored)}
    env.update(CHECKPOINT_DISABLE="1", TF_IN_AUTOMATION="1")
    configuration = Path(env.pop(_CLI_CONFIG, "") or "~/.terraformrc").expanduser().resolve()
    if configuration.is_file():
        # Absolute, because Terraform runs in other folders.
        env[_CLI_CONFIG] = str(configuration)
    else:
        cache = ROOT / ".local/terraform-plugins"
        cache.mkdir(parents=True, exist_ok=True)
        env.setdefault("TF_PLUGIN_CACHE_DIR", str(cache))
    return env


def _copy() -> Path:
    shutil.rmtree(_COPY, ignore_errors=True)
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*")
    for name in ("shared", "terraform"):
        shutil.copytree(ROOT / "infra" / name, _COPY / "infra" / name, ignore=ignored)
    return _COPY / "infra/terraform"
