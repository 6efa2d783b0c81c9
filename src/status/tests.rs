use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::testing::memory::{Memory, key_id, unavailable, unreachable, value};

fn hours_ago(hours: i64) -> String {
    (Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string()
}

fn deadlines() -> Deadlines {
    Deadlines::until(Instant::now() + Duration::from_hours(1))
}

async fn read_status(ctx: &Context<Memory>) -> Status {
    let never = CancellationToken::new();
    let status = status(ctx, None, deadlines(), &never, |_| {}).await;
    status.unwrap().0
}

fn row<'a>(status: &'a Status, user: &str) -> &'a Row {
    let row = status.users.iter().find(|row| row.user == user);
    row.unwrap_or_else(|| panic!("no {user} in {status:?}"))
}

async fn reconcile_all(ctx: &Context<Memory>) {
    let order = Reconcile {
        force: true,
        ..Reconcile::default()
    };
    let never = CancellationToken::new();
    let result = reconcile(ctx, &order, "request", deadlines(), &never, |_| {}).await;
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_condition_is_recognized() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    for user in ["behind", "drift", "gone", "held", "in-sync", "missing"] {
        memory.put(user, &value(&key_id("KEY", user)), &hours_ago(40));
        memory.inner().roster.push(user.to_owned());
    }
    reconcile_all(&ctx).await;
    memory.put("behind", &value("AKIA0000000NEWER"), &hours_ago(10));
    memory.inner().write_by_hand("drift");
    memory.remove_user("gone");
    memory.put("held", "{}", &hours_ago(1));
    memory.delete("missing");
    memory.put("new", &value("AKIA000000000NEW"), &hours_ago(0));
    memory.put("malformed", "no JSON", &hours_ago(0));
    memory.inner().calls.clear();
    let status = read_status(&ctx).await;
    let rows = status.users.iter();
    let conditions = rows
        .map(|row| (row.user.as_str(), row.condition))
        .collect::<Vec<_>>();
    let expected = [
        ("behind", Condition::Behind),
        ("drift", Condition::Drift),
        ("gone", Condition::Gone),
        ("held", Condition::Held),
        ("in-sync", Condition::InSync),
        ("malformed", Condition::Failed),
        ("missing", Condition::Missing),
        ("new", Condition::New),
    ];
    assert_eq!(conditions, expected);
    for write in [
        "s3-save",
        "s3-run-save",
        "vault-write",
        "vault-delete",
        "vault-renew",
    ] {
        assert_eq!(memory.calls(write), 0, "{write}");
    }
    reconcile_all(&ctx).await;
    assert_eq!(
        row(&read_status(&ctx).await, "gone").condition,
        Condition::Retired
    );
}

#[tokio::test(start_paused = true)]
async fn a_replaced_key_expires_48_hours_after_its_rotation() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    for (user, hours) in [
        ("recent", 10),
        ("old", 90),
        ("replaced", 10),
        ("expired", 60),
    ] {
        memory.put(user, &value(&key_id("KEY", user)), &hours_ago(hours));
    }
    reconcile_all(&ctx).await;
    memory.put("replaced", &value("AKIA0000000NEWER"), &hours_ago(7));
    memory.put("expired", &value("AKIA000000NEWEST"), &hours_ago(50));
    memory.put("without-key", "{}", &hours_ago(1));
    let status = read_status(&ctx).await;
    for (user, expected) in [
        // A current key has until its rotation, and 48 h more.
        ("recent", Some("86")),
        ("old", Some("48")),
        ("replaced", Some("41")),
        ("expired", Some("0")),
        ("without-key", None),
    ] {
        let left = row(&status, user)
            .hours_left
            .map(|hours| format!("{hours:.0}"));
        assert_eq!(left.as_deref(), expected, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_user_is_shown_until_a_sync_succeeds() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000KEY"), &hours_ago(1));
    memory.fail("vault-write", 2, unavailable);
    reconcile_all(&ctx).await;
    let failed = row(&read_status(&ctx).await, "alice").last_sync.clone();
    assert_eq!(
        (failed.outcome, failed.at.is_some()),
        (SyncOutcome::Failed, true)
    );
    reconcile_all(&ctx).await;
    let outcome = row(&read_status(&ctx).await, "alice").last_sync.outcome;
    assert_eq!(outcome, SyncOutcome::Written);
}

#[tokio::test(start_paused = true)]
async fn in_basic_mode_an_unreachable_vault_is_not_an_empty_one() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token")]);
    memory.put("alice", &value("AKIA000000000KEY"), &hours_ago(10));
    memory.fail("vault-read", 20, unreachable);
    let status = read_status(&ctx).await;
    assert!(status.is_basic);
    let row = row(&status, "alice");
    assert_eq!(row.condition, Condition::Failed);
    assert_eq!(row.last_sync.outcome, SyncOutcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_vault_hides_neither_parameter_nor_state() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("SYNC_CONCURRENCY", "1")]);
    let users = ["alice", "bob", "carol", "dave", "erin", "frank"];
    for user in users {
        memory.put(user, &value(&key_id("KEY", user)), &hours_ago(10));
    }
    reconcile_all(&ctx).await;
    // After the first users the circuit breaker is open, and Vault is not called for the others.
    memory.fail("vault-metadata", 20, unreachable);
    let status = read_status(&ctx).await;
    for user in users {
        let row = row(&status, user);
        let outcome = (row.condition, row.last_sync.outcome);
        assert_eq!(outcome, (Condition::Failed, SyncOutcome::Written), "{user}");
        let versions = (row.parameter_version, row.recorded_version);
        assert_eq!(versions, (Some(1), Some(1)), "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_ends_while_the_record_of_the_last_run_hangs() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000KEY"), &hours_ago(1));
    reconcile_all(&ctx).await;
    memory.inner().slow = Some(("s3-run", 10_000));
    let started = Instant::now();
    let cancel = CancellationToken::new();
    let deadlines = Deadlines::until(Instant::now() + Duration::from_mins(1));
    let stop = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        cancel.cancel();
    };
    let _ = tokio::join!(status(&ctx, None, deadlines, &cancel, |_| {}), stop);
    assert!(started.elapsed() <= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_status_waits_for_slow_services_at_the_same_time() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000KEY"), &hours_ago(1));
    reconcile_all(&ctx).await;
    // Metadata, roster, states and the record at once; then the page; then the user.
    memory.inner().latencies = vec![10];
    let ctx = memory.ctx(&[]);
    let started = Instant::now();
    let cancel = CancellationToken::new();
    let deadlines = Deadlines::until(Instant::now() + Duration::from_mins(10));
    let _ = status(&ctx, None, deadlines, &cancel, |_| {}).await;
    assert!(
        started.elapsed() <= Duration::from_secs(50),
        "{:?}",
        started.elapsed()
    );
}
