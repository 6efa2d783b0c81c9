#!/usr/bin/env python3
"""Runs OpenBao and the AWS emulator on loopback ports, for the tests and the demo.

    local/stack.py up [--only vault|aws] [--enforce] [--dir DIR] [--keep-data] [--verbose]

Prints one line of JSON with all endpoints. Runs until its standard input ends, or until SIGTERM or
SIGINT, and then removes its servers and files. Each line of standard input is a command, which it
answers with one line of JSON:

    vault stop | kill | start | pause | resume | seal | unseal
    token {"policy": "sync", "period": "24h"}    passes further fields to auth/token/create-orphan
    deploy {"zip": "package.zip", …}             deploys the CDK app with these inputs and stores a
                                                 token in its bucket; later calls update the app
    look                                         returns the function's configuration and the
                                                 number of messages in each queue
    destroy {"zip": "package.zip", …}            returns the remaining resources
    invoke {"action": "refresh-token"}           invokes the function: {"answer": …, "failed": …}
    assumable ROLE                               creates a role that every principal may assume
    consumers {"rotations": 3}                   runs examples/consumers with the deployed service
                                                 and returns the calls of the applications; needs
                                                 --enforce
    role [STATEMENT, …]                          replaces the statements of the function's role and
                                                 restarts the function; without an argument it only
                                                 returns the statements

With --enforce the AWS emulator uses TLS, verifies signatures, and allows the function only what its
role allows.

Standard output contains only JSON. It is for programs, and holds the root token of this temporary
Vault.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from local.environment import use_venv

if __name__ == "__main__":
    use_venv()

import argparse
import json
import os
import select
import shutil
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor

from local import aws
from local.clients import Clients
from local.commands import Commands
from local.openbao import MOUNT, PATH_PREFIX, OpenBao
from local.process import StackError

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stack:
    """A context manager that starts the servers on entry. On exit it stops them and removes their
    folder."""

    def __init__(self, only: str = None, folder: Path = None, keep_data: bool = False,
                 verbose: bool = False, enforce: bool = False):
        if folder and folder.exists() and any(folder.iterdir()):
            raise StackError(f"{folder} is not empty; choose a new or empty folder with --dir, "
                             "because the stack removes it at the end")
        self.folder = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="iam-key-sync-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep_data = keep_data
        self.vault = OpenBao(self.folder / "vault", verbose) if only != "aws" else None
        self.aws = aws.Aws(self.folder / "aws", verbose, enforce) if only != "vault" else None
        self._servers = [server for server in (self.vault, self.aws) if server]

    def __enter__(self):
        try:
            for server in self._servers:
                server.launch()
            self._wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda server: server.stop(), self._servers))
        if not self._keep_data:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_ready(self) -> None:
        with ThreadPoolExecutor() as threads:
            try:
                for _ in threads.map(lambda server: server.wait_ready(), self._servers):
                    pass
            except BaseException:
                # Ends the wait of the other thread, which the exit of the `with` block joins.
                for server in self._servers:
                    server.process.kill()
                raise

    def clients(self) -> Clients:
        """Returns clients of the emulator with the credentials of the account root."""
        return Clients(self.aws.endpoint, self.aws.ca_file)

    def describe(self) -> dict:
        described = {"aws": None, "vault": None, "dir": str(self.folder),
                     "pids": {"stack": os.getpid()}}
        if self.aws:
            described["aws"] = {
                "endpoint": self.aws.endpoint, "region": aws.REGION, "accountId": aws.ACCOUNT,
                "accessKeyId": aws.ACCESS_KEY, "secretAccessKey": aws.SECRET_KEY,
                "caFile": str(self.aws.ca_file) if self.aws.ca_file else None}
            described["pids"]["aws"] = self.aws.process.pid
        if self.vault:
            described["vault"] = {
                "addr": self.vault.addr, "caFile": str(self.vault.ca_file),
                "rootToken": self.vault.root_token, "mount": MOUNT, "pathPrefix": PATH_PREFIX,
                "policies": self.vault.policies}
            described["pids"]["vault"] = self.vault.process.pid
        return described

    def check_running(self) -> None:
        """Raises an error if the emulator has stopped. Vault can be stopped by a command."""
        if self.aws and not self.aws.process.running():
            raise StackError(f"the AWS emulator exited with code {self.aws.process.exit_code()}.\n"
                             f"{self.aws.process.log_tail()}")


def serve(stack: Stack) -> None:
    """Answers commands until standard input ends."""
    commands = Commands(stack)
    pending = b""
    while True:
        stack.check_running()
        if not select.select([0], [], [], 1)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                emit(commands.execute(line.decode(errors="replace")))


def emit(value: dict) -> None:
    try:
        print(json.dumps(value), flush=True)
    except BrokenPipeError:
        # The reader has exited, and standard input will end as well. Without a new standard output
        # Python would flush the broken pipe again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local/stack.py", description="Runs OpenBao and an AWS emulator on loopback ports.")
    commands = parser.add_subparsers(required=True, metavar="up")
    up = commands.add_parser("up", help="run until standard input ends")
    up.add_argument("--only", choices=["vault", "aws"])
    up.add_argument("--enforce", action="store_true",
                    help="TLS, signatures and IAM permissions as in AWS")
    up.add_argument("--dir", type=Path, metavar="DIR",
                    help="new or empty folder for data and logs (default: a temporary folder)")
    up.add_argument("--keep-data", action="store_true", help="do not remove the folder at the end")
    up.add_argument("--verbose", action="store_true",
                    help="also print the logs of the servers to standard error")
    options = parser.parse_args()

    for number in ENDING_SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with Stack(options.only, options.dir, options.keep_data, options.verbose,
                   options.enforce) as stack:
            emit(stack.describe())
            serve(stack)
    except StackError as problem:
        sys.exit(f"local/stack.py: {problem}")


if __name__ == "__main__":
    main()
