"""Publishes keys by the documents of examples/targets, and checks the files that an agent renders
from them by the recipe examples/consumers/files."""
import json

from local import aws
from local.demo_targets import ses_smtp_password
from local.deployed import Deployed
from local.environment import CHECKOUT
from local.platform import Platform
from local.process import StackError, wait_until
from local.recipes import EXAMPLES, Recipes

MOUNT = "apps"
USERS = ("orders", "mailer", "backup", "velero")
_DOCUMENTS = ("environment-variables", "ses-smtp", "pgbackrest", "velero")
_SYNC_RULES = f"""
path "{MOUNT}/data/prod/*" {{
  capabilities = ["create", "update", "patch"]
}}
path "{MOUNT}/metadata/prod/*" {{
  capabilities = ["create", "read", "list", "update", "patch"]
}}
"""


def publish(stack, deployed: Deployed) -> None:
    """Stores one document with the targets of the examples, creates its users, and waits until
    Vault has their keys."""
    document = _document()
    stack.vault.create_mount(MOUNT)
    stack.vault.extend_policy("sync", _SYNC_RULES)
    deployed.store_targets(json.dumps(document))
    platform = Platform(stack.clients())
    for user in USERS:
        platform.create(user)
    paths = _paths(document)
    if not wait_until(lambda: all(map(deployed.target, paths)), 60, 0.2):
        raise StackError(f"Vault does not have all of {', '.join(paths)}")


def check_files(stack) -> dict:
    """Returns the names of the files that followed a rotation."""
    platform = Platform(stack.clients())
    with _Files(stack) as files:
        files.expect({user: platform.keys(user)["current"] for user in USERS})
        files.expect({user: platform.rotate(user, gap=0)["current"] for user in USERS})
        result = {"files": sorted(files.destinations().values())}
    files.check_no_secret()
    return result


class _Files(Recipes):
    def __init__(self, stack):
        super().__init__(stack, "files")

    def prepare(self) -> None:
        policy, paths = (EXAMPLES / "policy.hcl").read_text(), _paths(_document())
        own = next(path for path in paths if "/orders/" in path)
        rules = [policy.replace(_data(own), _data(path)) for path in paths]
        self.create_login("files", "\n".join(rules))
        self.start_agent("files")

    def destinations(self) -> dict:
        return {"/etc/postfix/sasl_passwd": "sasl_passwd", "/etc/velero/cloud": "cloud",
                "/etc/pgbackrest/conf.d/s3.conf": "s3.conf"}

    def adaptations(self) -> dict:
        own = ("role-id", "secret-id")
        return {
            **super().adaptations(),
            **{f"/etc/vault-agent/files-{name}": str(self.folder / name) for name in own},
            **{path: str(self.folder / name) for path, name in self.destinations().items()}}

    def expect(self, keys: dict) -> None:
        """Waits until each file has the content for the keys and is private."""
        self.secrets += [key["SecretAccessKey"] for key in keys.values()]
        expected = _expected(keys)
        self.secrets.append(expected["sasl_passwd"].rsplit(":", 1)[1].strip())
        if not wait_until(lambda: self._contents() == expected, 30, 0.1):
            found = self._contents()
            wrong = [name for name in expected if found[name] != expected[name]]
            raise StackError(f"not rendered: {', '.join(wrong)}.\n{self.log_tails()}")
        for name in expected:
            mode = (self.folder / name).stat().st_mode & 0o777
            if mode != (0o640 if name == "s3.conf" else 0o600):
                raise StackError(f"{name} has the mode {mode:o}")

    def _contents(self) -> dict:
        files = {name: self.folder / name for name in self.destinations().values()}
        return {name: file.read_text() if file.exists() else None for name, file in files.items()}


def _expected(keys: dict) -> dict:
    """Returns the files for these keys, without the templates of the documents."""
    mailer, backup, velero = (
        (keys[user]["AccessKeyID"], keys[user]["SecretAccessKey"]) for user in USERS[1:])
    region = aws.REGION
    return {
        "sasl_passwd": f"[email-smtp.{region}.amazonaws.com]:587 {mailer[0]}:"
                       f"{ses_smtp_password(mailer[1], region)}\n",
        "s3.conf": "[global]\nrepo1-type=s3\n"
                   f"repo1-s3-endpoint=s3.{region}.amazonaws.com\nrepo1-s3-region={region}\n"
                   f"repo1-s3-key={backup[0]}\nrepo1-s3-key-secret={backup[1]}\n",
        "cloud": f"[default]\naws_access_key_id={velero[0]}\n"
                 f"aws_secret_access_key={velero[1]}\n",
    }


def _document() -> dict:
    """Returns the targets of the examples as one document."""
    parameters = []
    for name in _DOCUMENTS:
        document = json.loads((CHECKOUT / "examples" / "targets" / f"{name}.json").read_text())
        inherited = {key: value for key, value in document.items() if key != "parameters"}
        for parameter in document["parameters"]:
            targets = [{**inherited, **target} for target in parameter["targets"]]
            parameters.append({**parameter, "targets": targets})
    return {"parameters": parameters}


def _paths(document: dict) -> list:
    return [f"{target['mount']}/{target['path']}"
            for parameter in document["parameters"] for target in parameter["targets"]]


def _data(path: str) -> str:
    mount, rest = path.split("/", 1)
    return f"{mount}/data/{rest}"
