#!/usr/bin/env python3
"""Runs the service on this machine with OpenBao, an emulated AWS and a simulated platform.

    local/demo.py --zip PACKAGE.zip                  `make demo`: verifies nine checks; with KEEP=1
                                                     it keeps running afterwards
    local/demo.py --zip PACKAGE.zip --deploy-only    `make deploy-local`: only deploys, and keeps
                                                     running

The emulator enforces permissions and verifies signatures.

The exit code is 0 only if every check was verified. The script removes everything that it started
or created, also after Ctrl-C, and prints no secret.
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
import shlex
import signal
import time

from botocore.exceptions import BotoCoreError, ClientError

from local import aws
from local.demo_checks import CHECKS, Demo, Unverified
from local.deploy import deploy, store_token
from local.deployed import Deployed
from local.environment import CHECKOUT
from local.platform import Platform
from local.process import StackError
from local.stack import ENDING_SIGNALS, Stack


def prepare(stack: Stack, package: Path, inputs: dict) -> dict:
    """Creates the roster, deploys the CDK app, and stores a Vault token. Returns the outputs."""
    Platform(stack.clients()).create_roster()
    print("  ... deploying infra/cdk with the CDK")
    started = time.monotonic()
    outputs = deploy(stack, package, inputs)
    print("  ok the CDK deployed function, queues, rule, schedules and bucket in "
          f"{time.monotonic() - started:.0f} s")
    store_token(stack, outputs["BucketName"])
    print("  ok a periodic, write-only Vault token is in the bucket")
    return outputs


def run_checks(demo: Demo) -> None:
    """Runs all checks and prints the table of their results. Exits at the first failure."""
    rows = []
    for run, columns in CHECKS:
        print(f"\n{len(rows) + 1}. {columns[0]}\n  {run.__doc__.replace('    ', '  ')}")
        try:
            delay = run(demo)
            demo.expect_settled()
        except Unverified as problem:
            logs = "\n    ".join(demo.deployed.log_lines()[-25:])
            sys.exit(f"  NOT VERIFIED {problem}\n  Last log lines of the function:\n    {logs}")
        rows.append((*columns, "-" if delay is None else f"{delay:.2f} s"))
    print(f"\nAll {len(rows)} steps verified")
    header = ("step", "expected", "verified", "delay")
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    for row in (header, ["-" * width for width in widths], *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print("\n  Delays: from the platform's (second) put, from Vault being active again, from the\n"
          "  start of the reconcile run, or from the deletion; in the last step until the first call\n"
          "  with the new key. The stack's queue delays no event; a deployment adds 15 s\n"
          "  (queueDelaySeconds).")


def keep_running(stack: Stack, outputs: dict) -> None:
    """Prints the environment for another terminal, and waits for Ctrl-C."""
    # The AWS SDK for Rust reads SSL_CERT_FILE, the other tools read AWS_CA_BUNDLE.
    ca_file = shlex.quote(str(stack.aws.ca_file))
    print(f"""
The stack runs until Ctrl-C. Run this in another terminal, then the commands in local/README.md:

cd {shlex.quote(str(CHECKOUT))}
export AWS_ENDPOINT_URL={stack.aws.endpoint} AWS_REGION={aws.REGION} AWS_DEFAULT_REGION={aws.REGION}
export AWS_ACCESS_KEY_ID={aws.ACCESS_KEY} AWS_SECRET_ACCESS_KEY={aws.SECRET_KEY}
export VAULT_ADDR={stack.vault.addr} VAULT_CACERT={shlex.quote(str(stack.vault.ca_file))}
export VAULT_TOKEN="$(cat {shlex.quote(str(stack.vault.root_token_file))})"
export S3_BUCKET_NAME={outputs["BucketName"]}
export AWS_CA_BUNDLE={ca_file}
alias keysync="env -u VAULT_TOKEN SSL_CERT_FILE={ca_file} target/debug/keysync"

Function {outputs["FunctionName"]}
Logs     {outputs["LogGroupName"]}
Queue    {outputs["QueueUrl"]}
Servers  {stack.folder}/vault.log, {stack.folder}/aws.log
""")
    try:
        while True:
            stack.check_running()
            time.sleep(1)
    except KeyboardInterrupt:
        print("Stopping.")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="local/demo.py", description="Runs the service on this machine.")
    parser.add_argument("--zip", type=Path, required=True, metavar="PACKAGE",
                        help="the deployment package (make package-local)")
    parser.add_argument("--deploy-only", action="store_true",
                        help="make no checks, run until Ctrl-C")
    parser.add_argument("-i", "--input", action="append", default=[], metavar="INPUT=VALUE",
                        help="an input of infra/shared/inputs.json in camelCase; can be repeated")
    options = parser.parse_args()
    if not options.zip.is_file():
        parser.error(f"{options.zip} does not exist; run make package-local")
    if not all("=" in given for given in options.input):
        parser.error("an input has the form INPUT=VALUE")

    for number in ENDING_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    sys.stdout.reconfigure(errors="replace", line_buffering=True)
    try:
        print("\nThe local stack")
        started = time.monotonic()
        with Stack(enforce=True) as stack:
            print("  ok OpenBao and the AWS emulator run on loopback, ready in "
                  f"{time.monotonic() - started:.1f} s")
            inputs = dict(text.split("=", 1) for text in options.input)
            outputs = prepare(stack, options.zip, inputs)
            if options.deploy_only:
                Deployed(stack, outputs).reconcile()
                print("  ok a reconcile run is complete: the role's permissions are sufficient")
            else:
                run_checks(Demo(stack, outputs))
            if options.deploy_only or os.environ.get("KEEP") == "1":
                keep_running(stack, outputs)
    except KeyboardInterrupt:
        sys.exit(130)
    except (StackError, ClientError, BotoCoreError) as problem:
        sys.exit(f"local/demo.py: {problem}")


if __name__ == "__main__":
    main()
