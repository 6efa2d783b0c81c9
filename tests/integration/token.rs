//! The token on a real server: loaded, loaded again, renewed, written back; and what a narrow policy suffices for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::corner::{Corner, outcome};
use crate::stack::Stack;

fn sync() -> Value {
    json!({"action": "sync", "users": ["alice"]})
}

#[tokio::test]
async fn a_revoked_token_is_replaced_by_the_stored_one_without_a_failure() {
    let corner = Corner::without_token(Stack::shared()).await;
    let first = corner.stack.token("sync", "72h");
    corner.store_token(&first).await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    assert_eq!(outcome(&function.invoke(&sync()).await.unwrap()), "written");
    corner
        .vault(
            reqwest::Method::POST,
            "auth/token/revoke",
            Some(json!({"token": first})),
        )
        .await;
    corner.store_token(&corner.stack.token("sync", "72h")).await;
    corner.rotate("alice").await;
    assert_eq!(outcome(&function.invoke(&sync()).await.unwrap()), "written");
}

#[tokio::test]
async fn a_dead_token_fails_with_what_to_do() {
    let corner = Corner::without_token(Stack::shared()).await;
    corner.store_token("s.dead").await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    let report = function.invoke(&sync()).await.unwrap();
    assert_eq!(outcome(&report), "failed");
    let reason = report["users"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("denied") && reason.contains("lookup-self"),
        "{reason}"
    );
    let error = function
        .invoke(&json!({"action": "refresh-token"}))
        .await
        .unwrap_err();
    assert_eq!(error["errorType"], "Denied");
    corner.store_token(&corner.stack.token("sync", "72h")).await;
    assert_eq!(
        outcome(&function.invoke(&sync()).await.unwrap()),
        "written",
        "mended without a restart"
    );
}

#[tokio::test]
async fn without_a_token_object_the_reason_names_it() {
    let corner = Corner::without_token(Stack::shared()).await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    for (object, expected) in [
        (None, "no token object"),
        (Some("{}"), "not one"),
        (Some(r#"{"token": 7}"#), "not one"),
        (Some(r#"{"token": "a\nb"}"#), "no token has"),
    ] {
        if let Some(object) = object {
            corner.store("vault-token.json", object.to_owned()).await;
        }
        let report = function.invoke(&sync()).await.unwrap();
        let reason = report["users"][0]["reason"].as_str().unwrap();
        assert!(
            reason.contains("vault-token.json") && reason.contains(expected),
            "{object:?}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_renewal_is_written_back_with_the_predecessors_members() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    let before = corner.object("vault-token.json").await.unwrap();
    let status = function
        .invoke(&json!({"action": "refresh-token"}))
        .await
        .unwrap();
    assert_eq!(
        (
            &status["renewed"],
            &status["renewable"],
            &status["periodSeconds"]
        ),
        (&json!(true), &json!(true), &json!(72 * 3600))
    );
    assert_eq!(status["warnings"], json!([]));
    let object: Value =
        serde_json::from_str(&corner.object("vault-token.json").await.unwrap()).unwrap();
    let names: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        names,
        ["createdAt", "expiresAt", "renewable", "token", "ttl"]
    );
    let before: Value = serde_json::from_str(&before).unwrap();
    assert_eq!(
        object["token"], before["token"],
        "a renewal keeps the token"
    );
    assert_eq!(object["ttl"], 72 * 3600);
    assert!(
        !status
            .to_string()
            .contains(before["token"].as_str().unwrap())
    );
}

#[tokio::test]
async fn a_short_token_outlives_its_period_because_invocations_renew_it() {
    let corner = Corner::without_token(Stack::shared()).await;
    corner.store_token(&corner.stack.token("sync", "6s")).await;
    let function = corner.function().await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(9) {
        corner.rotate("alice").await;
        assert_eq!(
            outcome(&function.invoke(&sync()).await.unwrap()),
            "written",
            "after {:?}",
            started.elapsed()
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a_token_that_may_not_renew_itself_still_syncs_and_warns() {
    let corner = Corner::without_token(Stack::shared()).await;
    corner
        .store_token(
            &corner
                .stack
                .token_with(&json!({"policy": "sync", "period": "72h", "no_default_policy": true})),
        )
        .await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    assert_eq!(outcome(&function.invoke(&sync()).await.unwrap()), "written");
    let warned = |line: &Value| {
        line["level"] == "WARN"
            && line["message"]
                .as_str()
                .unwrap_or_default()
                .contains("looked after")
    };
    function.lines_with(warned).await;
}

#[tokio::test]
async fn tokens_that_will_die_are_told_of() {
    let corner = Corner::without_token(Stack::shared()).await;
    for (properties, expected) in [
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
        corner
            .store_token(&corner.stack.token_with(&properties))
            .await;
        let function = corner.function().await;
        let status = function
            .invoke(&json!({"action": "refresh-token"}))
            .await
            .unwrap();
        assert!(
            status["warnings"].to_string().contains(expected),
            "{properties}: {status}"
        );
        function
            .lines_with(|line| {
                line["message"]
                    .as_str()
                    .unwrap_or_default()
                    .contains(expected)
            })
            .await;
    }
}

#[tokio::test]
async fn the_strict_policy_without_metadata_suffices_for_events() {
    let corner = Corner::without_token(Stack::shared()).await;
    corner
        .store_token(&corner.stack.token("strict", "72h"))
        .await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    assert_eq!(outcome(&function.invoke(&sync()).await.unwrap()), "written");
    corner.rotate("alice").await;
    assert_eq!(outcome(&function.invoke(&sync()).await.unwrap()), "written");
    let drifted = Some(json!({"data": {"accessKeyId": "by hand"}}));
    corner
        .vault(
            reqwest::Method::POST,
            &format!("secret/data/{}", corner.path("alice")),
            drifted,
        )
        .await;
    let key = corner.rotate("alice").await;
    assert_eq!(
        outcome(&function.invoke(&sync()).await.unwrap()),
        "written",
        "a guard that cannot be explained"
    );
    assert_eq!(corner.key("alice").await.unwrap(), (key, 4));
    corner
        .s3
        .delete_object()
        .bucket(&corner.bucket)
        .key("sync-state/users/alice.json")
        .send()
        .await
        .unwrap();
    assert_eq!(
        outcome(&function.invoke(&sync()).await.unwrap()),
        "written",
        "no state, and no way to learn the version"
    );
    let said = function
        .lines_with(|line| {
            line["message"]
                .as_str()
                .unwrap_or_default()
                .contains("may not read metadata")
        })
        .await;
    let said = said.iter().filter(|line| {
        line["message"]
            .as_str()
            .unwrap_or_default()
            .contains("may not read metadata")
    });
    assert_eq!(said.count(), 1, "said once");
}
