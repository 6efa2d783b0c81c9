"""The nine checks of the demo.

Each check makes a change or a failure and waits until the service has handled it without help. It
verifies Vault, the state in S3 and the queues. Only two facts come from the service itself: a
rotation is `held`, and a reconcile run is `skipped`.
"""
import json
import time

from local import demo_targets as targets
from local.consumers import follow_rotations
from local.deploy import VISIBILITY_SECONDS
from local.deployed import Deployed, Secret, State, Target, TargetState, fingerprints_of, key_of
from local.openbao import MOUNT, PATH_PREFIX
from local.platform import Platform, parameter_name

USER = "s3-backup"
DRIFTED = TAMPERED, MISSED, DELETED = "ses-mailer", "bedrock-app", "registry-pull"
# A returned message is invisible for this long, is handled again, and can be returned once more.
DRAIN_SECONDS = 3 * VISIBILITY_SECONDS + 10

CHECKS = []


class Unverified(Exception):
    """An expected fact did not become true in time."""


def check(*columns: str):
    """Registers a check with its step, expected result and verified facts in the final table. The
    check returns its delay in seconds, or None."""
    def register(run):
        CHECKS.append((run, columns))
        return run
    return register


def expect(fact: str, read, wanted, seconds: float = 0):
    """Reads until the value is equal to `wanted` or accepted by it, and returns the value."""
    started, announced = time.monotonic(), False
    while not (wanted(value := read()) if callable(wanted) else (value := read()) == wanted):
        waited = time.monotonic() - started
        if waited >= seconds:
            raise Unverified(f"expected: {fact}\n  found:    {value!r} (after {seconds:.0f} s)")
        if waited >= 1 and not announced:
            print(f"  ... waiting for {fact}")
            announced = True
        time.sleep(0.02)
    return value


class Demo:
    def __init__(self, stack, outputs: dict):
        self.stack, self.vault, self.clients = stack, stack.vault, stack.clients()
        self.platform, self.deployed = Platform(self.clients), Deployed(stack, outputs)
        self.expected, self.expected_targets = {}, {}

    def expect_key(self, user: str, version: int, change=None, seconds: float = 20) -> float:
        """Makes the change of the user, and expects the current key of the parameter in Vault and
        in the state. Returns the delay until Vault served it."""
        started = time.monotonic()
        if change:
            change(user)
        current = self.platform.keys(user)["current"]
        key = key_of(current["AccessKeyID"], current["SecretAccessKey"])
        self.expected[user] = Secret(key, version, user)
        expect(f"key …{key.last_four} of {user} in Vault as version {version}",
               lambda: self.deployed.secret(user), self.expected[user], seconds)
        delay = time.monotonic() - started
        expect(f"key …{key.last_four} and version {version} in the state of {user}",
               lambda: self.deployed.state(user), State(key, version), 20)
        print(f"  ok {user}: Vault and the state have key …{key.last_four} as version {version} "
              f"({delay:.2f} s)")
        return delay

    def expect_targets(self, versions: tuple, change) -> float:
        """Makes the change of the user with targets, and expects the current key of the parameter
        in each target, its mark and the state. Returns the delay until Vault served them all."""
        started = time.monotonic()
        change(targets.USER)
        parameter = self.platform.parameter(targets.USER)
        current, revision = json.loads(parameter["Value"])["current"], parameter["Version"]
        key = key_of(current["AccessKeyID"], current["SecretAccessKey"])
        fields = targets.expected_fields(current)
        self.expected_targets = {
            path: Target(fingerprints_of(fields[path]), version, {
                "managed-by": "nr-iam-key-sync", "aws_parameter_version": str(revision),
                "vault_version": str(version), "iam_user": targets.USER})
            for path, version in zip(fields, versions)}
        expect(f"the fields of key …{key.last_four} and the marks of all targets", self._targets,
               self.expected_targets, 20)
        delay = time.monotonic() - started
        states = {path: TargetState(key, version, revision)
                  for path, version in zip(fields, versions)}
        expect(f"key …{key.last_four} in the state, for each target",
               lambda: self.deployed.target_states(targets.USER), states, 20)
        for path, version in zip(fields, versions):
            print(f"  ok {path}: key …{key.last_four}, version {version}, mark {revision}")
            print(f"     {', '.join(fields[path])}")
        print(f"  ok the state has {len(states)} records of key …{key.last_four} from parameter "
              f"version {revision} ({delay:.2f} s)")
        return delay

    def _targets(self) -> dict:
        return {path: self.deployed.target(path) for path in self.expected_targets}

    def expect_secrets(self, fact: str) -> None:
        """Expects exactly the expected secrets in Vault."""
        expect(fact, lambda: {user: self.deployed.secret(user) for user in self.expected},
               self.expected)
        expect(fact, self._targets, self.expected_targets)
        print(f"  ok {fact}")

    def expect_settled(self) -> None:
        expect("an empty queue", self.deployed.queued, 0, DRAIN_SECONDS)
        expect("an empty dead-letter queue", self.deployed.dead_letters, 0)
        print("  ok the queue and the dead-letter queue are empty")
        self.expect_secrets("Vault has no other change")

    def expect_invocations(self, count: int, seconds: float = 30) -> None:
        expect(f"{count} finished invocations", self.deployed.invocations,
               lambda found: found >= count, seconds)


