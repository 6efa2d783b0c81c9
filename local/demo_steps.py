"""The seven scenes of the demo. Each plays something on the platform or breaks something, then verifies the truth, not the logs
of the service (with two exceptions: that a rotation is `held`, and that a sweep is `skipped`, only the service can tell).

Must not help the service: after each scene's cause, everything has to happen by itself.
"""
import json
import time

from local.deploy import VISIBILITY_SECONDS
from local.demo_scene import DRAIN_SECONDS, USER, Result, Scene
from local.openbao import MOUNT
from local.platform import Platform, parameter_name
from local.stack import PATH_PREFIX
from local.truth import Key, verify

GAP_SECONDS = 1.5

# What goes wrong with whom behind the service's back.
TAMPERED, MISSED, DELETED = "ses-mailer", "bedrock-app", "registry-pull"


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
    secret, delay = scene.arrival(Key.of_platform(keys["current"]), time.monotonic(), DRAIN_SECONDS)
    scene.drained()
    return Result("Vault down during a rotation", "arrives without help", f"version {secret.version}, state, queues", f"{delay:.2f} s")


def sweep_repairs(scene: Scene) -> Result:
    scene.screen.tell("Three more users. Then three things of which no event tells: somebody overwrites a key in Vault by hand, "
                      "AWS loses the events of a rotation, and somebody deletes a secret in Vault. The nightly sweep has to find all of them.")
    due = go_astray(scene)
    since = time.monotonic()
    report = scene.sweep()
    delay = time.monotonic() - since
    verify(lambda: {user["user"]: user["outcome"] for user in report["users"]}, lambda found: found == dict.fromkeys(due, "written"),
           "a report that lists the three as written", 0)
    verify(lambda: report["counts"], lambda counts: (counts["written"], counts["unchanged"], counts["failed"]) == (3, 1, 0),
           "3 written, 1 unchanged, none failed", 0)
    for user in report["users"]:
        scene.screen.verified(f"{user['user']}: {user['outcome']}, {user['reason']}")
    versions = {user: scene.in_step(user, key).version for user, key in due.items()}
    # A secret that was deleted for good begins again at 1.
    verify(lambda: versions, lambda found: found == {TAMPERED: 3, MISSED: 2, DELETED: 1}, "one new version each", 0)
    scene.screen.verified(f"after one sweep of {delay:.2f} s Vault and the state have the platform's key for all of them")

    before = {user: scene.truth.secret(user) for user in (USER, *due)}
    skipped = verify(lambda: scene.sweep().get("skipped"), bool, "a second sweep that is `skipped`", 0)
    scene.screen.verified(f"a second sweep at once is skipped: {skipped}")
    verify(lambda: {user: scene.truth.secret(user) for user in before}, lambda found: found == before, f"Vault unchanged: {before}", 0)
    scene.screen.verified("Vault is untouched: no new version for anybody")
    scene.drained()
    return Result("sweep after silent faults", "three repaired, then skipped", "keys, versions, state, queues", f"{delay:.2f} s")


def go_astray(scene: Scene) -> dict:
    """Makes three users, then Vault wrong for each of them, in silence; the keys that it should have."""
    users = (TAMPERED, MISSED, DELETED)
    old = {user: Key.of_platform(scene.platform.create(user)["current"]) for user in users}
    for user, key in old.items():
        scene.in_step(user, key)
    scene.screen.verified(f"Vault and the state have the keys of {', '.join(users)}")
    scene.drained()
    invocations = scene.truth.finished_invocations()

    overwrite(scene, TAMPERED)
    Platform(scene.clients, events_lost=True).rotate(MISSED, gap=0)
    scene.stack.vault.request("DELETE", f"{MOUNT}/metadata/{PATH_PREFIX}/{DELETED}")

    due = {user: Key.of_platform(scene.platform.keys(user)["current"]) for user in users}
    verify(lambda: scene.truth.secret(TAMPERED), lambda found: found.key != due[TAMPERED] and found.version == 2, "another key in Vault", 0)
    verify(lambda: scene.truth.secret(MISSED), lambda found: found.key == old[MISSED] != due[MISSED], "the replaced key in Vault", 0)
    verify(lambda: scene.truth.secret(DELETED), lambda found: found is None, "nothing in Vault", 0)
    verify(scene.truth.finished_invocations, lambda found: found == invocations, "nothing told the function", 0)
    scene.screen.verified("now Vault is wrong for all three, and nothing told the function")
    return due


def overwrite(scene: Scene, user: str) -> None:
    """What somebody with too many rights might do in Vault's own pages."""
    data = {"accessKeyId": "AKIA" + "A" * 16, "secretAccessKey": "typed by hand", "userName": user,
            "syncedAt": "2020-01-01T00:00:00.000Z"}
    scene.stack.vault.request("POST", f"{MOUNT}/data/{PATH_PREFIX}/{user}", {"data": data})


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
    ("The night repairs what no event told", sweep_repairs),
    ("The user is deleted", user_deleted),
)
