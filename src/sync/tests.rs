//! The pipeline on backends in memory: how many round trips, and what races and faults lead to.

use futures_util::stream;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::context::Context;
use crate::snapshot::UserState;
use crate::testing::memory::{Inner, Memory, denied, unavailable, unreachable, value};

const FAR: Duration = Duration::from_hours(1);

async fn sync_until(
    ctx: &Context<Memory>,
    requests: Vec<Request>,
    deadline: Instant,
) -> Vec<SyncResult> {
    let invocation = Invocation::new(ctx, deadline, 1);
    sync_all(&invocation, stream::iter(requests))
        .collect()
        .await
}

async fn sync(ctx: &Context<Memory>, requests: Vec<Request>) -> Vec<SyncResult> {
    sync_until(ctx, requests, Instant::now() + FAR).await
}

fn request(user: &str) -> Request {
    Request::new(UserName::parse(user).unwrap(), ReadStrategy::Optimistic)
}

fn event(user: &str, time: &str) -> Request {
    let event = Some(Event {
        time: Some(time.parse().unwrap()),
        deleted: false,
    });
    Request {
        event,
        retry_stale_read: true,
        ..request(user)
    }
}

async fn one(ctx: &Context<Memory>, request: Request) -> SyncResult {
    sync(ctx, vec![request]).await.remove(0)
}

/// Writes a first key, so that the token and the legacy state are known, as in a warm process.
async fn warm(memory: &Memory, ctx: &Context<Memory>, user: &str) {
    memory.put(user, &value("OLD"), "2026-01-01T00:00:00Z");
    assert_eq!(one(ctx, request(user)).await.outcome(), Outcome::Written);
}

/// The round trips that were made one after the other, by the virtual clock.
async fn round_trips<T>(work: impl Future<Output = T>) -> (T, u64) {
    let started = Instant::now();
    let done = work.await;
    (done, started.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_rotation_takes_three_round_trips_one_after_the_other() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    let (report, trips) = round_trips(one(&ctx, event("alice", "2026-01-03T00:00:00Z"))).await;
    assert_eq!(
        (report.outcome(), report.vault_version()),
        (Outcome::Written, Some(2))
    );
    assert_eq!(
        trips,
        3,
        "parameter and state, then Vault, then the state: {:?}",
        memory.0.borrow().calls
    );
    assert_eq!(memory.history("alice"), ["OLD", "NEW"]);
}

#[tokio::test(start_paused = true)]
async fn ten_users_take_as_long_as_one() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    let users: Vec<_> = (0..10).map(|n| format!("user{n}")).collect();
    for user in &users {
        warm(&memory, &ctx, user).await;
        memory.put(user, &value("NEW"), "2026-01-03T00:00:00Z");
    }
    let (reports, trips) =
        round_trips(sync(&ctx, users.iter().map(|user| request(user)).collect())).await;
    assert!(
        reports
            .iter()
            .all(|report| report.outcome() == Outcome::Written)
    );
    assert_eq!(trips, 3);
}

#[tokio::test(start_paused = true)]
async fn the_second_run_does_nothing() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    let report = one(&ctx, request("alice")).await;
    assert_eq!(report.outcome(), Outcome::Unchanged);
    assert_eq!(memory.history("alice"), ["OLD"]);
}

#[tokio::test(start_paused = true)]
async fn a_death_between_vault_and_state_heals_with_one_equal_version() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    memory.0.borrow_mut().faults.push(("s3-save", unavailable));
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Failed,
        "Vault has the key, the state has not"
    );
    let report = one(&ctx, request("alice")).await;
    assert_eq!(
        (report.outcome(), report.vault_version()),
        (Outcome::Written, Some(3))
    );
    assert_eq!(memory.history("alice"), ["OLD", "NEW", "NEW"]);
    assert_eq!(memory.state("alice").unwrap().vault_version, Some(3));
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Unchanged
    );
}