@check("user created", "key in Vault", "version 1, state, queues")
def user_created(demo: Demo) -> float:
    """The platform creates a row in its table and then the SSM parameter. This causes one event,
    one message and one sync."""
    return demo.expect_key(USER, 1, demo.platform.create)


@check("key rotated (two puts)", "new key in Vault", "version 2, state, queues")
def key_rotated(demo: Demo) -> float:
    """A first put removes `current`, and a second put adds the new key. Both send an event. The
    first event finds no key and has to wait; the second must not wait for the first."""
    demo.platform.begin(USER)
    time.sleep(1.5)
    return demo.expect_key(USER, 2, demo.platform.finish)


@check("duplicate and old event", "nothing written", "still version 2, queues")
def events_replayed(demo: Demo) -> None:
    """EventBridge delivers an event twice, and the event of the creation with the time of an hour
    before. The parameter is unchanged, so that the service must not write."""
    invocations, parameter = demo.deployed.invocations(), demo.platform.parameter(USER)
    last_put = int(parameter["LastModifiedDate"].timestamp())
    for operation, at in (("Update", last_put), ("Create", last_put - 3600)):
        detail = {"operation": operation, "name": parameter_name(USER), "type": "SecureString"}
        demo.clients.events.put_events(Entries=[{
            "Source": "aws.ssm", "DetailType": "Parameter Store Change", "Time": at,
            "Detail": json.dumps(detail), "Resources": [parameter["ARN"]]}])
    demo.expect_invocations(invocations + 1)


@check("rotation stuck, then finished", "last good key kept, then the new one",
       "2 kept, then 3, state, queues")
def rotation_stuck(demo: Demo) -> float:
    """The platform makes the first put of a rotation and then fails to create a key. Later it
    recovers and makes the second put."""
    invocations, started = demo.deployed.invocations(), time.time()
    demo.platform.begin(USER)
    demo.expect_invocations(invocations + 2)
    expect("a log line with `held`", lambda: "held" in "".join(demo.deployed.log_lines(started)),
           True, 20)
    expect("1 message in the queue", demo.deployed.queued, 1)
    print("  ok the function tried twice and logged `held`; the message is still in the queue")
    demo.expect_secrets("Vault is unchanged")
    return demo.expect_key(USER, 3, demo.platform.finish)


@check("Vault down during a rotation", "arrives without help", "version 4, state, queues")
def vault_down(demo: Demo) -> float:
    """Vault stops between the two puts of a rotation. After its restart the message returns to the
    function by itself when its visibility timeout ends (here 12 s; the default is longer)."""
    demo.platform.begin(USER)
    demo.vault.stop()
    invocations = demo.deployed.invocations()
    demo.platform.finish(USER)
    demo.expect_invocations(invocations + 2, 60)
    waiting = expect("messages in the queue", demo.deployed.queued, bool)
    print(f"  ok the function tried and failed; {waiting} message(s) wait in the queue")
    demo.vault.start()
    return demo.expect_key(USER, 4, seconds=DRAIN_SECONDS)


@check("reconcile after silent faults", "three repaired, then skipped",
       "keys, versions, state, queues")
def reconcile_repairs(demo: Demo) -> float:
    """Vault becomes wrong for three more users without an event: an operator overwrites a key, AWS
    loses the events of a rotation, and an operator deletes a secret. The reconcile run of the
    nightly schedule repairs all three."""
    make_drift(demo)
    started = time.monotonic()
    report = demo.deployed.reconcile()
    delay = time.monotonic() - started
    outcomes = {user["user"]: user["outcome"] for user in report["users"]}
    expect("three written users", lambda: outcomes, dict.fromkeys(DRIFTED, "written"))
    expect("3 written, 1 unchanged, 0 failed", lambda: report["counts"], lambda counts: [
        counts[outcome] for outcome in ("written", "unchanged", "failed")] == [3, 1, 0])
    for user in report["users"]:
        print(f"  ok {user['user']}: {user['outcome']}, {user['reason']}")
    # A secret that was deleted with its metadata starts again at version 1.
    for user, version in zip(DRIFTED, (3, 2, 1)):
        demo.expect_key(user, version)
    skipped = expect("a second run that is `skipped`",
                     lambda: demo.deployed.reconcile().get("skipped"), bool)
    print(f"  ok a second reconcile run is skipped: {skipped}")
    return delay


