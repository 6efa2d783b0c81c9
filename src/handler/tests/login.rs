//! A token of a login with the AWS identity, instead of a stored one.

use super::*;
use crate::testing::memory::throttled;

const LOGIN: [(&str, &str); 2] = [("VAULT_AUTH_METHOD", "aws"), ("VAULT_AUTH_ROLE", "role")];

/// Returns backends without a stored token, and a context that logs in.
fn logging_in() -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&LOGIN);
    memory.inner().tokens.1 = String::new();
    memory.inner().ttl = 1200;
    memory.put("alice", &value("AKIA000000000KEY"), DAY_1);
    (memory, ctx)
}

#[tokio::test(start_paused = true)]
async fn a_login_takes_no_round_trip_of_its_own() {
    let (memory, ctx) = logging_in();
    for day in [DAY_1, DAY_3] {
        memory.put("alice", &value("AKIA000000000KEY"), day);
        let started = Instant::now();
        let (report, metrics) = answer_with_metrics(&ctx, event("Update", "alice", day)).await;
        report.unwrap();
        assert!(
            started.elapsed().as_secs() <= 3,
            "{:?}",
            memory.inner().calls
        );
        assert!(metrics.get("VaultTokenHoursLeft").is_none(), "{metrics}");
    }
    assert_eq!(memory.calls("vault-login"), 1);
    for call in ["s3-token", "s3-token-save", "vault-renew", "vault-lookup"] {
        assert_eq!(memory.calls(call), 0, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_about_to_end_leads_to_another_login() {
    for (ttl, logins) in [(0, 1), (59, 1), (61, 1), (1200, 1)] {
        let (memory, ctx) = logging_in();
        memory.inner().ttl = ttl;
        answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
        answer(&ctx, event("Update", "alice", DAY_1)).await.unwrap();
        assert_eq!(memory.calls("vault-login"), logins, "{ttl} s");
    }
    let (memory, ctx) = logging_in();
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    ctx.session.age_token(1141).await;
    answer(&ctx, event("Update", "alice", DAY_1)).await.unwrap();
    assert_eq!(memory.calls("vault-login"), 2);
}

#[tokio::test(start_paused = true)]
async fn users_at_the_same_time_share_one_login() {
    let (memory, ctx) = logging_in();
    let users = (0..10).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let mut messages = Vec::new();
    for user in &users {
        memory.put(user, &value("AKIA000000000KEY"), DAY_1);
        messages.push(message(user, 1, &event("Create", user, DAY_1)));
    }
    assert_eq!(returned_of(&ctx, &messages).await, [""; 0]);
    assert_eq!(memory.calls("vault-login"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_denied_token_is_replaced_by_one_login() {
    let (memory, ctx) = logging_in();
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    // Revoked a moment after the login: the denial could be that of the policy.
    memory.inner().tokens.0 = "another".to_owned();
    answer(&ctx, event("Update", "alice", DAY_3))
        .await
        .unwrap_err();
    assert_eq!(memory.calls("vault-login"), 1);
    ctx.session.age_token(31).await;
    answer(&ctx, event("Update", "alice", DAY_3)).await.unwrap();
    assert_eq!(memory.calls("vault-login"), 2);
    assert_eq!(memory.history("alice").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_fails_is_tried_once_for_all_users_and_again_by_the_next_event() {
    let (memory, ctx) = logging_in();
    memory.put("bob", &value("AKIA000000000KEY"), DAY_1);
    memory.fail("vault-login", 1, denied);
    let messages = ["alice", "bob"].map(|user| message(user, 1, &event("Create", user, DAY_1)));
    assert_eq!(returned_of(&ctx, &messages).await, ["alice", "bob"]);
    assert_eq!(memory.calls("vault-login"), 1);
    assert_eq!(returned_of(&ctx, &messages).await, [""; 0]);
    assert_eq!(memory.calls("vault-login"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_run_and_a_renewal_need_no_stored_token() {
    let (memory, ctx) = logging_in();
    let run = json!({"action": "reconcile", "force": true});
    let report = answer(&ctx, run).await.unwrap();
    assert_eq!(report["counts"]["written"], 1);
    let status = answer(&ctx, json!({"action": "refresh-token"}))
        .await
        .unwrap();
    assert_eq!(status["login"], true, "{status}");
    assert_eq!(status["renewed"], false);
    assert_eq!(status["warnings"], json!([]));
    assert_eq!(memory.calls("vault-login"), 1);
    assert_eq!(memory.calls("vault-renew"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_login_keeps_to_the_rate_limit_of_vault() {
    let (memory, ctx) = logging_in();
    memory.fail("vault-login", 2, throttled);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    assert_eq!(memory.calls("vault-login"), 3);
    assert_eq!(memory.history("alice").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_fails_fast_is_repeated_once() {
    let (memory, ctx) = logging_in();
    memory.fail("vault-login", 1, unreachable);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    assert_eq!(memory.calls("vault-login"), 2);
}