/// A faster run writes `NEW` to Vault and records it.
fn faster_run(inner: &mut Inner) {
    inner
        .vault
        .get_mut("secret/aws/iam-keys/alice")
        .unwrap()
        .push(Some(("NEW".into(), "secret-of-NEW".into())));
    let revision = inner.parameters["/iam_users/alice_keys"].1;
    let (state, etag) = inner.states.get_mut("alice").unwrap();
    let key = crate::keys::AccessKey::new("NEW".into(), "secret-of-NEW".into()).unwrap();
    *state = UserState {
        last_secret_hash: key.fingerprint(),
        parameter_version: Some(revision.version),
        parameter_last_modified: Some(revision.modified),
        vault_version: Some(2),
        ..state.clone()
    };
    *etag += 1000;
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_with_the_same_key_only_one_writes() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    memory
        .0
        .borrow_mut()
        .meanwhile
        .push(("vault-write", Box::new(faster_run)));
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Unchanged
    );
    assert_eq!(memory.history("alice"), ["OLD", "NEW"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_run_never_puts_an_older_key_over_a_newer_one() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("STALE"), "2026-01-03T00:00:00Z");
    let other = memory.clone();
    let rotated_and_synced = move |inner: &mut Inner| {
        let revision = inner.parameters["/iam_users/alice_keys"].1;
        let newer = crate::snapshot::Revision {
            modified: "2026-01-05T00:00:00Z".parse().unwrap(),
            version: revision.version + 2,
        };
        inner
            .parameters
            .insert("/iam_users/alice_keys".into(), (value("NEW"), newer));
        faster_run(inner);
    };
    other
        .0
        .borrow_mut()
        .meanwhile
        .push(("vault-write", Box::new(rotated_and_synced)));
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Unchanged
    );
    assert_eq!(memory.history("alice"), ["OLD", "NEW"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_for_the_state_keeps_the_newer_record() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    let much_newer = |inner: &mut Inner| {
        let (state, etag) = inner.states.get_mut("alice").unwrap();
        state.parameter_last_modified = Some("2026-01-09T00:00:00Z".parse().unwrap());
        *etag += 1000;
    };
    memory
        .0
        .borrow_mut()
        .meanwhile
        .push(("s3-save", Box::new(much_newer)));
    let report = one(&ctx, request("alice")).await;
    assert_eq!(
        (report.outcome(), report.state_conflicts),
        (Outcome::Superseded, 1)
    );
    assert_eq!(
        memory.state("alice").unwrap().parameter_last_modified,
        Some("2026-01-09T00:00:00Z".parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_for_the_state_replaces_the_older_record() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    let touched = |inner: &mut Inner| inner.states.get_mut("alice").unwrap().1 += 1000;
    memory
        .0
        .borrow_mut()
        .meanwhile
        .push(("s3-save", Box::new(touched)));
    let report = one(&ctx, request("alice")).await;
    assert_eq!(
        (report.outcome(), report.state_conflicts),
        (Outcome::Written, 1)
    );
    assert_eq!(memory.state("alice").unwrap().vault_version, Some(2));
}

#[tokio::test(start_paused = true)]
async fn gives_up_after_five_lost_races_and_says_so() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    for _ in 0..5 {
        let overtaken = |inner: &mut Inner| {
            inner
                .vault
                .get_mut("secret/aws/iam-keys/alice")
                .unwrap()
                .push(None)
        };
        memory
            .0
            .borrow_mut()
            .meanwhile
            .push(("vault-write", Box::new(overtaken)));
    }
    let report = one(&ctx, request("alice")).await;
    assert_eq!(report.outcome(), Outcome::Failed);
    assert!(
        report.reason().contains("5 attempts in a row"),
        "{}",
        report.reason()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_is_read_again_until_it_is_as_new_as_the_event() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    let later = memory.clone();
    let appears = async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        later.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    };
    let (report, ()) = tokio::join!(one(&ctx, event("alice", "2026-01-03T00:00:00Z")), appears);
    assert_eq!(
        (report.outcome(), report.plan.stale_read),
        (Outcome::Written, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_stays_older_than_the_event_is_reported_as_stale() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    let report = one(&ctx, event("alice", "2026-01-03T00:00:00Z")).await;
    assert_eq!(
        (report.outcome(), report.plan.stale_read),
        (Outcome::Unchanged, true)
    );
    let report = one(&ctx, event("alice", "2026-01-01T00:00:00Z")).await;
    assert_eq!(
        (report.outcome(), report.plan.stale_read),
        (Outcome::Unchanged, false),
        "an event as old as the parameter"
    );
    let report = one(&ctx, event("newcomer", "2026-01-03T00:00:00Z")).await;
    assert_eq!(
        (report.outcome(), report.plan.stale_read),
        (Outcome::Missing, true),
        "a put that cannot be read yet"
    );
}

#[tokio::test(start_paused = true)]
async fn when_vault_gives_no_answer_the_others_are_not_tried() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("SYNC_CONCURRENCY", "1")]);
    for user in ["a", "b", "c"] {
        memory.put(user, &value("KEY"), "2026-01-01T00:00:00Z");
    }
    memory.0.borrow_mut().faults = vec![("vault-write", unreachable as fn() -> Error); 2];
    let reports = sync(&ctx, vec![request("a"), request("b"), request("c")]).await;
    assert!(
        reports
            .iter()
            .all(|report| report.outcome() == Outcome::Failed)
    );
    let writes = memory
        .0
        .borrow()
        .calls
        .iter()
        .filter(|call| call.starts_with("vault-write"))
        .count();
    assert_eq!(writes, 2, "the first user's try and its one repetition");
}

#[tokio::test(start_paused = true)]
async fn one_users_failure_never_stops_the_others() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("bad", "no JSON", "2026-01-01T00:00:00Z");
    memory.put("good", &value("KEY"), "2026-01-01T00:00:00Z");
    let reports = sync(&ctx, vec![request("bad"), request("good")]).await;
    assert_eq!(
        reports
            .iter()
            .map(|report| report.outcome())
            .collect::<Vec<_>>(),
        [Outcome::Failed, Outcome::Written]
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_not_done_by_the_deadline_fails_and_says_so() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("KEY"), "2026-01-01T00:00:00Z");
    let soon = Instant::now() + Duration::from_millis(1500);
    let report = sync_until(&ctx, vec![request("alice")], soon)
        .await
        .remove(0);
    assert_eq!(report.outcome(), Outcome::Failed);
    assert!(
        report.reason().contains("no time left"),
        "{}",
        report.reason()
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_loaded_again_once() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    warm(&memory, &ctx, "alice").await;
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    memory.0.borrow_mut().tokens = ("second".into(), "second".into());
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Written
    );
    memory.0.borrow_mut().tokens = ("third".into(), "second".into());
    memory.put("alice", &value("NEWER"), "2026-01-05T00:00:00Z");
    let report = one(&ctx, request("alice")).await;
    assert_eq!(
        report.outcome(),
        Outcome::Failed,
        "the stored token is the dead one"
    );
    assert!(report.reason().contains("denied"), "{}", report.reason());
}

