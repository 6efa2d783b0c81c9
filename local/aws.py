"""The AWS emulator (ministack), taught to send Parameter Store events; started by stack.py, never by hand.

`launch()` starts this file as a process with an environment of its own: functions inherit the emulator's whole environment, so
nothing of the developer's may be in it. When the process that started it is gone, it takes its functions with it.

With `enforce` it speaks TLS, checks signatures, and lets a function do what its role allows and nothing else.
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
        self.process = Process("aws", [sys.executable, "-u", str(Path(__file__).resolve())], self._environment(),
                               folder.parent / "aws.log", leash=True, verbose=verbose)

    def launch(self) -> None:
        (self.folder / "tmp").mkdir(parents=True)
        if self.ca_file:
            certificates.create(self.folder)
        self.process.start()

    def wait_ready(self) -> None:
        self.process.must_become(self._healthy, 20)

    def stop(self) -> None:
        self.process.stop()

    def _healthy(self) -> bool:
        trust = ssl.create_default_context(cafile=self.ca_file)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
        try:
            with opener.open(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return "services" in json.load(answer)
        except (OSError, ValueError):
            return False

    def _environment(self) -> dict:
        enforced = {
            "AUTH": "true", "USE_SSL": "1", "MINISTACK_SSL_CERT": str(self.folder / "server.pem"),
            "MINISTACK_SSL_KEY": str(self.folder / "server.key"),
            # For the functions, which inherit it.
            "SSL_CERT_FILE": str(self.ca_file),
        }
        return {
            **(enforced if self.ca_file else {}),
            "PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8", "TMPDIR": str(self.folder / "tmp"),
            "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION, "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true",
            "S3_DATA_DIR": str(self.folder / "s3"), "STATE_DIR": str(self.folder / "state"),
            # Otherwise it listens on 8883 and 2222 too, and removes containers of other ministacks on this machine.
            "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "DOCKER_HOST": f"unix://{self.folder / 'no-docker.sock'}",
        }


def _end_with(pipe: int) -> None:
    """The leash: its other end closes when the process that started us ends, however it ends. The functions are in our group."""
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
    watch = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    threading.Thread(target=_end_with, args=(watch,), daemon=True).start()

    from ministack import app

    # With TLS it would listen on 443 as well, where it may.
    app._port_is_bindable = lambda *_: False
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    _run()