def make_drift(demo: Demo) -> None:
    """Creates three users, and makes Vault wrong for each without an event."""
    for user in DRIFTED:
        demo.expect_key(user, 1, demo.platform.create)
    demo.expect_settled()
    invocations = demo.deployed.invocations()

    data = {"accessKeyId": "AKIA" + "A" * 16, "secretAccessKey": "typed by hand",
            "userName": TAMPERED, "syncedAt": "2020-01-01T00:00:00.000Z"}
    demo.vault.request("POST", f"{MOUNT}/data/{PATH_PREFIX}/{TAMPERED}", {"data": data})
    Platform(demo.clients, events_lost=True).rotate(MISSED, gap=0)
    demo.vault.request("DELETE", f"{MOUNT}/metadata/{PATH_PREFIX}/{DELETED}")

    by_hand = key_of(data["accessKeyId"], data["secretAccessKey"])
    demo.expected |= {TAMPERED: Secret(by_hand, 2, TAMPERED), DELETED: None}
    demo.expect_secrets("Vault has one overwritten, one outdated and one deleted secret")
    expect("no further invocation", demo.deployed.invocations, invocations)
    print("  ok the function received no event")


@check("user deleted", "retained, marked as retired", "still version 4, retiredAt, queues")
def user_deleted(demo: Demo) -> float:
    """The platform deletes the row and then the parameter. With the policy `retain`, Vault keeps
    the key, and the state records the time of retirement."""
    started = time.monotonic()
    demo.platform.delete(USER)
    state = expect("retiredAt in the state", lambda: demo.deployed.state(USER),
                   lambda found: found is not None and found.retired_at, 20)
    delay = time.monotonic() - started
    print(f"  ok the state has retiredAt {state.retired_at} ({delay:.2f} s)")
    return delay


@check("key rotated, three targets", "new key in each, neighbour kept",
       "fields, marks, state, queues")
def targets_rotated(demo: Demo) -> float:
    """An operator stores a targets document. It publishes the key of a new user as environment
    variables, beside a field of pgBackRest that people maintain, and as an SMTP password of Amazon
    SES. Then the key is rotated. All other users keep their path and fields."""
    demo.vault.create_mount(targets.MOUNT)
    demo.vault.extend_policy("sync", targets.RULES)
    demo.vault.write_secret(*targets.PGBACKREST.split("/", 1), targets.BY_HAND)
    demo.deployed.store_targets(targets.DOCUMENT.read_text())
    print("  ok local/targets.json is in the bucket, and the token's policy allows its paths")

    # At the default path the user has no secret.
    demo.expected[targets.USER] = None
    demo.expect_targets((1, 2, 1), demo.platform.create)
    demo.expect_settled()
    invocations = demo.deployed.invocations()
    demo.platform.begin(targets.USER)
    demo.expect_invocations(invocations + 1)
    demo.expect_secrets("the first put of the rotation changes nothing in Vault")
    delay = demo.expect_targets((2, 3, 2), demo.platform.finish)
    print(f"  ok {', '.join(targets.BY_HAND)} is as it was typed, and an independent derivation "
          "gives the same\n     SMTP password")
    # The document does not name this user.
    demo.expect_key(MISSED, 3, demo.platform.rotate)
    return delay


@check("three rotations, old keys deleted", "no refused call",
       "calls, keys, fields, state, queues")
def applications_follow(demo: Demo) -> float:
    """Two applications call AWS twice a second with the key of the user, and the emulator verifies
    each signature. One never restarts and reads Vault through credential_process; the other runs
    under an agent that restarts it. The platform rotates three times and deletes each replaced key
    after 10 seconds, which stand for the 48 hours. An application that never reads Vault again is
    the control."""
    print("  ... three rotations of 10 s each")
    result = follow_rotations(demo.stack, rotations=3, grace_seconds=10)
    expected = {"credential_process": (4, 1, []), "agent": (4, 4, []),
                "control": (1, 1, ["InvalidClientTokenId"])}
    for name, wanted in expected.items():
        met = result[name]
        expect(f"keys, processes and errors of {name}",
               lambda: (met["keys"], met["processes"], met["errors"]), wanted)
        print(f"  ok {name}: {result['rotations']} rotations, {met['calls']} calls, "
              f"{met['refused']} refused, {met['processes']} process(es), longest pause "
              f"{met['longestPauseSeconds']} s")
    demo.expect_targets((5, 6, 5), lambda user: None)
    return max(delay for delays in result["delays"] for delay in delays.values())
