//! A quota of Vault for one path: only that secret waits.

use super::*;
use crate::testing::memory::throttled;

fn throttled_for_a_minute() -> Error {
    Error::Throttled {
        operation: "calling",
        subject: "Vault".to_owned(),
        problem: "Vault returned 429".to_owned(),
        remedy: "retry later",
        retry_after: Some(Duration::from_mins(1)),
    }
}

fn throttle(memory: &Memory, call: &'static str, path: &'static str, error: fn() -> Error) {
    for _ in 0..3000 {
        memory.before_call(call, move |inner| {
            if inner.calls.last().unwrap().ends_with(path) {
                inner.faults.push((call, error));
            }
        });
    }
}

/// Returns alice and other users, each with a key.
fn users(memory: &Memory, others: usize) -> Vec<String> {
    let others = (0..others).map(|n| format!("user{n}"));
    let users = ["alice".to_owned()].into_iter().chain(others);
    let users = users.collect::<Vec<_>>();
    for user in &users {
        memory.put(user, &value("AKIA000000000OLD"), DAY_1);
    }
    users
}

async fn written(ctx: &Context<Memory>, users: &[String], seconds: u64) -> usize {
    let requests = users.iter().map(|user| request(user)).collect();
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let results = sync_until(ctx, requests, deadline).await;
    let results = results.iter();
    results
        .filter(|result| result.outcome() == Outcome::Written)
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_of_one_path_does_not_stop_a_batch() {
    for error in [throttled_for_a_minute, throttled] {
        let memory = Memory::default();
        let ctx = memory.ctx(&[]);
        throttle(&memory, "vault-write", "/alice", error);
        let users = users(&memory, 9);
        assert_eq!(written(&ctx, &users, 58).await, 9);
        for user in &users {
            memory.put(user, &value("AKIA000000000NEW"), DAY_3);
        }
        assert_eq!(written(&ctx, &users, 58).await, 9, "the next delivery");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_on_one_path_leaves_no_other_user_unwritten() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    throttle(&memory, "vault-write", "/alice", throttled);
    let users = users(&memory, 500);
    memory.inner().latencies = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(written(&ctx, &users, 880).await, 500);
}

#[tokio::test(start_paused = true)]
async fn a_target_with_a_quota_does_not_undo_the_record_of_its_siblings() {
    let (memory, _) = with_targets(&[target("a"), target("b")]);
    throttle(&memory, "vault-write", "/b", throttled);
    for _ in 0..3 {
        // Each delivery is answered by a new process.
        let ctx = memory.ctx(&[]);
        let deadline = Instant::now() + Duration::from_secs(58);
        sync_until(&ctx, vec![request("alice")], deadline).await;
    }
    assert_eq!(versions(&memory, "a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_target_does_not_keep_its_sibling_from_the_next_keys() {
    let (memory, ctx) = with_targets(&[target("a"), target("b")]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written, Outcome::Written]);
    throttle(&memory, "vault-patch", "/b", throttled);
    for (key, day) in [
        ("AKIA00000000NEW1", DAY_3),
        ("AKIA00000000NEW2", DAY_5),
        ("AKIA00000000NEW3", "2026-01-07T00:00:00Z"),
    ] {
        memory.put("alice", &value(key), day);
        for _ in 0..3 {
            let ctx = memory.ctx(&[]);
            let deadline = Instant::now() + Duration::from_secs(58);
            sync_until(&ctx, vec![request("alice")], deadline).await;
        }
    }
    assert_eq!(id_in(&memory, "a"), "AKIA00000000NEW3");
}

#[tokio::test(start_paused = true)]
async fn callers_with_a_rejected_token_share_one_failed_load() {
    let (memory, ctx) = warm().await;
    let users = (0..10).map(|n| format!("user{n}")).collect::<Vec<_>>();
    for user in &users {
        memory.put(user, &value("AKIA000000000OLD"), DAY_1);
    }
    memory.inner().tokens = ("second".into(), "token".into());
    memory.inner().calls.clear();
    memory.fail("s3-token", 1000, unavailable);
    memory.inner().slow = Some(("s3-token", 9));
    let requests = users.iter().map(|user| request(user)).collect();
    sync(&ctx, requests).await;
    assert!(memory.calls("s3-token") <= 3);
}
