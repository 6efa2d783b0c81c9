"""AWS clients for the emulator on this machine. Must never reach another host, whatever the developer's AWS configuration says."""
import os
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config

from local.aws import ACCESS_KEY, REGION, SECRET_KEY
from local.process import StackError

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Clients:
    """`Clients(endpoint).ssm`, `.sqs`, … : one botocore client per service, made at its first use."""

    def __init__(self, endpoint: str, ca_file=None):
        """Whoever answers there is trusted by `ca_file`, or by AWS_CA_BUNDLE."""
        if urlsplit(endpoint).hostname not in _LOOPBACK:
            raise StackError(f"{endpoint!r} is not on this machine. This tool changes what it talks to, and works on the local AWS "
                             "emulator only: give the endpoint that local/stack.py printed, such as http://127.0.0.1:4566.")
        self.endpoint = endpoint
        self._verify = str(ca_file) if ca_file else None
        # A profile or a config file of the developer's could name another endpoint, or an unknown profile.
        self._session = botocore.session.Session(session_vars={
            "profile": (None, None, None, None), "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None)})
        self._config = Config(connect_timeout=2, read_timeout=15, retries={"total_max_attempts": 2}, proxies={},
                              s3={"addressing_style": "path"})

    def __getattr__(self, service: str):
        client = self._session.create_client(service, region_name=REGION, endpoint_url=self.endpoint, config=self._config, verify=self._verify,
                                             aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
        setattr(self, service, client)
        return client
