"""A server process that never outlives its parent, with its log in a file."""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class StackError(Exception):
    """An error for the user. Its text states the cause and the remedy."""


def free_port() -> int:
    """Returns a free port. Another process can take it before the server starts, so start soon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready, seconds: float, interval: float = 0.02) -> bool:
    """Polls `ready()`; returns whether it became true within the time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


class Process:
    """A child in its own process group, so that Ctrl-C reaches only the parent, which stops its
    children in order."""

    def __init__(self, name: str, argv: list, env: dict, log: Path, exits_on_eof: bool = False,
                 verbose: bool = False, cwd: Path = None):
        """With `exits_on_eof`, the child stops itself and its own children when its standard input
        closes. Otherwise Linux kills the child, but not the child's children, when the parent
        exits."""
        self.name = name
        self.log = log
        self._argv, self._env, self._cwd = argv, env, cwd
        self._exits_on_eof, self._verbose = exits_on_eof, verbose
        self._popen = None

    @property
    def pid(self):
        return self._popen.pid if self._popen else None

    def start(self) -> None:
        """Starts the child. The calling thread must outlive it: Linux kills the child when the
        thread ends."""
        parent = os.getpid()

        def exit_with_parent():
            if _LIBC:
                _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(1)

        with open(self.log, "ab") as log:
            self._popen = subprocess.Popen(
                self._argv, env=self._env, cwd=self._cwd, stdout=log, stderr=log,
                stdin=subprocess.PIPE if self._exits_on_eof else subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=None if self._exits_on_eof else exit_with_parent)
        if self._verbose:
            threading.Thread(target=self._follow_log, args=(self._popen,), daemon=True).start()

    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def exit_code(self):
        return self._popen.poll() if self._popen else None

    def signal(self, number: int) -> None:
        if not self.running():
            raise StackError(f"{self.name} is not running")
        os.kill(self._popen.pid, number)

    def stop(self, grace_seconds: float = 4) -> None:
        """Sends SIGTERM, waits, and sends SIGKILL to what remains of the process group."""
        if self._popen is None:
            return
        if self.running():
            self._popen.send_signal(signal.SIGCONT)
            self._popen.terminate()
            try:
                self._popen.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self) -> None:
        if self._popen is None:
            return
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # The group is empty. macOS returns EPERM when only the unreaped leader remains.
            pass
        self._popen.wait()
        if self._popen.stdin:
            self._popen.stdin.close()
        self._popen = None

    def wait_ready(self, ready, seconds: float) -> None:
        """Waits for `ready()`. Raises an error with the end of the log if the child exits or the
        time passes."""
        wait_until(lambda: not self.running() or ready(), seconds)
        if not self.running():
            raise StackError(f"{self.name} exited with code {self.exit_code()} while starting.\n"
                             f"{self.log_tail()}")
        if not ready():
            raise StackError(f"{self.name} was not ready after {seconds:.0f} s.\n"
                             f"{self.log_tail()}")

    def log_tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        last = ["  " + line for line in text.splitlines()[-lines:]]
        return "\n".join([f"The end of {self.log}:", *last])

    def _follow_log(self, popen) -> None:
        with open(self.log, errors="replace") as log:
            while True:
                line = log.readline()
                if line:
                    sys.stderr.write(f"[{self.name}] {line}")
                elif popen.returncode is not None:
                    return
                else:
                    time.sleep(0.1)