#[tokio::test(start_paused = true)]
async fn without_metadata_a_key_of_unknown_version_is_written_all_the_same() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("NEW"), "2026-01-03T00:00:00Z");
    memory.0.borrow_mut().vault.insert(
        "secret/aws/iam-keys/alice".into(),
        vec![Some(("OLD".into(), "s".into()))],
    );
    memory
        .0
        .borrow_mut()
        .faults
        .push(("vault-metadata", denied));
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Written
    );
    assert_eq!(memory.history("alice"), ["OLD", "NEW"]);
}

#[tokio::test(start_paused = true)]
async fn basic_mode_compares_with_the_key_in_vault() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token")]);
    memory.put("alice", &value("ONE"), "2026-01-01T00:00:00Z");
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Written
    );
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Unchanged
    );
    memory.put("alice", &value("TWO"), "2026-01-03T00:00:00Z");
    assert_eq!(
        one(&ctx, request("alice")).await.outcome(),
        Outcome::Written
    );
    assert_eq!(memory.history("alice"), ["ONE", "TWO"]);
    assert!(
        memory
            .0
            .borrow()
            .calls
            .iter()
            .all(|call| !call.starts_with("s3")),
        "basic mode has no state"
    );
}

#[tokio::test(start_paused = true)]
async fn basic_mode_writes_each_time_where_it_may_not_read() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token")]);
    memory.put("alice", &value("ONE"), "2026-01-01T00:00:00Z");
    for _ in 0..2 {
        memory.0.borrow_mut().faults = vec![("vault-read", denied as fn() -> Error); 2];
        assert_eq!(
            one(&ctx, request("alice")).await.outcome(),
            Outcome::Written
        );
    }
    assert_eq!(memory.history("alice"), ["ONE", "ONE"]);
}

#[tokio::test(start_paused = true)]
async fn basic_mode_takes_no_other_answer_of_vault_for_absence() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token")]);
    memory.put("alice", &value("ONE"), "2026-01-01T00:00:00Z");
    // The read is tried again only when the first answer was quick, which a second of virtual time is for the real
    // clock.
    memory.0.borrow_mut().faults = vec![("vault-read", unavailable as fn() -> Error); 2];
    assert_eq!(one(&ctx, request("alice")).await.outcome(), Outcome::Failed);
    assert!(memory.history("alice").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_a_missing_key_goes_on_when_the_platform_rotates_again() {
    for (puts, hours) in [(2, 1.0), (4, 72.0)] {
        let memory = Memory::default();
        let ctx = memory.ctx(&[]);
        let ago = |hours| (Timestamp::now() - SignedDuration::from_hours(hours)).to_string();
        memory.put("alice", &value("OLD"), &ago(120));
        assert_eq!(
            one(&ctx, request("alice")).await.outcome(),
            Outcome::Written
        );
        for put in 1..=puts {
            memory.put("alice", &value(&format!("NEW{put}")), &ago(1));
        }
        memory.0.borrow_mut().faults.extend([
            ("vault-write", denied as fn() -> Error),
            ("vault-write", denied),
        ]);
        let unsynced = one(&ctx, request("alice"))
            .await
            .unsynced_for(Timestamp::now())
            .unwrap()
            .as_secs_f64()
            / 3600.0;
        assert!((unsynced - hours).abs() < 0.1, "{puts} puts: {unsynced} h");
    }
}
