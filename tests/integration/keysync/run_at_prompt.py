"""Runs a command in a terminal of its own until it prompts for a secret, then ends the prompt, and
prints whether the terminal echoes. The first argument is how: ctrl-c, enter, or the name of a
signal.
"""
import os
import pty
import signal
import sys
import termios
import time

ending, *command = sys.argv[1:]


def echoes():
    return "echo" if termios.tcgetattr(end)[3] & termios.ECHO else "no echo"


terminal, end = pty.openpty()
child = os.fork()
if child == 0:
    # The terminal becomes that of a new session, so that /dev/tty is this one.
    os.setsid()
    os.close(os.open(os.ttyname(end), os.O_RDWR))
    for stream in range(3):
        os.dup2(end, stream)
    os.execv(command[0], command)
deadline = time.monotonic() + 30
while echoes() == "echo" and time.monotonic() < deadline:
    time.sleep(0.01)
prompt = echoes()
if ending == "ctrl-c":
    os.write(terminal, b"\x03")
elif ending == "enter":
    os.write(terminal, b"\r")
else:
    os.kill(child, getattr(signal, f"SIG{ending}"))
while True:
    done, status = os.waitpid(child, os.WNOHANG)
    if done or time.monotonic() > deadline:
        break
    time.sleep(0.01)
if not done:
    os.kill(child, signal.SIGKILL)
code = os.waitstatus_to_exitcode(status) if done else "none"
print(f"prompt: {prompt}; after it: {echoes()}; exit code {code}")
