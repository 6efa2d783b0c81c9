"""What to try on a stack that stays up: printed by the demo and by `make deploy-local`. Never prints a secret."""
import shlex
import time

from local import aws
from local.environment import CHECKOUT, VENV
from local.openbao import MOUNT


def keep(screen, stack, outputs: dict, user: str, path_prefix: str) -> None:
    """Tells, and waits for Ctrl-C."""
    binaries = shlex.quote(str(VENV / "bin"))
    # The AWS SDK of the binaries reads another variable than everybody else.
    keysync_trust = f" SSL_CERT_FILE={shlex.quote(str(stack.aws.ca_file))}" if stack.aws.ca_file else ""
    trust = f"\nexport AWS_CA_BUNDLE={shlex.quote(str(stack.aws.ca_file))}" if stack.aws.ca_file else ""
    screen.raw(f"""
cd {shlex.quote(str(CHECKOUT))}
export AWS_ENDPOINT_URL={stack.aws.endpoint} AWS_ACCESS_KEY_ID={aws.ACCESS_KEY} AWS_SECRET_ACCESS_KEY={aws.SECRET_KEY} \
AWS_REGION={aws.REGION} AWS_DEFAULT_REGION={aws.REGION}{trust}
export VAULT_ADDR={stack.vault.addr} VAULT_CACERT={shlex.quote(str(stack.vault.ca_file))}
export VAULT_TOKEN="$(cat {shlex.quote(str(stack.vault.root_token_file))})"

local/platform.py create {user}
local/platform.py rotate {user} --gap 2
{binaries}/bao kv metadata get {MOUNT}/{path_prefix}/{user}
{binaries}/bao kv get -field=accessKeyId {MOUNT}/{path_prefix}/{user}

local/platform.py rotate {user} --lost
local/platform.py stick {user}
local/platform.py finish {user}
local/platform.py show {user}
local/platform.py delete {user}

local/invoke.py '{{"action": "sync", "users": ["{user}"]}}'
local/invoke.py '{{"action": "reconcile", "force": true, "dryRun": true}}'

cargo build --locked --bin keysync
alias keysync="env -u VAULT_TOKEN S3_BUCKET_NAME={outputs["BucketName"]} VAULT_PATH_PREFIX={path_prefix}{keysync_trust} target/debug/keysync"
keysync status
keysync explain {user}

Function {outputs["FunctionName"]}
Logs     {outputs["LogGroupName"]}
Bucket   {outputs["BucketName"]}
Queue    {outputs["QueueUrl"]}

Server logs: {stack.folder}/vault.log and {stack.folder}/aws.log
""")
    try:
        while True:
            stack.must_live()
            time.sleep(1)
    except KeyboardInterrupt:
        screen.tell("Stopping.")
