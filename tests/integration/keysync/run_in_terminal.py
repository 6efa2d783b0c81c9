"""Runs a command in a pseudo-terminal of 100 columns and prints what the terminal receives.

Standard output and standard error are both connected to the terminal; with --err only standard
error. The exit code is that of the command.
"""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

only_errors = sys.argv[1] == "--err"
command = sys.argv[2 if only_errors else 1:]
terminal, end = pty.openpty()
fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
out = subprocess.DEVNULL if only_errors else end
child = subprocess.Popen(command, stdin=end, stdout=out, stderr=end)
os.close(end)
while True:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:  # Linux reports the end of the output as an error.
        break
    if not chunk:
        break
    sys.stdout.buffer.write(chunk)
sys.exit(child.wait())
