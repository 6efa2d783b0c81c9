"""Deploys the CDK app of infra/cdk into the emulator, as an operator would into AWS, and puts the Vault token into its bucket.

Everything that the CDK writes goes to the stack's folder; only the app's own build (infra/cdk/dist) stays in the checkout.
"""
import json
import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

from local import aws
from local.environment import CHECKOUT
from local.platform import TABLE
from local.process import Process, StackError, wait_until

APP = CHECKOUT / "infra" / "cdk"
STACK = "IamKeySync"
TOKEN_OBJECT = "vault-token.json"
TOKEN_PERIOD_HOURS = 72

# As short as the stack allows, so that a returned message is seen to come back while somebody watches.
FUNCTION_TIMEOUT_SECONDS = 10
VISIBILITY_SECONDS = 12


def deploy(stack, package: Path, choices: dict = None) -> dict:
    """Bootstraps and deploys, or updates what was deployed; `choices` are further inputs of the app. The CloudFormation outputs."""
    folder = stack.folder / "cdk"
    folder.mkdir(exist_ok=True)
    # Outside the app's folder, because the CDK would otherwise build and run the app for it.
    _cdk(folder, stack, folder, "bootstrap", f"aws://{aws.ACCOUNT}/{aws.REGION}")
    outputs = folder / "outputs.json"
    _cdk(folder, stack, APP, "deploy", STACK, *_context(stack, package, choices), "--require-approval", "never", "--outputs-file", str(outputs))
    return json.loads(outputs.read_text())[STACK]


def destroy(stack, package: Path, choices: dict = None) -> None:
    """Deletes what was deployed with the same choices."""
    _cdk(stack.folder / "cdk", stack, APP, "destroy", STACK, *_context(stack, package, choices), "--force")


def _context(stack, package: Path, choices: dict) -> list:
    context = {
        "zip": package.resolve(), "vaultAddr": stack.vault.addr, "vaultCaFile": stack.vault.ca_file,
        "userTable": TABLE, "parameterPrefix": "/iam_users/", "parameterSuffix": "_keys",
        "functionTimeoutSeconds": FUNCTION_TIMEOUT_SECONDS, "queueVisibilitySeconds": VISIBILITY_SECONDS,
        "logLevel": "info", "removalPolicy": "destroy", **(choices or {}),
    }
    return [argument for key, value in context.items() for argument in ("-c", f"{key}={value}")]


def store_token(stack, clients, bucket: str) -> None:
    """A periodic orphan token with the sync policy, as the token object that the service loads."""
    auth = stack.vault.create_token("sync", f"{TOKEN_PERIOD_HOURS}h")
    now = datetime.now(timezone.utc)
    token = {"token": auth["client_token"], "createdAt": _iso(now), "expiresAt": _iso(now + timedelta(seconds=auth["lease_duration"])),
             "renewable": auth["renewable"], "ttl": auth["lease_duration"]}
    clients.s3.put_object(Bucket=bucket, Key=TOKEN_OBJECT, Body=json.dumps(token), ContentType="application/json")


def _cdk(folder: Path, stack, where: Path, *arguments: str) -> None:
    cli = APP / "node_modules" / ".bin" / "cdk"
    if not cli.exists():
        raise StackError("The pinned CDK is not installed. Install it: (cd infra/cdk && npm ci)")
    if shutil.which("node") is None:
        raise StackError("The CDK needs Node.js 20 or newer, and no `node` was found.")
    command = [str(cli), *arguments, "--no-notices", "--output", str(folder / "cdk.out")]
    run = Process("cdk", command, _environment(folder, stack), folder / f"{arguments[0]}.log", cwd=where)
    run.start()
    try:
        wait_until(lambda: not run.running(), 300)
        if run.exit_code() != 0:
            raise StackError(f"cdk {arguments[0]} failed ({run.exit_code()}).\n{run.tail(40)}")
    finally:
        run.stop()


def _environment(folder: Path, stack) -> dict:
    """Nothing of the developer's AWS configuration; a proxy would not reach a loopback address."""
    trust = {"NODE_EXTRA_CA_CERTS": str(stack.aws.ca_file), "AWS_CA_BUNDLE": str(stack.aws.ca_file)} if stack.aws.ca_file else {}
    return {
        **trust, "PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "CI": "true",
        "CDK_HOME": str(folder), "CDK_DISABLE_CLI_TELEMETRY": "true", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "NO_COLOR": "1", "NODE_NO_WARNINGS": "1",
        "AWS_ENDPOINT_URL": stack.aws.endpoint, "AWS_REGION": aws.REGION, "AWS_DEFAULT_REGION": aws.REGION,
        "AWS_ACCESS_KEY_ID": aws.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": aws.SECRET_KEY, "AWS_EC2_METADATA_DISABLED": "true",
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
