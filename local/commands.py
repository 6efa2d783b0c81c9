"""The commands that a running stack reads from standard input, one on each line. stack.py lists
them."""
import json
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.consumer_files import check_files, publish
from local.consumers import follow_rotations
from local.deploy import deploy, destroy, store_token
from local.deployed import Deployed, remaining
from local.process import StackError

_VAULT = ("stop", "kill", "start", "pause", "resume", "seal", "unseal")


class Commands:
    def __init__(self, stack):
        self._stack = stack
        self._deployed = None
        self._commands = {}
        if stack.vault:
            self._commands |= {
                "vault": (self._vault, " | ".join(_VAULT)),
                "token": (self._token, '{"policy": "sync", "period": "24h"}'),
            }
        if stack.vault and stack.aws:
            self._commands |= {
                "deploy": (self._deploy, '{"zip": "package.zip"}'),
                "destroy": (self._destroy, '{"zip": "package.zip"}'),
                "invoke": (self._invoke, '{"action": "refresh-token"}'),
                "role": (self._role, "[statements]"),
                "look": (self._describe, ""),
                "assumable": (self._assumable, "ROLE"),
                "consumers": (self._consumers, '{"rotations": 3}'),
            }

    def execute(self, line: str) -> dict:
        """Executes one line. Returns its answer, or `{"error": …}`."""
        name, _, argument = line.strip().partition(" ")
        if name not in self._commands:
            known = [f"{name} {form}" for name, (_, form) in self._commands.items()]
            expected = ", ".join(known) or "none (this stack has no Vault)"
            return {"error": f"unknown command {line.strip()!r}; expected {expected}"}
        command, form = self._commands[name]
        try:
            return command(argument)
        except (StackError, ClientError, BotoCoreError, OSError) as problem:
            return {"error": str(problem)}
        except (ValueError, KeyError, AttributeError, TypeError):
            return {"error": f"invalid argument of {name}; expected {name} {form}"}

    def _vault(self, action: str) -> dict:
        if action not in _VAULT:
            raise ValueError
        getattr(self._stack.vault, action)()
        return {"vault": action, "pid": self._stack.vault.process.pid}

    def _token(self, argument: str) -> dict:
        fields = json.loads(argument)
        token = self._stack.vault.create_token(fields.pop("policy"), **fields)
        return {"token": token["client_token"]}

    def _deploy(self, argument: str) -> dict:
        package, inputs = _package(argument)
        outputs = deploy(self._stack, package, inputs)
        if self._deployed is None:
            store_token(self._stack, outputs["BucketName"])
        self._deployed = Deployed(self._stack, outputs)
        return outputs

    def _destroy(self, argument: str) -> dict:
        package, inputs = _package(argument)
        destroy(self._stack, package, inputs)
        return remaining(self._stack.clients())

    def _invoke(self, argument: str) -> dict:
        answer, failed = self._require_deployed().invoke(json.loads(argument))
        return {"answer": answer, "failed": failed}

    def _describe(self, _: str) -> dict:
        return self._require_deployed().describe()

    def _assumable(self, name: str) -> dict:
        """Creates a role that every principal may assume, also by a web identity."""
        actions = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"]
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": actions}]}
        role = self._stack.clients().iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        return {"arn": role["Role"]["Arn"]}

    def _role(self, argument: str) -> dict:
        return self._require_deployed().role(json.loads(argument) if argument else None)

    def _consumers(self, argument: str) -> dict:
        rotations = json.loads(argument)["rotations"]
        publish(self._stack, self._require_deployed())
        return {**check_files(self._stack),
                **follow_rotations(self._stack, rotations, outage_seconds=5)}

    def _require_deployed(self) -> Deployed:
        if self._deployed is None:
            raise StackError("nothing is deployed; run the deploy command first")
        return self._deployed


def _package(argument: str) -> tuple:
    """Returns the path of the deployment package and the other inputs. The CDK app requires the
    file for a deployment only."""
    inputs = json.loads(argument)
    return Path(inputs.pop("zip")), inputs
