"""An application that calls AWS twice a second with boto3, until SIGTERM or the end of its parent.

    python -P local/consumer_app.py RECORDS

It uses the default credentials of the SDK and never reads them itself. Each call appends a line of
JSON to the file RECORDS: the time, the process, the last four characters of the key id that signed
the call, and the error code, or null. It records no secret.
"""
import json
import os
import signal
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

INTERVAL_SECONDS = 0.5


def main() -> None:
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    parent = os.getppid()
    # An attempt that is refused counts, so none is repeated.
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10)
    client = boto3.Session().client("sts", config=config)
    signed_with = []
    client.meta.events.register("before-send.sts", lambda request, **_: signed_with.append(
        request.headers["Authorization"].decode().split("Credential=", 1)[1].split("/", 1)[0][-4:]))
    with open(sys.argv[1], "a", buffering=1) as records:
        while not stopping and os.getppid() == parent:
            started, error = time.time(), None
            signed_with.clear()
            try:
                client.get_caller_identity()
            except ClientError as refusal:
                error = refusal.response["Error"]["Code"]
            except Exception as failure:
                # Also a call that could not be made is one that the application misses.
                error = type(failure).__name__
            key = signed_with[0] if signed_with else None
            records.write(json.dumps({"at": started, "process": os.getpid(), "key": key,
                                      "error": error}) + "\n")
            time.sleep(max(0.0, INTERVAL_SECONDS - (time.time() - started)))


if __name__ == "__main__":
    main()
