"""Terraform with a provider for the module: the real one where the registry can be reached, else the stand-in.

Works on a copy below `.local`, so that lock files and installed providers of the one never meet those of the other, or the checkout.
"""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from local.terraform_provider.mirror import build

ROOT = Path(__file__).resolve().parent.parent.parent
MODULE = ROOT / "infra/terraform"
_PLACE = ROOT / ".local/terraform"
_LEAST = (1, 11)


class CheckError(Exception):
    """Something that the person at the keyboard has to read; its text says what to do next."""


class Workspace:
    """The module, its examples and the shared files, with a provider chosen."""

    def __init__(self):
        platform = _platform()
        wanted = os.environ.get("TERRAFORM_PROVIDER", "")
        if wanted not in ("", "registry", "stand-in"):
            raise CheckError(f"TERRAFORM_PROVIDER={wanted}: expected registry or stand-in")
        refusal = "TERRAFORM_PROVIDER=stand-in" if wanted == "stand-in" else _refusal()
        if refusal and wanted == "registry":
            raise CheckError(f"the provider could not be had from the registry:\n{refusal}")
        self.provider = "stand-in" if refusal else "registry"
        self.note = "the registry's own" if not refusal else (
            f"a stand-in with the schema of hashicorp/aws 6.25.0 (the real one: {refusal})")
        self._env = _environment(self.provider)
        if refusal:
            self._env["TF_CLI_CONFIG_FILE"] = str(build(MODULE, ROOT / ".local/terraform-provider", platform))
        self.module = _copy(_PLACE / self.provider)

    def configurations(self) -> list:
        """The module and its examples."""
        return [self.module, *sorted(path for path in (self.module / "examples").iterdir() if path.is_dir())]

    def terraform(self, folder: Path, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess:
        plain = [] if sys.stdout.isatty() and not capture else ["-no-color"]
        return subprocess.run(["terraform", *arguments, *plain], cwd=folder, env=self._env, text=True, stdout=subprocess.PIPE if capture else None,
                              stderr=subprocess.STDOUT if capture else None)

    def init(self, folder: Path, *arguments: str) -> None:
        done = self.terraform(folder, "init", "-input=false", "-backend=false", *arguments, capture=True)
        if done.returncode != 0:
            raise CheckError(f"terraform init failed in {folder}\n{done.stdout}")


def _platform() -> str:
    try:
        answer = json.loads(subprocess.run(["terraform", "version", "-json"], check=True, capture_output=True, text=True).stdout)
    except FileNotFoundError:
        raise CheckError("no 'terraform' found; install 1.11 or newer (https://developer.hashicorp.com/terraform/install)") from None
    version = answer["terraform_version"]
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _LEAST:
        raise CheckError(f"terraform {version} is too old; install 1.11 or newer")
    return answer["platform"]


def _refusal() -> str:
    """Why the registry's provider cannot be had; empty when it was installed."""
    probe = _PLACE / "probe"
    shutil.rmtree(probe, ignore_errors=True)
    probe.mkdir(parents=True)
    shutil.copy(MODULE / "versions.tf", probe)
    done = subprocess.run(["terraform", "init", "-input=false", "-no-color"], cwd=probe, env=_environment("registry"), text=True, capture_output=True)
    if done.returncode == 0:
        return ""
    reason = re.search(r"Error: (.+?)\n\n(.+?)(?:\n\n|$)", done.stderr, re.S)
    return " ".join(reason[2].split()) if reason else done.stderr.strip()


def _environment(provider: str) -> dict:
    cache = _PLACE / "plugins"
    cache.mkdir(parents=True, exist_ok=True)
    # What a user has set for work of their own must not change the check.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TF_VAR_", "TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE"))}
    env.update(CHECKPOINT_DISABLE="1", TF_IN_AUTOMATION="1")
    if provider == "registry":
        env["TF_PLUGIN_CACHE_DIR"] = str(cache)
    return env


def _copy(place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    for name in ("shared", "terraform"):
        shutil.copytree(ROOT / "infra" / name, place / "infra" / name, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return place / "infra/terraform"
