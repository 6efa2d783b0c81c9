"""AWS clients for the local emulator. They never reach another host, whatever the user's AWS
configuration contains."""
import os
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config

from local.aws import ACCESS_KEY, REGION, SECRET_KEY
from local.process import StackError

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Clients:
    """`Clients(endpoint).ssm`, `.sqs`, `.lambda_`, …: one botocore client for each service, which
    is created at first use."""

    def __init__(self, endpoint: str, ca_file=None):
        """The server certificate is verified with `ca_file`, or else with AWS_CA_BUNDLE."""
        if urlsplit(endpoint).hostname not in _LOOPBACK:
            raise StackError(
                f"{endpoint!r} is not on this machine. This tool makes changes and works only with "
                "the local AWS emulator; use the endpoint that local/stack.py printed, such as "
                "http://127.0.0.1:4566.")
        # A profile or config file of the user could name another endpoint or an unknown profile.
        self._session = botocore.session.Session(session_vars={
            "profile": (None, None, None, None), "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None)})
        self._options = {
            "region_name": REGION, "endpoint_url": endpoint,
            "verify": str(ca_file) if ca_file else None,
            "aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY,
            "config": Config(connect_timeout=2, read_timeout=15, retries={"total_max_attempts": 2},
                             proxies={}, s3={"addressing_style": "path"}),
        }

    def use_key(self, key_id: str, secret: str) -> None:
        """Makes all later clients sign with this key instead of that of the account root."""
        self._options |= {"aws_access_key_id": key_id, "aws_secret_access_key": secret}

    def __getattr__(self, name: str):
        client = self._session.create_client(name.rstrip("_"), **self._options)
        setattr(self, name, client)
        return client
