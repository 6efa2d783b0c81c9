"""Deploys the CDK app of infra/cdk into the emulator and stores the Vault token in its bucket.

The CDK writes only to the folder of the stack, except for the build of the app (infra/cdk/dist).
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

# As short as the app allows, so that a returned message reappears soon.
FUNCTION_TIMEOUT_SECONDS = 10
VISIBILITY_SECONDS = 12
# The default of the app is 15 s, until AWS accepts a new key everywhere. The emulator accepts its
# keys at once, so the delay only costs time here.
QUEUE_DELAY_SECONDS = 0


def deploy(stack, package: Path, inputs: dict = None) -> dict:
    """Bootstraps and deploys, or updates the deployment. `inputs` are further inputs of the app.
    Returns the CloudFormation outputs."""
    folder = stack.folder / "cdk"
    folder.mkdir(exist_ok=True)
    outputs = folder / "outputs.json"
    if not outputs.exists():
        # In the folder of the app, `cdk bootstrap` would build and run the app.
        _cdk(stack, folder, "bootstrap", f"aws://{aws.ACCOUNT}/{aws.REGION}")
    _cdk(stack, APP, "deploy", STACK, *_context(stack, package, inputs),
         "--require-approval", "never", "--outputs-file", str(outputs))
    return json.loads(outputs.read_text())[STACK]


def destroy(stack, package: Path, inputs: dict = None) -> None:
    """Deletes a deployment that was made with the same inputs."""
    _cdk(stack, APP, "destroy", STACK, *_context(stack, package, inputs), "--force")


def _context(stack, package: Path, inputs: dict) -> list:
    context = {
        "zip": package.resolve(), "vaultAddr": stack.vault.addr,
        "vaultCaFile": stack.vault.ca_file, "userTable": TABLE,
        "parameterPrefix": "/iam_users/", "parameterSuffix": "_keys",
        "functionTimeoutSeconds": FUNCTION_TIMEOUT_SECONDS,
        "queueVisibilitySeconds": VISIBILITY_SECONDS,
        "queueDelaySeconds": QUEUE_DELAY_SECONDS,
        "logLevel": "info", "removalPolicy": "destroy", **(inputs or {}),
    }
    texts = {name: str(value).lower() if isinstance(value, bool) else value
             for name, value in context.items()}
    return [argument for name, text in texts.items() for argument in ("-c", f"{name}={text}")]


def store_token(stack, bucket: str) -> None:
    """Stores a periodic orphan token with the sync policy in the format that the service reads."""
    auth = stack.vault.create_token("sync", f"{TOKEN_PERIOD_HOURS}h")
    now = datetime.now(timezone.utc)
    expiry = now + timedelta(seconds=auth["lease_duration"])
    token = {"token": auth["client_token"], "createdAt": _iso(now), "expiresAt": _iso(expiry),
             "renewable": auth["renewable"], "ttl": auth["lease_duration"]}
    stack.clients().s3.put_object(Bucket=bucket, Key=TOKEN_OBJECT, Body=json.dumps(token),
                                  ContentType="application/json")


def _cdk(stack, directory: Path, *arguments: str) -> None:
    cli, folder = APP / "node_modules" / ".bin" / "cdk", stack.folder / "cdk"
    if not cli.exists():
        raise StackError("the pinned CDK is not installed; run make cdk")
    if shutil.which("node") is None:
        raise StackError("`node` was not found; the CDK needs Node.js 20 or newer")
    command = [str(cli), *arguments, "--no-notices", "--output", str(folder / "cdk.out")]
    log = folder / f"{arguments[0]}.log"
    run = Process("cdk", command, _environment(stack, folder), log, cwd=directory)
    run.start()
    try:
        if not wait_until(lambda: not run.running(), 300):
            raise StackError(f"cdk {arguments[0]} was not finished after 300 s.\n"
                             f"{run.log_tail(40)}")
        if run.exit_code() != 0:
            raise StackError(f"cdk {arguments[0]} failed ({run.exit_code()}).\n{run.log_tail(40)}")
    finally:
        run.stop()


def _environment(stack, folder: Path) -> dict:
    """Returns an environment without the user's AWS configuration and without a proxy, which could
    not reach a loopback address."""
    ca_file = stack.aws.ca_file
    return {
        **({"NODE_EXTRA_CA_CERTS": str(ca_file), "AWS_CA_BUNDLE": str(ca_file)} if ca_file else {}),
        "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "CI": "true",
        "HOME": str(folder), "TMPDIR": str(folder), "CDK_HOME": str(folder),
        "CDK_DISABLE_CLI_TELEMETRY": "true", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "NO_COLOR": "1", "NODE_NO_WARNINGS": "1",
        "AWS_ENDPOINT_URL": stack.aws.endpoint, "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": aws.REGION, "AWS_DEFAULT_REGION": aws.REGION,
        "AWS_ACCESS_KEY_ID": aws.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": aws.SECRET_KEY,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
