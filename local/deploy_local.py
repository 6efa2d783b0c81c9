#!/usr/bin/env python3
"""The CDK app, deployed into an emulated AWS that enforces permissions, until Ctrl-C. Run it with `make deploy-local`.

    local/deploy_local.py --zip PACKAGE.zip [-i INPUT=VALUE …]       inputs are those of infra/shared/inputs.json, in camelCase

The emulator speaks TLS and checks signatures; the function may do what its role says, and nothing else. Leaves nothing behind.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from local.environment import use_venv

if __name__ == "__main__":
    use_venv()

import argparse
import signal
import time

from botocore.exceptions import BotoCoreError, ClientError

from local.deploy import deploy, store_token
from local.invoke import invoke
from local.look_around import keep
from local.platform import Platform
from local.process import StackError
from local.screen import Screen
from local.stack import ENDING_SIGNALS, PATH_PREFIX, Stack


def set_up(screen: Screen, stack: Stack, package: Path, choices: dict) -> dict:
    """Platform, deployment, token, and a first sweep that shows that the role suffices; the deployment's outputs."""
    clients = stack.clients()
    Platform(clients).create_roster()
    started = time.monotonic()
    with screen.waiting("deploying infra/cdk with the CDK"):
        outputs = deploy(stack, package, choices)
    screen.verified(f"the CDK deployed into the emulator in {time.monotonic() - started:.0f} s")
    store_token(stack, clients, outputs["BucketName"])
    answer, failed = invoke(clients, outputs["FunctionName"], {"action": "reconcile"})
    if failed:
        raise StackError(f"the first sweep failed: {answer.get('errorMessage')}")
    screen.verified("a Vault token is in the bucket, and the first sweep is complete, with the function's own role")
    return outputs


def interrupt(*_):
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(prog="local/deploy_local.py", description="The CDK app in an emulated AWS, until Ctrl-C.")
    parser.add_argument("--zip", type=Path, required=True, metavar="PACKAGE", help="the deployment package of local/package.py")
    parser.add_argument("-i", "--input", action="append", default=[], metavar="KEY=VALUE", help="as the CDK's -c; may be repeated")
    options = parser.parse_args()
    if not options.zip.is_file():
        sys.exit(f"local/deploy_local.py: {options.zip} is missing. Make it first: make package-local")
    if not all("=" in given for given in options.input):
        parser.error("an input is written KEY=VALUE")

    for number in ENDING_SIGNALS:
        signal.signal(number, interrupt)
    screen = Screen()
    try:
        screen.heading("The machine-local stack, with enforced permissions")
        with Stack(enforce=True) as stack:
            outputs = set_up(screen, stack, options.zip, dict(given.split("=", 1) for given in options.input))
            screen.heading("It runs until Ctrl-C. In another terminal:")
            keep(screen, stack, outputs, "demo-user", PATH_PREFIX)
    except KeyboardInterrupt:
        sys.exit(130)
    except (StackError, ClientError, BotoCoreError) as problem:
        sys.exit(f"local/deploy_local.py: {problem}")


if __name__ == "__main__":
    main()
