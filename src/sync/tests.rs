//! The pipeline on backends in memory: round trips, races and faults.

mod hostile;
mod targets;

use super::*;
use crate::context::Context;
use crate::keys::AccessKey;
use crate::plan::Outcome;
use crate::snapshot::{Revision, SecretRecord};
use crate::testing::memory::{Inner, Memory, denied, unavailable, unreachable, value};

const DAY_1: &str = "2026-01-01T00:00:00Z";
const DAY_3: &str = "2026-01-03T00:00:00Z";
const DAY_5: &str = "2026-01-05T00:00:00Z";

async fn sync_until(
    ctx: &Context<Memory>,
    requests: Vec<Request>,
    deadline: Instant,
) -> Vec<SyncResult> {
    let invocation = Invocation::new(ctx, deadline, 1);
    sync_all(&invocation, requests).await.concat()
}

async fn sync(ctx: &Context<Memory>, requests: Vec<Request>) -> Vec<SyncResult> {
    sync_until(ctx, requests, Instant::now() + Duration::from_hours(1)).await
}

async fn sync_one(ctx: &Context<Memory>, request: Request) -> SyncResult {
    sync(ctx, vec![request]).await.remove(0)
}

async fn sync_alice(ctx: &Context<Memory>) -> Outcome {
    sync_one(ctx, request("alice")).await.outcome()
}

fn request(user: &str) -> Request {
    Request::new(UserName::parse(user).unwrap(), ReadStrategy::Optimistic)
}

fn event(user: &str, time: &str) -> Request {
    let event = Event {
        time: Some(time.parse().unwrap()),
        deleted: false,
    };
    Request {
        event: Some(event),
        retry_stale_read: true,
        ..request(user)
    }
}

/// Writes a first key of the user, so that token and legacy state are known, as in a warm process.
async fn warm_up(memory: &Memory, ctx: &Context<Memory>, user: &str) {
    memory.put(user, &value("AKIA000000000OLD"), DAY_1);
    assert_eq!(
        sync_one(ctx, request(user)).await.outcome(),
        Outcome::Written
    );
}

/// Returns a warm context in which alice's key `OLD` was written.
async fn warm() -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm_up(&memory, &ctx, "alice").await;
    (memory, ctx)
}

/// Returns a warm context in which alice's key `NEW` is to be written over `OLD`.
async fn rotated() -> (Memory, Context<Memory>) {
    let (memory, ctx) = warm().await;
    memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    (memory, ctx)
}

/// Returns a context in basic mode with this key of alice.
fn basic(key: &str) -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token")]);
    memory.put("alice", &value(key), DAY_1);
    (memory, ctx)
}

