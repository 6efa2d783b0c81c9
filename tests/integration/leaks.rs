//! A sentinel secret and a sentinel token go through every path at TRACE, and show up in nothing that the function puts
//! out.

use serde_json::{Value, json};

use crate::corner::{Corner, batch};

#[tokio::test]
async fn no_secret_and_no_token_appear_in_any_output_at_trace() {
    let corner = Corner::new().await;
    let token: Value =
        serde_json::from_str(&corner.object("vault-token.json").await.unwrap()).unwrap();
    let mut sentinels = vec![token["token"].as_str().unwrap().to_owned()];
    let function = corner.function_with(&[("LOG_LEVEL", "trace")]).await;
    let mut answers = Vec::new();
    let mut invoke = async |payload: Value| {
        let answer = function.invoke(&payload).await;
        answers.push(answer.unwrap_or_else(|error| error).to_string());
    };

    let first = corner.rotate("alice").await;
    invoke(corner.event("Create", "alice")).await;
    let second = corner.rotate_twice_put("alice", &first).await;
    invoke(batch(&[
        ("m1", 1, corner.event("Update", "alice")),
        ("m2", 1, json!("no event")),
    ]))
    .await;
    // A refused guard, a damaged state, a parameter of every wrong kind with the secret in it.
    corner
        .vault(
            reqwest::Method::POST,
            &format!("secret/data/{}", corner.path("alice")),
            Some(json!({"data": {"x": "y"}})),
        )
        .await;
    let third = corner.rotate("alice").await;
    invoke(json!({"action": "sync", "users": ["alice"]})).await;
    corner
        .store(
            "sync-state/users/alice.json",
            format!(
                r#"{{"userName": "alice", "lastSecretHash": {{"{}": 1}}}}"#,
                third.secret
            ),
        )
        .await;
    invoke(json!({"action": "sync", "users": ["alice"]})).await;
    for bad in [
        third.secret.clone(),
        json!({"current": third.secret}).to_string(),
        json!([third.document()]).to_string(),
        json!({"current": {"AccessKeyID": third.id, "SecretAccessKey": [third.secret]}})
            .to_string(),
        json!({"current": {"AccessKeyID": third.secret, "SecretAccessKey": 1}}).to_string(),
        format!(
            r#"{{"current": {{"AccessKeyID": "{0}", "AccessKeyID": "{0}"}}}}"#,
            third.secret
        ),
    ] {
        corner.put("alice", &bad).await;
        invoke(corner.event("Update", "alice")).await;
    }
    invoke(json!({"action": "refresh-token"})).await;
    invoke(json!({"action": "doctor"})).await;
    corner.delete("alice").await;
    invoke(corner.event("Delete", "alice")).await;
    // A path that Vault refuses, and a token object with the token where it does not belong.
    let refused = corner
        .function_with(&[("LOG_LEVEL", "trace"), ("VAULT_PATH_PREFIX", "elsewhere")])
        .await;
    let fourth = corner.rotate("bob").await;
    answers.push(
        refused
            .invoke(&corner.event("Create", "bob"))
            .await
            .unwrap_err()
            .to_string(),
    );
    corner
        .store(
            "vault-token.json",
            json!({"token": [token["token"]]}).to_string(),
        )
        .await;
    let fresh = corner.function_with(&[("LOG_LEVEL", "trace")]).await;
    answers.push(
        fresh
            .invoke(&json!({"action": "refresh-token"}))
            .await
            .unwrap_err()
            .to_string(),
    );

    sentinels.extend([first, second, third, fourth].map(|key| key.secret));
    let written = [function.lines(), refused.lines(), fresh.lines()].concat();
    assert!(
        written
            .iter()
            .any(|line| line.contains(r#""outcome":"written""#)),
        "the functions did log: {written:#?}"
    );
    let objects = corner
        .s3
        .list_objects_v2()
        .bucket(&corner.bucket)
        .send()
        .await
        .unwrap();
    let mut states = Vec::new();
    for object in objects.contents() {
        let key = object.key().unwrap();
        if key != "vault-token.json" {
            states.push(corner.object(key).await.unwrap());
        }
    }
    assert!(!states.is_empty());
    for (place, texts) in [
        ("the log", &written),
        ("an answer", &answers),
        ("a state object", &states),
    ] {
        for text in texts {
            for sentinel in &sentinels {
                assert!(
                    !text.contains(sentinel.as_str()),
                    "{place} holds a secret: {}",
                    text.replace(sentinel.as_str(), "<SECRET>")
                );
            }
        }
    }
}
