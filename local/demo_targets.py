"""The targets of the demo: their policy, and what the service has to publish there.

The document itself is targets.json. The expected fields are computed here from the key, without the
templates of the document.
"""
import base64
import hmac
from pathlib import Path

from local import aws

USER = "orders"
MOUNT = "apps"
DOCUMENT = Path(__file__).with_name("targets.json")
API, PGBACKREST, SMTP = (f"{MOUNT}/prod/orders/{name}" for name in (
    "api/aws-ssm-sync/aws", "database/aws-ssm-sync/pgbackrest", "mail/aws-ssm-sync/smtp"))
# A field that people maintain in the secret of pgBackRest.
BY_HAND = {"repo1-cipher-pass": "typed by hand"}

# Besides infra/vault/iam-key-sync.hcl: the targets, and the mark of all other users' secrets.
# `keysync policy vault --targets local/targets.json` prints a policy for exactly these targets.
RULES = """
path "apps/data/prod/+/+/aws-ssm-sync/+" {
  capabilities = ["create", "update", "patch"]
}
path "apps/metadata/prod/+/+/aws-ssm-sync/+" {
  capabilities = ["create", "read", "list", "update", "patch"]
}
path "secret/metadata/aws/iam-keys/+" {
  capabilities = ["read", "patch"]
}
"""


def expected_fields(key: dict) -> dict:
    """Returns the fields of each target, by its path, for a key of the parameter."""
    key_id, secret = key["AccessKeyID"], key["SecretAccessKey"]
    return {
        API: {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret},
        PGBACKREST: {"repo1-s3-key": key_id, "repo1-s3-key-secret": secret, **BY_HAND},
        SMTP: {"SMTP_USERNAME": key_id, "SMTP_PASSWORD": ses_smtp_password(secret, aws.REGION)},
    }


def ses_smtp_password(secret: str, region: str) -> str:
    """Derives the password as in docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html."""
    signature = f"AWS4{secret}".encode()
    for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.digest(signature, part.encode(), "sha256")
    return base64.b64encode(b"\x04" + signature).decode()
