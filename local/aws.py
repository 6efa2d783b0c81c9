"""The AWS emulator (ministack), extended to send Parameter Store events. stack.py starts it.

`launch()` starts this file as a process with a new environment, because functions inherit the whole
environment of the emulator, and it must not contain the user's. When the parent exits, the emulator
stops itself and its functions.

With `enforce` it uses TLS, verifies signatures, and allows a function only what its role allows.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import json
import os
import signal
import ssl
import threading
import urllib.error
import urllib.request

from local import certificates
from local.process import Process, free_port

REGION = "ca-central-1"
ACCOUNT = "123456789012"
ACCESS_KEY = SECRET_KEY = "test"


class Aws:
    def __init__(self, folder: Path, verbose: bool = False, enforce: bool = False):
        self.folder = folder
        self.port = free_port()
        self.endpoint = f"{'https' if enforce else 'http'}://127.0.0.1:{self.port}"
        self.ca_file = folder / "ca.pem" if enforce else None
        command = [sys.executable, "-u", str(Path(__file__).resolve())]
        self.process = Process("aws", command, self._environment(), folder.parent / "aws.log",
                               exits_on_eof=True, verbose=verbose)

    def launch(self) -> None:
        (self.folder / "tmp").mkdir(parents=True)
        if self.ca_file:
            certificates.create(self.folder)
        self.process.start()

    def wait_ready(self) -> None:
        self.process.wait_ready(self._healthy, 20)

    def stop(self) -> None:
        self.process.stop()

    def _healthy(self) -> bool:
        context = ssl.create_default_context(cafile=self.ca_file)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return "services" in json.load(answer)
        except (OSError, ValueError):
            return False

    def _environment(self) -> dict:
        enforced = {
            "AUTH": "true", "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self.folder / "server.pem"),
            "MINISTACK_SSL_KEY": str(self.folder / "server.key"),
            # Inherited by the functions.
            "SSL_CERT_FILE": str(self.ca_file),
        }
        return {
            **(enforced if self.ca_file else {}),
            "PATH": os.defpath, "LANG": "C.UTF-8",
            "HOME": str(self.folder), "TMPDIR": str(self.folder / "tmp"),
            "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION, "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "S3_DATA_DIR": str(self.folder / "s3"), "STATE_DIR": str(self.folder / "state"),
            # By default ministack also listens on ports 8883 and 2222, and removes the containers
            # of other ministacks on this machine.
            "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{self.folder / 'no-docker.sock'}",
        }


def _exit_with_parent(pipe: int) -> None:
    """Kills the process group, which includes the functions, when the parent's end of the pipe
    closes."""
    while os.read(pipe, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _run() -> None:
    from local import parameter_events, parameter_permissions

    parameter_events.verify()
    parameter_permissions.verify()
    parameter_events.install()
    parameter_permissions.install()
    parameter_events.allow_replays()
    parameter_events.allow_losses()
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_exit_with_parent, args=(pipe,), daemon=True).start()

    from ministack import app

    # With TLS, ministack also listens on port 443 if it has the permission.
    app._port_is_bindable = lambda *_: False
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    _run()
