#!/usr/bin/env python3
"""Invokes the deployed function and prints its answer.

    local/invoke.py '{"action": "sync", "users": ["jane"]}'

The endpoint of the emulator comes from --endpoint or AWS_ENDPOINT_URL and must be on this machine.
The exit code is 1 if the function failed.
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

from botocore.exceptions import BotoCoreError, ClientError

from local.clients import Clients
from local.process import StackError


def invoke(clients: Clients, function: str, payload: dict) -> tuple:
    """Returns the answer of the function and whether the function failed."""
    answer = clients.lambda_.invoke(FunctionName=function, Payload=json.dumps(payload))
    return json.loads(answer["Payload"].read()), "FunctionError" in answer


def _only_function(clients: Clients) -> str:
    functions = clients.lambda_.list_functions()["Functions"]
    names = [function["FunctionName"] for function in functions]
    if len(names) != 1:
        raise StackError(f"{len(names)} functions are deployed ({', '.join(names) or 'none'}); "
                         "choose one with --function NAME")
    return names[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local/invoke.py", description="Invokes the deployed function and prints its answer.")
    parser.add_argument("payload", metavar="JSON", help="for examples see events/")
    parser.add_argument("--function", metavar="NAME", help="default: the only deployed function")
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL"),
                        help="endpoint of the emulator (default: AWS_ENDPOINT_URL)")
    options = parser.parse_args()
    if not options.endpoint:
        parser.error("no endpoint; set AWS_ENDPOINT_URL or --endpoint to the address that "
                     "local/stack.py printed")
    try:
        payload = json.loads(options.payload)
    except ValueError as problem:
        parser.error(f"the payload is not valid JSON ({problem}); enclose it in single quotes")

    try:
        clients = Clients(options.endpoint)
        answer, failed = invoke(clients, options.function or _only_function(clients), payload)
    except KeyboardInterrupt:
        sys.exit(130)
    except (StackError, ClientError, BotoCoreError) as problem:
        sys.exit(f"local/invoke.py: {problem}")
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
