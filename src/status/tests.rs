use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::testing::memory::{Memory, unavailable, value};

fn hours_ago(hours: i64) -> String {
    (Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string()
}

async fn read_status(ctx: &Context<Memory>) -> Status {
    let deadlines = Deadlines::until(Instant::now() + Duration::from_hours(1));
    let never = CancellationToken::new();
    status(ctx, None, deadlines, &never, |_| {})
        .await
        .unwrap()
        .0
}

fn row<'a>(status: &'a Status, user: &str) -> &'a Row {
    status
        .users
        .iter()
        .find(|row| row.user == user)
        .unwrap_or_else(|| panic!("no {user} in {status:?}"))
}

async fn reconcile_all(ctx: &Context<Memory>) {
    let order = Reconcile {
        force: true,
        ..Reconcile::default()
    };
    let deadlines = Deadlines::until(Instant::now() + Duration::from_hours(1));
    let never = CancellationToken::new();
    reconcile(ctx, &order, "request", deadlines, &never, |_| {})
        .await
        .unwrap();
}

/// One user in each condition that a ctx of memory can be brought into.
#[tokio::test(start_paused = true)]
async fn each_way_to_stand_has_its_name() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    for user in ["behind", "drift", "gone", "held", "in-step", "missing"] {
        memory.put(user, &value(&format!("KEY-{user}")), &hours_ago(40));
        memory.0.borrow_mut().roster.push(user.to_owned());
    }
    reconcile_all(&ctx).await;
    memory.put("behind", &value("NEWER"), &hours_ago(10));
    memory
        .0
        .borrow_mut()
        .vault
        .get_mut("secret/aws/iam-keys/drift")
        .unwrap()
        .push(Some(("BY-HAND".to_owned(), "x".to_owned())));
    memory.delete("gone");
    memory.0.borrow_mut().roster.retain(|user| user != "gone");
    memory.put("held", "{}", &hours_ago(1));
    memory.delete("missing");
    memory.put("new", &value("NEW"), &hours_ago(0));
    memory.put("odd", "no JSON", &hours_ago(0));
    let writes = memory.0.borrow().calls.len();
    let status = read_status(&ctx).await;
    let conditions = status
        .users
        .iter()
        .map(|row| (row.user.as_str(), row.condition))
        .collect::<Vec<_>>();
    assert_eq!(
        conditions,
        [
            ("behind", Condition::Behind),
            ("drift", Condition::Drift),
            ("gone", Condition::Gone),
            ("held", Condition::Held),
            ("in-step", Condition::InSync),
            ("missing", Condition::Missing),
            ("new", Condition::New),
            ("odd", Condition::Failed),
        ]
    );
    let calls = memory.0.borrow().calls[writes..].to_vec();
    let writing = |call: &&String| {
        [
            "s3-save",
            "s3-run-save",
            "vault-write",
            "vault-delete",
            "vault-renew",
        ]
        .iter()
        .any(|write| call.starts_with(write))
    };
    assert_eq!(calls.iter().find(writing), None, "a status writes nothing");
    reconcile_all(&ctx).await;
    assert_eq!(
        row(&read_status(&ctx).await, "gone").condition,
        Condition::Retired
    );
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_a_key_begins_when_it_is_replaced() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    for (user, hours) in [("young", 10), ("old", 90), ("replaced", 10), ("dead", 60)] {
        memory.put(user, &value(&format!("KEY-{user}")), &hours_ago(hours));
    }
    reconcile_all(&ctx).await;
    memory.put("replaced", &value("NEWER"), &hours_ago(7));
    memory.put("dead", &value("NEWEST"), &hours_ago(50));
    let status = read_status(&ctx).await;
    let left = |user| format!("{:.0}", row(&status, user).hours_left.unwrap());
    assert_eq!(
        [left("young"), left("old")],
        ["86", "48"],
        "a current key lives for 48 h after its rotation"
    );
    assert_eq!(
        [left("replaced"), left("dead")],
        ["41", "0"],
        "a replaced one for 48 h after its own"
    );
}

#[tokio::test(start_paused = true)]
async fn of_several_rotations_that_were_missed_the_first_counts() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("KEY"), &hours_ago(150));
    reconcile_all(&ctx).await;
    for (n, hours) in [(0, 102), (1, 102), (2, 54), (3, 54), (4, 6), (5, 6)] {
        memory.put("alice", &value(&format!("KEY-{n}")), &hours_ago(hours));
    }
    assert_eq!(
        row(&read_status(&ctx).await, "alice").hours_left,
        Some(0.0),
        "that key was deleted two days ago"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_key_in_vault_there_is_no_time_left_to_tell() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", "{}", &hours_ago(1));
    let status = read_status(&ctx).await;
    assert_eq!(
        (
            row(&status, "alice").condition,
            row(&status, "alice").hours_left
        ),
        (Condition::Held, None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_who_failed_in_the_last_sweep_is_told_so_until_a_sync_succeeds() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("KEY"), &hours_ago(1));
    memory
        .0
        .borrow_mut()
        .faults
        .push(("vault-write", unavailable));
    memory
        .0
        .borrow_mut()
        .faults
        .push(("vault-write", unavailable));
    reconcile_all(&ctx).await;
    let failed = row(&read_status(&ctx).await, "alice").last_sync.clone();
    assert_eq!(
        (failed.outcome, failed.at.is_some()),
        (SyncOutcome::Failed, true)
    );
    reconcile_all(&ctx).await;
    assert_eq!(
        row(&read_status(&ctx).await, "alice").last_sync.outcome,
        SyncOutcome::Written
    );
}

#[tokio::test(start_paused = true)]
async fn without_vault_parameter_and_record_are_still_told() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("SYNC_CONCURRENCY", "1")]);
    let users = ["alice", "bob", "carol", "dave", "erin", "frank"];
    for user in users {
        memory.put(user, &value(&format!("KEY-{user}")), &hours_ago(10));
    }
    reconcile_all(&ctx).await;
    // Those who come after the breaker is believed are not asked of Vault, but as much is known of them.
    let away: fn() -> Error = crate::testing::memory::unreachable;
    memory
        .0
        .borrow_mut()
        .faults
        .extend((0..20).map(|_| ("vault-metadata", away)));
    let status = read_status(&ctx).await;
    for user in users {
        let row = row(&status, user);
        assert_eq!(
            (row.condition, row.last_sync.outcome),
            (Condition::Failed, SyncOutcome::Written),
            "{user}"
        );
        assert_eq!(
            (row.parameter_version, row.recorded_version),
            (Some(1), Some(1)),
            "{user}"
        );
    }
}
