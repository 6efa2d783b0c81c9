"""The six scenes of the demo. Each plays something on the platform or breaks something, then verifies the truth, not the logs
of the service (with one exception: that a rotation is `held` shows only there).

Must not help the service: after each scene's cause, everything has to happen by itself.
"""
import json
import time
from dataclasses import dataclass

from local.deploy import VISIBILITY_SECONDS
from local.platform import Platform, parameter_name
from local.screen import Screen
from local.truth import Key, Truth, verify

USER = "s3-backup"
GAP_SECONDS = 1.5

# A message that was handed back is invisible for this long; then it must be handled, and perhaps handed back once more.
_DRAIN_SECONDS = 3 * VISIBILITY_SECONDS + 10


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
    """What every step works with."""
    screen: Screen
    platform: Platform
    truth: Truth
    stack: object
    clients: object

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
        verify(lambda: secret, lambda found: found.complete and found.user == USER, "accessKeyId, secretAccessKey, userName, syncedAt", 0)
        self.state_matches(secret)
        return secret, delay

    def state_matches(self, secret) -> None:
        self.wait("waiting for the state", lambda: self.truth.state(USER),
                  lambda state: state is not None and state.key == secret.key and state.vault_version == secret.version,
                  f"state in S3 with {secret.key} and Vault version {secret.version}")
        self.screen.verified(f"the state in S3 names the same key, by id and fingerprint, and Vault version {secret.version}")

    def drained(self) -> None:
        self.wait("waiting for the queue to drain", self.truth.queued, lambda count: count == 0, "0 messages in the queue", _DRAIN_SECONDS)
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


def user_created(scene: Scene) -> Result:
    scene.screen.tell(f"The platform creates {USER}: a row in its table, then the SSM parameter. One event, one message, one sync.")
    since = time.monotonic()
    keys = scene.platform.create(USER)
    secret, delay = scene.arrival(Key.of_platform(keys["current"]), since)
    scene.drained()
    return Result("user created", "key in Vault", f"version {secret.version}, state, queues", f"{delay:.2f} s")


def key_rotated(scene: Scene) -> Result:
    scene.screen.tell("The platform rotates: a first put takes `current` away, a second put brings the new key. "
                      "Both send an event; the first one finds no key and must wait, the second one must not wait for the first.")
    scene.platform.stick(USER)
    time.sleep(GAP_SECONDS)
    since = time.monotonic()
    keys = scene.platform.finish(USER)
    secret, delay = scene.arrival(Key.of_platform(keys["current"]), since)
    scene.drained()
    scene.untouched(secret)
    return Result("key rotated (two puts)", "new key in Vault", f"version {secret.version}, state, queues", f"{delay:.2f} s")


def events_replayed(scene: Scene) -> Result:
    scene.screen.tell("EventBridge delivers an event twice, and the event of the creation an hour late. The truth is unchanged, "
                      "so nothing may be written.")
    before, attempts = scene.truth.secret(USER), scene.truth.finished_invocations()
    last_put = scene.platform.parameter(USER)["LastModifiedDate"].timestamp()
    for operation, at in (("Update", last_put), ("Create", last_put - 3600)):
        detail = {"operation": operation, "name": parameter_name(USER), "type": "SecureString"}
        arn = scene.platform.parameter(USER)["ARN"]
        scene.clients.events.put_events(Entries=[{"Source": "aws.ssm", "DetailType": "Parameter Store Change", "Time": int(at),
                                                  "Detail": json.dumps(detail), "Resources": [arn]}])
    scene.attempts(attempts)
    scene.drained()
    scene.untouched(before)
    return Result("duplicate and old event", "nothing written", f"still version {before.version}, queues")


def rotation_stuck(scene: Scene) -> Result:
    scene.screen.tell("Key creation fails on the platform: the first put has been made, the second does not come.")
    before, attempts, started = scene.truth.secret(USER), scene.truth.finished_invocations(), time.time()
    scene.platform.stick(USER)
    scene.attempts(attempts, 2)
    held = scene.wait("waiting for the log", lambda: [line for line in scene.truth.logs(started) if "held" in line], bool,
                      "a log line of the function that says `held`")
    verify(scene.truth.queued, lambda count: count == 1, "1 message, still in the queue or in flight", 0)
    scene.screen.verified(f"the function tried twice and said `held` ({len(held)} log lines); the message is still there")
    scene.untouched(before)
    scene.screen.tell("The platform recovers and finishes the rotation.")
    since = time.monotonic()
    keys = scene.platform.finish(USER)
    secret, delay = scene.arrival(Key.of_platform(keys["current"]), since)
    scene.drained()
    return Result("rotation stuck, then finished", "last good key kept, then the new one",
                  f"{before.version} kept, then {secret.version}, state, queues", f"{delay:.2f} s")


def vault_down(scene: Scene) -> Result:
    scene.screen.tell("Vault is stopped between the two puts of a rotation.")
    scene.platform.stick(USER)
    with scene.screen.waiting("stopping Vault"):
        scene.stack.vault.stop()
    attempts = scene.truth.finished_invocations()
    keys = scene.platform.finish(USER)
    scene.attempts(attempts, 2, 60)
    waiting = verify(scene.truth.queued, lambda count: count > 0, "messages still in the queue or in flight", 0)
    scene.screen.verified(f"the function tried and failed; {waiting} message(s) wait in the queue")
    with scene.screen.waiting("starting Vault"):
        scene.stack.vault.start()
    scene.screen.tell("Vault is back. Nobody touches anything: the message has to come back by itself "
                      f"(after at most {VISIBILITY_SECONDS} s here; the deployed default is longer).")
    secret, delay = scene.arrival(Key.of_platform(keys["current"]), time.monotonic(), _DRAIN_SECONDS)
    scene.drained()
    return Result("Vault down during a rotation", "arrives without help", f"version {secret.version}, state, queues", f"{delay:.2f} s")


def user_deleted(scene: Scene) -> Result:
    scene.screen.tell("The platform deletes the user: row, then parameter. The policy is `retain`: Vault keeps the key, the state "
                      "says since when.")
    before = scene.truth.secret(USER)
    since = time.monotonic()
    scene.platform.delete(USER)
    state = scene.wait("waiting for the state", lambda: scene.truth.state(USER), lambda found: found is not None and bool(found.retired_at),
                       "state in S3 with retiredAt")
    delay = time.monotonic() - since
    scene.screen.verified(f"the state says retiredAt {state.retired_at}, {delay:.2f} s later")
    scene.drained()
    scene.untouched(before)
    return Result("user deleted", "retained, marked as retired", f"still version {before.version}, retiredAt, queues", f"{delay:.2f} s")


STEPS = (
    ("A user is created", user_created),
    ("The key is rotated", key_rotated),
    ("Events come twice and late", events_replayed),
    ("A rotation hangs", rotation_stuck),
    ("Vault is down", vault_down),
    ("The user is deleted", user_deleted),
)
