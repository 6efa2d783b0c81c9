#!/usr/bin/env python3
"""The service at work on this machine: a real Vault API, an emulated AWS, the platform as a simulator. Run it with `make demo`.

    local/demo.py --zip PACKAGE.zip        KEEP=1 leaves everything running at the end, to look around

Exit code 0 only if every step was verified. Leaves nothing behind, also after Ctrl-C. Never prints a secret.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from local.environment import use_venv

if __name__ == "__main__":
    use_venv()

import argparse
import os
import signal
import time

from botocore.exceptions import BotoCoreError, ClientError

from local.demo_scene import USER, Scene
from local.demo_steps import STEPS
from local.deploy import deploy, store_token
from local.look_around import keep
from local.platform import Platform
from local.process import StackError
from local.screen import Screen
from local.stack import ENDING_SIGNALS, PATH_PREFIX, Stack
from local.truth import Truth, Unverified

_LOG_LINES = 25


def prepare(screen: Screen, stack: Stack, package: Path) -> Scene:
    """Platform, deployment and token, as they are before the first user exists."""
    clients = stack.clients()
    platform = Platform(clients)
    platform.create_roster()
    started = time.monotonic()
    with screen.waiting("deploying infra/cdk with the CDK"):
        outputs = deploy(stack, package)
    screen.verified(f"the CDK deployed function, queues, rule, schedules and bucket in {time.monotonic() - started:.0f} s")
    store_token(stack, clients, outputs["BucketName"])
    screen.verified("a periodic, write-only Vault token is in the bucket")
    return Scene(screen, platform, Truth(stack, clients, outputs), stack, clients, outputs)


def play(scene: Scene) -> list:
    """The results of all steps; ends at the first that cannot be verified."""
    results = []
    for number, (title, step) in enumerate(STEPS, 1):
        scene.screen.heading(f"{number}. {title}")
        try:
            results.append(step(scene))
        except Unverified as problem:
            scene.screen.failed(f"{title}\n  {problem}")
            scene.screen.tell("The function's last log lines:")
            for line in scene.truth.logs()[-_LOG_LINES:]:
                scene.screen.quiet(f"    {line}")
            raise SystemExit(1) from None
    return results


def summarize(screen: Screen, results: list) -> None:
    screen.heading(f"All {len(results)} steps verified")
    screen.table(("step", "expected", "verified", "delay"), [result.row() for result in results])
    screen.tell("")
    screen.tell("Delays: from the platform's (second) put, from Vault being active again, from the sweep's start, or from the deletion.")


def interrupt(*_):
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(prog="local/demo.py", description="The service at work on this machine, every step verified.")
    parser.add_argument("--zip", type=Path, required=True, metavar="PACKAGE", help="the deployment package of local/package.py")
    options = parser.parse_args()
    if not options.zip.is_file():
        sys.exit(f"local/demo.py: {options.zip} is missing. Make it first: local/package.py target/debug/lambda {options.zip}")

    for number in ENDING_SIGNALS:
        signal.signal(number, interrupt)
    screen = Screen()
    try:
        screen.heading("The machine-local stack")
        started = time.monotonic()
        with Stack() as stack:
            screen.verified(f"OpenBao and the AWS emulator run on loopback, ready in {time.monotonic() - started:.1f} s")
            scene = prepare(screen, stack, options.zip)
            summarize(screen, play(scene))
            if os.environ.get("KEEP") == "1":
                screen.heading("KEEP=1: the stack runs until Ctrl-C. In another terminal:")
                keep(screen, stack, scene.outputs, "demo-user", PATH_PREFIX)
    except KeyboardInterrupt:
        sys.exit(130)
    except (StackError, ClientError, BotoCoreError) as problem:
        sys.exit(f"local/demo.py: {problem}")


if __name__ == "__main__":
    main()
