//! Single users through the built function: what an event leads to in Vault and in the state.

use reqwest::Method;
use serde_json::json;

use crate::test_env::{Key, TestEnv, batch, outcome};

#[tokio::test]
async fn event_of_a_new_key_writes_vault_and_state() {
    let env = TestEnv::new().await;
    let function = env.function().await;
    let key = env.rotate("alice").await;
    let report = function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "written");
    assert_eq!(env.key("alice").await.unwrap(), (key.clone(), 1));
    let path = format!("secret/data/{}", env.path("alice"));
    let (_, secret) = env.vault(Method::GET, &path, None).await;
    let fields = secret.pointer("/data/data").unwrap().as_object().unwrap();
    let names = ["accessKeyId", "secretAccessKey", "syncedAt", "userName"];
    assert_eq!(fields.keys().collect::<Vec<_>>(), names);
    assert_eq!(fields["userName"], "alice");
    assert!(
        fields["syncedAt"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );
    let (version, modified) = env.revision("alice").await;
    let state = env.state("alice").await.unwrap();
    assert_eq!(state["parameterVersion"], version);
    let recorded = state["parameterLastModified"].as_str().unwrap();
    assert_eq!(
        recorded
            .parse::<jiff::Timestamp>()
            .unwrap()
            .as_millisecond(),
        modified
    );
    assert_eq!(
        (&state["accessKeyId"], &state["vaultVersion"]),
        (&json!(key.id), &json!(1))
    );
    assert_eq!(state["vaultPath"], format!("secret/{}", env.path("alice")));
}

#[tokio::test]
async fn event_between_two_puts_is_held_and_then_written() {
    let env = TestEnv::new().await;
    let function = env.function().await;
    let old = env.rotate("alice").await;
    function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap();
    env.put(
        "alice",
        &json!({"pending_deletion": old.document()}).to_string(),
    )
    .await;
    let event = env.event("Update", "alice");
    let answer = function
        .invoke(&batch(&[("m1", 1, event.clone())]))
        .await
        .unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m1"}]})
    );
    assert_eq!(
        env.key("alice").await.unwrap(),
        (old, 1),
        "Vault keeps the last valid key"
    );
    let new = env.rotate("alice").await;
    let events = [("m1", 2, event), ("m2", 1, env.event("Update", "alice"))];
    let answer = function.invoke(&batch(&events)).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(env.key("alice").await.unwrap(), (new, 2));
}

#[tokio::test]
async fn event_of_a_deletion_retires_the_user_until_a_new_key() {
    let env = TestEnv::new().await;
    let function = env
        .function_with(&[("ON_USER_DELETED", "soft-delete")])
        .await;
    let key = env.rotate("alice").await;
    function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap();
    env.delete("alice").await;
    let deletion = env.event("Delete", "alice");
    assert_eq!(
        outcome(&function.invoke(&deletion).await.unwrap()),
        "retired"
    );
    assert_eq!(env.key("alice").await, None);
    assert!(env.state("alice").await.unwrap()["retiredAt"].is_string());
    let undelete = format!("secret/undelete/{}", env.path("alice"));
    env.vault(Method::POST, &undelete, Some(json!({"versions": [1]})))
        .await;
    assert_eq!(
        env.key("alice").await.unwrap(),
        (key, 1),
        "the key can be recovered"
    );
    let new = env.rotate("alice").await;
    let report = function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "written");
    assert_eq!(env.key("alice").await.unwrap(), (new, 2));
    assert!(env.state("alice").await.unwrap().get("retiredAt").is_none());
}

#[tokio::test]
async fn event_of_any_valid_user_name_reaches_vault() {
    let env = TestEnv::new().await;
    let function = env.function().await;
    for user in ["x_keys", "...", "a.b-c_D9", &"m".repeat(64)] {
        let key = env.rotate(user).await;
        let report = function.invoke(&env.event("Create", user)).await.unwrap();
        assert_eq!(outcome(&report), "written", "{user}");
        assert_eq!(env.key(user).await.unwrap(), (key, 1), "{user}");
    }
}

