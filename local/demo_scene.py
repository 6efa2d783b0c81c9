"""What every scene of the demo works with: the stack, the truth, the screen, and the waiting for what has to come true.

Must not help the service: it looks, and changes nothing.
"""
import time
from dataclasses import dataclass

from local.deploy import VISIBILITY_SECONDS
from local.invoke import invoke
from local.platform import Platform
from local.screen import Screen
from local.truth import Key, Truth, Unverified, verify

USER = "s3-backup"

# A message that was handed back is invisible for this long; then it must be handled, and perhaps handed back once more.
DRAIN_SECONDS = 3 * VISIBILITY_SECONDS + 10


@dataclass
class Result:
    step: str
    expected: str
    verified: str
    delay: str = "-"

    def row(self) -> tuple:
        return (self.step, self.expected, self.verified, self.delay)


@dataclass
class Scene:
    screen: Screen
    platform: Platform
    truth: Truth
    stack: object
    clients: object
    outputs: dict

    def wait(self, what: str, read, accept, expected: str, seconds: float = 20):
        with self.screen.waiting(what):
            return verify(read, accept, expected, seconds)

    def arrival(self, key: Key, since: float, seconds: float = 20):
        """Waits until Vault serves the key; the secret, and the seconds since a point of the monotonic clock."""
        secret = self.wait("waiting for the key in Vault", lambda: self.truth.secret(USER),
                           lambda found: found is not None and found.key == key, f"{key} in Vault", seconds)
        delay = time.monotonic() - since
        self.screen.verified(f"Vault serves key {key.id} as version {secret.version}, {delay:.2f} s later, "
                             f"{'with all four fields' if secret.complete else 'but its fields are ' + ', '.join(sorted(secret.fields))}")
        self.in_step(USER, key)
        self.screen.verified(f"the state in S3 names the same key, by id and fingerprint, and Vault version {secret.version}")
        return secret, delay

    def in_step(self, user: str, key: Key):
        """Waits until Vault serves the key, complete, and the state says so; the secret."""
        secret = self.wait(f"waiting for the key of {user} in Vault", lambda: self.truth.secret(user),
                           lambda found: found is not None and found.key == key, f"{key} of {user} in Vault")
        verify(lambda: secret, lambda found: found.complete and found.user == user, "accessKeyId, secretAccessKey, userName, syncedAt", 0)
        self.wait(f"waiting for the state of {user}", lambda: self.truth.state(user),
                  lambda state: state is not None and state.key == key and state.vault_version == secret.version,
                  f"state of {user} in S3 with {key} and Vault version {secret.version}")
        return secret

    def drained(self) -> None:
        self.wait("waiting for the queue to drain", self.truth.queued, lambda count: count == 0, "0 messages in the queue", DRAIN_SECONDS)
        verify(self.truth.dead_letters, lambda count: count == 0, "0 messages in the dead-letter queue", 0)
        self.screen.verified("the queue is empty, and so is the dead-letter queue")

    def untouched(self, before) -> None:
        """Vault still has exactly what it had."""
        verify(lambda: self.truth.secret(USER), lambda found: found == before, f"Vault unchanged: {before}", 0)
        self.screen.verified(f"Vault is untouched: key {before.key.id}, version {before.version}")

    def attempts(self, more_than: int, count: int = 1, seconds: float = 30) -> None:
        """Waits until the function has ended this many times more."""
        self.wait("waiting until the function has tried", self.truth.finished_invocations, lambda found: found >= more_than + count,
                  f"at least {count} more invocations than {more_than}", seconds)

    def sweep(self) -> dict:
        """Invokes the function with what the nightly schedule would send; its report."""
        payload = self.truth.sweep_payload()
        with self.screen.waiting("sweeping"):
            answer, failed = invoke(self.clients, self.outputs["FunctionName"], payload)
        if failed:
            raise Unverified(f"expected: a sweep without an error\n  found:    {answer}")
        return answer
