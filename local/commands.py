"""The commands that a running stack takes, one line each; stack.py lists them."""
import json
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.deploy import deploy, destroy, store_token
from local.deployed import Deployed, left
from local.process import StackError

_VAULT = ("stop", "kill", "start", "pause", "resume", "seal", "unseal")


class Commands:
    def __init__(self, stack):
        self._stack = stack
        self._deployed = None
        self._commands = {}
        if stack.vault:
            self._commands |= {"vault": (self._vault, " | ".join(_VAULT)), "token": (self._token, '{"policy": "sync", "period": "24h"}')}
        if stack.vault and stack.aws:
            self._commands |= {
                "deploy": (self._deploy, '{"zip": "package.zip"}'), "destroy": (self._destroy, '{"zip": "package.zip"}'),
                "invoke": (self._invoke, '{"action": "refresh-token"}'), "role": (self._role, "[statements]"), "look": (self._look, ""),
            }

    def obey(self, command: str) -> dict:
        """Carries out one line; its answer, `{"error": …}` included."""
        verb, _, rest = command.strip().partition(" ")
        if verb not in self._commands:
            known = ", ".join(f"{name} {form}" for name, (_, form) in self._commands.items()) or "none (this stack has no Vault)"
            return {"error": f"{command.strip()!r} is no command here; expected {known}"}
        carry_out, form = self._commands[verb]
        try:
            return carry_out(rest)
        except (StackError, ClientError, BotoCoreError, OSError) as problem:
            return {"error": str(problem)}
        except (ValueError, KeyError, AttributeError, TypeError):
            return {"error": f"{verb} was not understood; expected {verb} {form}"}

    def _vault(self, what: str) -> dict:
        if what not in _VAULT:
            raise ValueError
        getattr(self._stack.vault, what)()
        return {"vault": what, "pid": self._stack.vault.process.pid}

    def _token(self, rest: str) -> dict:
        wanted = json.loads(rest)
        return {"token": self._stack.vault.create_token(wanted.pop("policy"), **wanted)["client_token"]}

    def _deploy(self, rest: str) -> dict:
        package, choices = _package(rest)
        outputs = deploy(self._stack, package, choices)
        if self._deployed is None:
            store_token(self._stack, self._stack.clients(), outputs["BucketName"])
        self._deployed = Deployed(self._stack.clients(), outputs)
        return outputs

    def _destroy(self, rest: str) -> dict:
        package, choices = _package(rest)
        destroy(self._stack, package, choices)
        return left(self._stack.clients())

    def _invoke(self, rest: str) -> dict:
        return self._running().invoke(json.loads(rest))

    def _look(self, _: str) -> dict:
        return self._running().look()

    def _role(self, rest: str) -> dict:
        return self._running().role(json.loads(rest) if rest else None)

    def _running(self) -> Deployed:
        if self._deployed is None:
            raise StackError("nothing is deployed yet")
        return self._deployed


def _package(rest: str) -> tuple:
    """(the deployment package, the other inputs)."""
    choices = json.loads(rest)
    package = Path(choices.pop("zip"))
    if not package.is_file():
        raise StackError(f"{package} is no file; make a deployment package with local/package.py")
    return package, choices
