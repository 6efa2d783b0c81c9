"""Runs a command on a pseudo-terminal of 100 columns, which is both its standard output and its standard error, or only the latter
with --err; writes what the terminal got to standard output. Ends with the command's exit code."""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

only_errors = sys.argv[1] == "--err"
command = sys.argv[2 if only_errors else 1:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
out = subprocess.DEVNULL if only_errors else slave
child = subprocess.Popen(command, stdin=slave, stdout=out, stderr=slave)
os.close(slave)
while True:
    try:
        chunk = os.read(master, 65536)
    except OSError:  # Linux tells the end so.
        break
    if not chunk:
        break
    sys.stdout.buffer.write(chunk)
sys.exit(child.wait())
