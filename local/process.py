"""One server process that never outlives us, with its log in a file. Knows nothing about what it runs."""
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
    """Something that the person at the keyboard has to read; its text says what to do next."""


def free_port() -> int:
    """A port that nobody listens on now; another process could take it before our server does, so start soon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready, seconds: float, interval: float = 0.02) -> bool:
    """Whether `ready()` came true within the time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


class Process:
    """A child in a process group of its own, so that a terminal's Ctrl-C reaches us first and we stop things in order."""

    def __init__(self, name: str, argv: list, env: dict, log: Path, leash: bool = False, verbose: bool = False, cwd: Path = None):
        """With `leash` the child promises to end itself and its own children when its standard input closes; without it,
        Linux kills the child (and the child only) when we die."""
        self.name = name
        self.log = log
        self._argv, self._env, self._leash, self._verbose, self._cwd = argv, env, leash, verbose, cwd
        self._popen = None

    @property
    def pid(self):
        return self._popen.pid if self._popen else None

    def start(self) -> None:
        """Call it on a thread that lives as long as the child should: Linux sends the death signal when that thread ends."""
        ours = os.getpid()

        def die_with_parent():
            if _LIBC:
                _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != ours:
                    os._exit(1)

        with open(self.log, "ab") as log:
            self._popen = subprocess.Popen(
                self._argv, env=self._env, cwd=self._cwd, stdin=subprocess.PIPE if self._leash else subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=None if self._leash else die_with_parent)
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

    def stop(self, patience: float = 4) -> None:
        """SIGTERM, then SIGKILL to whatever is left of its group, the child's own children included."""
        if self._popen is None:
            return
        if self.running():
            self._popen.send_signal(signal.SIGCONT)
            self._popen.terminate()
            try:
                self._popen.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self) -> None:
        if self._popen is None:
            return
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # Nobody is left in the group (macOS answers EPERM when only the unreaped leader is).
            pass
        self._popen.wait()
        if self._popen.stdin:
            self._popen.stdin.close()
        self._popen = None

    def must_become(self, ready, seconds: float) -> None:
        """Waits for `ready()`; a child that dies or stays silent is an error that shows the end of its log."""
        wait_until(lambda: not self.running() or ready(), seconds)
        if not self.running():
            raise StackError(f"{self.name} ended with exit code {self.exit_code()} while starting.\n{self.tail()}")
        if not ready():
            raise StackError(f"{self.name} was not ready after {seconds:.0f} s.\n{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace").splitlines()[-lines:] if self.log.exists() else []
        return "\n".join([f"The end of {self.log}:", *("  " + line for line in text)])

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
