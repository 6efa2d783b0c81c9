//! The Vault token on a real server: loaded, reloaded and renewed, and used with a narrow policy.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::function::{Function, message};
use crate::stack::Stack;
use crate::test_env::{TestEnv, outcome, reason};

/// Rotates alice, syncs her and returns the report.
async fn sync(env: &TestEnv<'_>, function: &Function) -> Value {
    env.rotate("alice").await;
    function
        .invoke(&json!({"action": "sync", "users": ["alice"]}))
        .await
        .unwrap()
}

#[tokio::test]
async fn token_that_was_revoked_is_reloaded_from_the_bucket() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let old = env.stack.token("sync", "72h");
    env.store_token(&old).await;
    let function = env.function().await;
    assert_eq!(outcome(&sync(&env, &function).await), "written");
    env.revoke_token(&old).await;
    let report = sync(&env, &function).await;
    assert_eq!(outcome(&report), "failed");
    assert!(reason(&report).contains("denied"), "{report}");
    let error = function
        .invoke(&json!({"action": "refresh-token"}))
        .await
        .unwrap_err();
    assert_eq!(error["errorType"], "Denied");
    env.store_token(&env.stack.token("sync", "72h")).await;
    let report = sync(&env, &function).await;
    assert_eq!(
        outcome(&report),
        "written",
        "no restart is needed: {report}"
    );
}

#[tokio::test]
async fn token_with_a_short_period_is_renewed_by_invocations() {
    let env = TestEnv::without_token(Stack::shared()).await;
    env.store_token(&env.stack.token("sync", "6s")).await;
    let function = env.function().await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(9) {
        let report = sync(&env, &function).await;
        assert_eq!(
            outcome(&report),
            "written",
            "after {:?}: {report}",
            began.elapsed()
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn token_that_cannot_renew_itself_syncs_with_a_warning() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let properties = json!({"policy": "sync", "period": "72h", "no_default_policy": true});
    env.store_token(&env.stack.token_with(&properties)).await;
    let function = env.function().await;
    assert_eq!(outcome(&sync(&env, &function).await), "written");
    let warns = |line: &Value| line["level"] == "WARN" && message(line).contains("token");
    function.lines_with(warns).await;
}

#[tokio::test]
async fn token_that_will_expire_is_reported() {
    let env = TestEnv::without_token(Stack::shared()).await;
    for (properties, warning) in [
        (
            json!({"period": "72h", "explicit_max_ttl": "100h"}),
            "explicit maximum",
        ),
        (json!({"ttl": "10h", "period": ""}), "not periodic"),
        (
            json!({"ttl": "10h", "period": "", "renewable": false}),
            "cannot be renewed",
        ),
    ] {
        let mut properties = properties;
        properties["policy"] = json!("sync");
        env.store_token(&env.stack.token_with(&properties)).await;
        let function = env.function().await;
        let status = function
            .invoke(&json!({"action": "refresh-token"}))
            .await
            .unwrap();
        let warnings = status["warnings"].to_string();
        assert!(warnings.contains(warning), "{properties}: {status}");
        function.lines_with_message(warning).await;
    }
}

#[tokio::test]
async fn token_without_metadata_capability_syncs_events() {
    let env = TestEnv::without_token(Stack::shared()).await;
    env.store_token(&env.stack.token("strict", "72h")).await;
    let function = env.function().await;
    assert_eq!(outcome(&sync(&env, &function).await), "written");
    assert_eq!(outcome(&sync(&env, &function).await), "written");
    // Vault rejects the check-and-set, and the reason cannot be read.
    env.tamper("alice").await;
    assert_eq!(outcome(&sync(&env, &function).await), "written");
    assert_eq!(env.key("alice").await.unwrap().1, 4);
    // Neither the state nor the metadata shows the version.
    env.delete_state("alice").await;
    assert_eq!(outcome(&sync(&env, &function).await), "written");
    let lines = function.lines_with_message("metadata").await;
    let warnings = lines
        .iter()
        .filter(|line| message(line).contains("metadata"));
    assert_eq!(warnings.count(), 1, "the warning is logged once");
}
