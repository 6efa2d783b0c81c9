"""Creates a CA and a server certificate for 127.0.0.1 with the `openssl` command."""
import shutil
import subprocess
from pathlib import Path

from local.process import StackError

# A file instead of -addext, because the openssl of macOS (LibreSSL) does not support -addext.
_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = iam-key-sync local stack
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
authorityKeyIdentifier = keyid
"""


def create(folder: Path) -> None:
    """Creates ca.pem, valid for 60 days, and server.pem with server.key, valid for a week. Removes
    the key of the CA."""
    if shutil.which("openssl") is None:
        raise StackError("`openssl` was not found; install it "
                         "(Debian and Ubuntu: apt-get install openssl)")
    (folder / "openssl.cnf").write_text(_CONFIG)
    _key(folder, "ca.key")
    _openssl(folder, "req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-days", "60",
             "-sha256", "-config", "openssl.cnf", "-extensions", "authority")
    _key(folder, "server.key")
    _openssl(folder, "req", "-new", "-key", "server.key", "-out", "server.csr", "-sha256",
             "-subj", "/CN=localhost", "-config", "openssl.cnf")
    _openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-set_serial", "2", "-out", "server.pem", "-days", "7", "-sha256",
             "-extfile", "openssl.cnf", "-extensions", "server")
    for scratch in ("ca.key", "server.csr", "openssl.cnf"):
        (folder / scratch).unlink()


def _key(folder: Path, name: str) -> None:
    (folder / name).touch(mode=0o600)
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name)


def _openssl(folder: Path, *arguments: str) -> None:
    run = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True,
                         check=False)
    if run.returncode != 0:
        raise StackError(f"openssl {arguments[0]} failed:\n{run.stderr.strip()}")