/// Returns the number of sequential round trips, by the virtual clock.
async fn round_trips<T>(work: impl Future<Output = T>) -> (T, u64) {
    let started = Instant::now();
    let done = work.await;
    (done, started.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_rotation_takes_three_sequential_round_trips() {
    let (memory, ctx) = rotated().await;
    let (result, trips) = round_trips(sync_one(&ctx, event("alice", DAY_3))).await;
    assert_eq!(
        (result.outcome(), result.vault_version()),
        (Outcome::Written, Some(2))
    );
    let calls = &memory.inner().calls;
    assert_eq!(
        trips, 3,
        "parameter and state, then Vault, then the state: {calls:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn ten_users_take_as_long_as_one() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    let users = (0..10).map(|n| format!("user{n}")).collect::<Vec<_>>();
    for user in &users {
        warm_up(&memory, &ctx, user).await;
        memory.put(user, &value("AKIA000000000NEW"), DAY_3);
    }
    let requests = users.iter().map(|user| request(user)).collect();
    let (results, trips) = round_trips(sync(&ctx, requests)).await;
    assert!(
        results
            .iter()
            .all(|result| result.outcome() == Outcome::Written)
    );
    assert_eq!(trips, 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_recorded_is_written_once() {
    let (memory, ctx) = rotated().await;
    memory.fail("s3-save", 3, unavailable);
    for _ in 0..3 {
        assert_eq!(sync_alice(&ctx).await, Outcome::Failed);
    }
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000OLD", "AKIA000000000NEW"]
    );
    assert_eq!(
        sync_alice(&ctx).await,
        Outcome::Unchanged,
        "it is recorded now"
    );
    assert_eq!(memory.state("alice").unwrap().vault_version, Some(2));
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000OLD", "AKIA000000000NEW"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_unrecorded_key_gives_way_to_drift_and_to_a_newer_key() {
    let (memory, ctx) = rotated().await;
    memory.fail("s3-save", 1, unavailable);
    assert_eq!(sync_alice(&ctx).await, Outcome::Failed);
    memory.inner().write_by_hand("alice");
    let vault_first =
        |user: &str| Request::new(UserName::parse(user).unwrap(), ReadStrategy::VAULT_FIRST);
    let repaired = sync_one(&ctx, vault_first("alice")).await;
    assert_eq!(
        (repaired.outcome(), repaired.vault_version()),
        (Outcome::Written, Some(4))
    );
    assert_eq!(memory.state("alice").unwrap().vault_version, Some(4));
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_vault_and_state_is_repaired_by_one_write() {
    let (memory, ctx) = rotated().await;
    memory.fail("s3-save", 1, unavailable);
    assert_eq!(
        sync_alice(&ctx).await,
        Outcome::Failed,
        "Vault has the key, the state has not"
    );
    let ctx = memory.ctx(&[]);
    let result = sync_one(&ctx, request("alice")).await;
    assert_eq!(
        (result.outcome(), result.vault_version()),
        (Outcome::Written, Some(3))
    );
    assert_eq!(memory.state("alice").unwrap().vault_version, Some(3));
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000OLD", "AKIA000000000NEW", "AKIA000000000NEW"]
    );
}

/// Writes `NEW` to Vault and records it, as a faster sync does.
fn faster_sync(inner: &mut Inner) {
    let created_at = inner.created_at("secret/aws/iam-keys/alice", 2);
    let key = AccessKey::new(
        "AKIA000000000NEW".into(),
        "secret-of-AKIA000000000NEW".into(),
    )
    .unwrap();
    inner.versions("alice").push(Some((
        "AKIA000000000NEW".into(),
        "secret-of-AKIA000000000NEW".into(),
    )));
    let revision = inner.parameters["/iam_users/alice_keys"].1;
    let (state, etag) = inner.record_of("alice");
    *state = SecretRecord {
        last_secret_hash: key.fingerprint(),
        parameter_version: Some(revision.version),
        parameter_last_modified: Some(revision.modified),
        vault_version: Some(2),
        vault_created_at: Some(created_at),
        ..state.clone()
    };
    *etag += 1000;
}

#[tokio::test(start_paused = true)]
async fn of_two_syncs_of_one_key_only_one_writes() {
    let (memory, ctx) = rotated().await;
    memory.before_call("vault-write", faster_sync);
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000OLD", "AKIA000000000NEW"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_sync_never_replaces_a_newer_key() {
    let (memory, ctx) = warm().await;
    memory.put("alice", &value("AKIA0000000STALE"), DAY_3);
    memory.before_call("vault-write", |inner| {
        let (held, revision) = inner.parameters.get_mut("/iam_users/alice_keys").unwrap();
        *held = value("AKIA000000000NEW");
        *revision = Revision {
            modified: DAY_5.parse().unwrap(),
            version: revision.version + 2,
        };
        faster_sync(inner);
    });
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000OLD", "AKIA000000000NEW"]
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_conflicting_states_the_newer_is_kept() {
    for (theirs, expected, kept) in [
        (DAY_1, Outcome::Written, DAY_3),
        (DAY_5, Outcome::Superseded, DAY_5),
    ] {
        let (memory, ctx) = rotated().await;
        memory.before_call("s3-save", |inner| {
            let (state, etag) = inner.record_of("alice");
            state.parameter_last_modified = Some(theirs.parse().unwrap());
            *etag += 1000;
        });
        let result = sync_one(&ctx, request("alice")).await;
        assert_eq!((result.outcome(), result.state_conflicts), (expected, 1));
        let recorded = memory.state("alice").unwrap().parameter_last_modified;
        assert_eq!(recorded, Some(kept.parse().unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sync_gives_up_after_five_lost_races() {
    let (memory, ctx) = rotated().await;
    for _ in 0..5 {
        memory.before_call("vault-write", |inner| inner.versions("alice").push(None));
    }
    let result = sync_one(&ctx, request("alice")).await;
    assert_eq!(result.outcome(), Outcome::Failed);
    assert!(
        result.reason().contains("5 attempts in a row"),
        "{}",
        result.reason()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_is_repeated_until_the_new_key_appears() {
    let (memory, ctx) = warm().await;
    let appears = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    };
    let (result, ()) = tokio::join!(sync_one(&ctx, event("alice", DAY_3)), appears);
    assert_eq!(
        (result.outcome(), result.plan.stale_read),
        (Outcome::Written, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_stays_stale_is_marked_as_stale() {
    let (_, ctx) = warm().await;
    let result = sync_one(&ctx, event("alice", DAY_3)).await;
    assert_eq!(
        (result.outcome(), result.plan.stale_read),
        (Outcome::Unchanged, true)
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_vault_is_not_called_for_more_users() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("SYNC_CONCURRENCY", "1")]);
    let users = ["a", "b", "c"];
    for user in users {
        memory.put(user, &value("AKIA000000000KEY"), DAY_1);
    }
    memory.fail("vault-write", 2, unreachable);
    let results = sync(&ctx, users.map(request).into()).await;
    assert!(
        results
            .iter()
            .all(|result| result.outcome() == Outcome::Failed)
    );
    assert_eq!(
        memory.calls("vault-write"),
        2,
        "the first user's attempt and its repetition"
    );
}

#[tokio::test(start_paused = true)]
async fn one_users_failure_never_stops_the_others() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("bad", "no JSON", DAY_1);
    memory.put("good", &value("AKIA000000000KEY"), DAY_1);
    let results = sync(&ctx, vec![request("bad"), request("good")]).await;
    let outcomes = results.iter().map(SyncResult::outcome).collect::<Vec<_>>();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Written]);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_is_not_done_by_the_deadline_fails() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000KEY"), DAY_1);
    let soon = Instant::now() + Duration::from_millis(1500);
    let result = sync_until(&ctx, vec![request("alice")], soon)
        .await
        .remove(0);
    assert_eq!(result.outcome(), Outcome::Failed);
    assert!(
        result.reason().contains("no time left"),
        "{}",
        result.reason()
    );
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_loaded_again_once() {
    let (memory, ctx) = rotated().await;
    memory.inner().tokens = ("second".into(), "second".into());
    assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    memory.inner().tokens = ("third".into(), "second".into());
    memory.put("alice", &value("AKIA0000000NEWER"), DAY_5);
    let result = sync_one(&ctx, request("alice")).await;
    assert_eq!(
        result.outcome(),
        Outcome::Failed,
        "the stored token is the rejected one"
    );
    assert!(result.reason().contains("denied"), "{}", result.reason());
}

#[tokio::test(start_paused = true)]
async fn hidden_metadata_leads_to_an_unchecked_write() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    memory.inner().write_by_hand("alice");
    memory.fail("vault-metadata", 1, denied);
    assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    assert_eq!(memory.history("alice"), ["BY-HAND", "AKIA000000000NEW"]);
}

#[tokio::test(start_paused = true)]
async fn basic_mode_compares_with_the_key_in_vault() {
    let (memory, ctx) = basic("AKIA000000000ONE");
    assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
    memory.put("alice", &value("AKIA000000000TWO"), DAY_3);
    assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000ONE", "AKIA000000000TWO"]
    );
    let calls = &memory.inner().calls;
    assert!(
        calls.iter().all(|call| !call.starts_with("s3")),
        "basic mode has no state"
    );
}

#[tokio::test(start_paused = true)]
async fn basic_mode_writes_every_time_if_it_cannot_read() {
    let (memory, ctx) = basic("AKIA000000000ONE");
    for _ in 0..2 {
        memory.inner().faults.clear();
        memory.fail("vault-read", 2, denied);
        assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    }
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000ONE", "AKIA000000000ONE"]
    );
}

#[tokio::test(start_paused = true)]
async fn basic_mode_never_takes_an_error_for_absence() {
    let (memory, ctx) = basic("AKIA000000000ONE");
    // The read is repeated only after a quick failure, which a second of virtual time is for the
    // real clock.
    memory.fail("vault-read", 2, unavailable);
    assert_eq!(sync_alice(&ctx).await, Outcome::Failed);
    assert!(memory.history("alice").is_empty());
}

#[tokio::test(start_paused = true)]
async fn five_syncs_of_one_rotation_at_once_write_one_version() {
    let (memory, ctx) = rotated().await;
    // The state is written a second after the key.
    memory.inner().latencies = vec![0];
    memory.inner().slow = Some(("s3-save", 1));
    let contexts = [
        ctx,
        memory.ctx(&[]),
        memory.ctx(&[]),
        memory.ctx(&[]),
        memory.ctx(&[]),
    ];
    let syncs = contexts.iter().map(sync_alice);
    let outcomes = futures_util::future::join_all(syncs).await;
    let written = outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Written);
    assert_eq!(written.count(), 1, "{outcomes:?}");
    assert_eq!(memory.history("alice").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_denial_of_metadata_leaves_later_writes_guarded() {
    let (memory, ctx) = warm().await;
    memory.fail("vault-metadata", 2, denied);
    let request = Request::new(UserName::parse("alice").unwrap(), ReadStrategy::VAULT_FIRST);
    sync_one(&ctx, request).await;
    // Another process writes right before the repeated write, too.
    memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    memory.before_call("vault-write", |inner| inner.write_by_hand("alice"));
    memory.inner().calls.clear();
    assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    assert!(
        memory.calls("vault-metadata") > 0,
        "the version is read again"
    );
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000OLD", "BY-HAND", "AKIA000000000NEW"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_at_the_former_path_of_a_retired_user_is_deleted() {
    let memory = Memory::default();
    let variables = [
        ("ON_USER_DELETED", "soft-delete"),
        ("VAULT_PATH_PREFIX", "aws/former"),
    ];
    warm_up(&memory, &memory.ctx(&variables), "alice").await;
    memory.delete("alice");
    let ctx = memory.ctx(&variables[..1]);
    assert_eq!(sync_alice(&ctx).await, Outcome::Retired);
    let versions = memory.inner().vault["secret/aws/former/alice"].clone();
    assert_eq!(versions, [None], "deleted");
    assert!(memory.is_retired("alice"));
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn a_key_on_another_server_is_written_and_under_another_name_is_not() {
    let (memory, old) = warm().await;
    let ctx = memory.ctx(&[("VAULT_ADDR", "https://new.example.org")]);
    // Another name of the same server changes nothing in Vault.
    for ctx in [&ctx, &old, &ctx] {
        assert_eq!(sync_alice(ctx).await, Outcome::Unchanged);
    }
    assert_eq!(memory.history("alice").len(), 1);
    // The new server is at the recorded version by chance.
    memory.inner().server = 1;
    let ctx = memory.ctx(&[("VAULT_ADDR", "https://third.example.org")]);
    assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
    // Another namespace is another place.
    let ctx = memory.ctx(&[("VAULT_NAMESPACE", "team")]);
    assert_eq!(sync_alice(&ctx).await, Outcome::Written);
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_fails_where_vault_would_refuse_the_write() {
    type Fault = fn(&mut Inner);
    let cases: [(&str, Fault, Outcome); 4] = [
        ("a valid token", |_| {}, Outcome::PlannedWritten),
        (
            "a dead token",
            |inner| inner.tokens.0 = "another".to_owned(),
            Outcome::Failed,
        ),
        (
            "a token without the policy",
            |inner| {
                let path = "secret/data/aws/iam-keys/keysync-doctor";
                inner.capabilities = vec![(path, &["read"])];
            },
            Outcome::Failed,
        ),
        (
            "unknown capabilities",
            |inner| inner.faults = vec![("vault-capabilities", denied)],
            Outcome::PlannedWritten,
        ),
    ];
    for (case, fault, expected) in cases {
        let memory = Memory::default();
        let ctx = memory.ctx(&[]);
        for user in ["alice", "bob"] {
            memory.put(user, &value("AKIA000000000NEW"), DAY_1);
        }
        fault(&mut memory.inner());
        let invocation = Invocation::new(&ctx, Instant::now() + Duration::from_hours(1), 1);
        for user in ["alice", "bob"] {
            let result = &dry_run(&invocation, request(user)).await[0];
            assert_eq!(result.outcome(), expected, "{case}: {}", result.reason());
        }
        assert!(
            memory.calls("vault-capabilities") <= 1,
            "{case}: asked once"
        );
        assert_eq!(memory.calls("vault-write"), 0, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_put_again_keeps_its_recorded_time_of_creation() {
    let (memory, ctx) = warm().await;
    let written = memory.state("alice").unwrap();
    memory.put("alice", &value("AKIA000000000OLD"), DAY_3);
    assert_eq!(sync_alice(&ctx).await, Outcome::Unchanged);
    let adopted = memory.state("alice").unwrap();
    assert!(adopted.revision() > written.revision());
    assert!(adopted.vault_created_at.is_some());
    assert_eq!(adopted.vault_created_at, written.vault_created_at);
}

#[tokio::test(start_paused = true)]
async fn the_pause_after_a_lost_race_grows_with_each_attempt() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    let invocation = Invocation::new(&ctx, Instant::now() + Duration::from_hours(1), 1);
    for (attempt, least, most) in [(1, 50, 100), (4, 200, 400)] {
        for _ in 0..20 {
            let started = Instant::now();
            back_off(&invocation, attempt).await;
            let pause = started.elapsed().as_millis();
            assert!((least..=most + 1).contains(&pause), "{attempt}: {pause}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_write_pauses_after_a_lost_race_for_the_state() {
    for (key, is_write) in [("AKIA000000000OLD", false), ("AKIA000000000NEW", true)] {
        let (memory, ctx) = warm().await;
        memory.put("alice", &value(key), DAY_3);
        memory.before_call("s3-save", |inner| *inner.record_of("alice").1 += 1000);
        let started = Instant::now();
        let result = sync_one(&ctx, request("alice")).await;
        assert_eq!(result.state_conflicts, 1);
        // Each call takes a second, and a pause less than that.
        let pause = started.elapsed().subsec_millis();
        assert_eq!(pause > 0, is_write, "{pause}");
    }
}