/// Returns the legacy state of a user, and writes the user's key to Vault as the legacy service.
async fn legacy_user(env: &TestEnv<'_>, user: &str) -> String {
    let Key { id, secret } = &env.rotate(user).await;
    let data = json!({"data": {"accessKeyId": id, "secretAccessKey": secret, "userName": user}});
    env.vault(
        Method::POST,
        &format!("secret/data/{}", env.path(user)),
        Some(data),
    )
    .await;
    let fingerprint = Key {
        id: id.clone(),
        secret: secret.clone(),
    }
    .fingerprint();
    let time = "2025-12-31T08:00:00.000Z";
    let state = json!({"userName": user, "lastSecretHash": fingerprint, "lastSyncedAt": time});
    json!({"lastRunAt": time, "users": {user: state}}).to_string()
}

#[tokio::test]
async fn legacy_state_is_adopted_without_a_write() {
    let env = TestEnv::new().await;
    let function = env.function().await;
    env.rotate("bob").await;
    let report = function.invoke(&env.event("Create", "bob")).await.unwrap();
    assert_eq!(outcome(&report), "written");
    // Copied while the function runs.
    let state = legacy_user(&env, "alice").await;
    env.store("sync-state.json", state).await;
    let report = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap();
    for (outcome, count) in [("unchanged", 2), ("written", 0)] {
        assert_eq!(report["counts"][outcome], count, "{outcome}: {report}");
    }
    assert_eq!(env.key("alice").await.unwrap().1, 1);
    assert_eq!(env.state("alice").await.unwrap()["vaultVersion"], 1);
    let rotated = env.rotate("alice").await;
    let report = function
        .invoke(&env.event("Update", "alice"))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "written");
    assert_eq!(env.key("alice").await.unwrap(), (rotated, 2));
}

#[tokio::test]
async fn invalid_configuration_fails_each_invocation_by_name() {
    let env = TestEnv::new().await;
    let variables = [
        ("VAULT_ADDR", "http://vault.example.org"),
        ("SYNC_CONCURRENCY", "many"),
    ];
    let function = env.function_with(&variables).await;
    let error = function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap_err();
    assert_eq!(error["errorType"], "BadConfiguration");
    let message = error["errorMessage"].as_str().unwrap();
    for (variable, _) in variables {
        assert!(message.contains(&format!("{variable}: ")), "{message}");
    }
    let lines = function.lines_with(|line| line["level"] == "ERROR").await;
    let errors = lines.iter().filter(|line| line["level"] == "ERROR").count();
    assert_eq!(errors, 1, "an error is logged once: {lines:#?}");
}

#[tokio::test]
async fn log_is_json_lines_with_request_id_and_emf_metrics() {
    let env = TestEnv::new().await;
    let function = env.function().await;
    env.rotate("alice").await;
    function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap();
    let lines = function.lines_with(|line| line.get("_aws").is_some()).await;
    assert_eq!(
        lines.len(),
        function.lines().len(),
        "a line is no JSON: {:#?}",
        function.lines()
    );
    let line = lines.iter().find(|line| line["user"] == "alice").unwrap();
    for field in [
        "timestamp",
        "level",
        "requestId",
        "outcome",
        "reason",
        "millis",
        "message",
    ] {
        assert!(line.get(field).is_some(), "no {field} in {line}");
    }
    let metrics = lines
        .iter()
        .find(|line| line.get("_aws").is_some())
        .unwrap();
    assert_eq!(metrics["Written"], 1);
    assert_eq!(metrics["Function"], "test-function");
    let metric = |name: &str| metrics[name].as_f64().unwrap_or(f64::NAN);
    assert!(
        (0.0..60.0).contains(&metric("EventToVaultSeconds")),
        "{metrics}"
    );
    assert!(
        (71.0..=72.0).contains(&metric("VaultTokenHoursLeft")),
        "{metrics}"
    );
}
