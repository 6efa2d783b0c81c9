//! Hostile input: payloads, messages, names from every source, and objects in the bucket. Each is
//! rejected by name, nothing is written outside its place, and other users are synced.

use serde_json::{Value, json};

use super::returned;
use crate::function::message;
use crate::test_env::{TestEnv, batch, reason};

/// Names that would address another path.
const NAMES: [&str; 14] = [
    "..",
    "../mallory",
    "..%2fmallory",
    "%2e%2e",
    "%2e%2e%2fmallory",
    "/etc/passwd",
    "alice/../mallory",
    "alice\u{2024}mallory",
    "\u{ff0e}\u{ff0e}",
    "al\u{0456}ce",
    "alice\nmallory",
    "alice\0",
    "alice?version=1",
    "alice#",
];

/// Returns all secrets below the folder.
async fn secrets(env: &TestEnv<'_>) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![format!("{}/", env.folder)]);
    while let Some(folder) = folders.pop() {
        for name in env.list(&folder).await {
            let path = format!("{folder}{name}");
            if name.ends_with('/') {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn hostile_payloads_are_rejected_and_the_function_continues() {
    let env = TestEnv::new().await;
    let key = env.rotate("alice").await;
    let function = env.function_with(&[("LOG_LEVEL", "trace")]).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let huge = format!(r#"{{"action": "{}"}}"#, "x".repeat(5_000_000));
    let (deep_member, duplicate) = (
        format!(r#"{{"detail": {deep}}}"#),
        r#"{"action": "sync", "users": ["alice"], "users": ["../x"]}"#,
    );
    for (case, payload) in [
        ("deep", deep.as_str()),
        ("deep member", &deep_member),
        ("huge", &huge),
        ("string", r#""sync""#),
        ("number", "1e400"),
        ("null", "null"),
        ("duplicate member, of which the last counts", duplicate),
        (
            "users of wrong types",
            r#"{"action": "sync", "users": [1, {}, null]}"#,
        ),
        ("users as string", r#"{"action": "sync", "users": "alice"}"#),
        (
            "records of wrong types",
            r#"{"Records": [1, null, {"body": 1}]}"#,
        ),
        ("records as object", r#"{"Records": {"body": "x"}}"#),
        (
            "event of wrong types",
            r#"{"source": ["aws.ssm"], "detail-type": 1, "detail": "x"}"#,
        ),
    ] {
        let error = function.invoke_text(payload.to_owned()).await.unwrap_err();
        let message = error["errorMessage"].as_str().unwrap();
        assert!(!message.is_empty(), "{case}");
        assert!(message.len() < 2000, "{case}: {} characters", message.len());
    }
    // As messages they are logged and dropped. The valid message beside them is processed.
    let bodies = [
        deep.as_str(),
        &huge[..200_000],
        "",
        "null",
        "\u{0}",
        "{\"Records\": []}",
    ];
    let mut messages = vec![("valid", 1, env.event("Create", "alice"))];
    messages.extend(bodies.map(|_| ("hostile", 1, Value::Null)));
    let mut payload = batch(&messages);
    let records = payload["Records"].as_array_mut().unwrap();
    for (record, body) in records.iter_mut().skip(1).zip(bodies) {
        record["body"] = json!(body);
    }
    let answer = function.invoke(&payload).await.unwrap();
    assert_eq!(returned(&answer), [""; 0]);
    assert_eq!(env.key("alice").await.unwrap().0, key);
    function
        .lines_with(|line| line["BadEvents"] == bodies.len())
        .await;
}

#[tokio::test]
async fn hostile_names_from_any_source_lead_nowhere() {
    let env = TestEnv::new().await;
    let key = env.rotate("alice").await;
    // On the roster, in the legacy state, and as state objects.
    let table = env.roster(&["alice"]).await;
    let mut users = json!({});
    let time = "2026-01-01T00:00:00Z";
    for name in NAMES {
        env.enrol(table, name).await;
        let state = json!({"userName": name, "lastSecretHash": "0", "lastSyncedAt": time});
        if !name.contains(['\0', '\n']) && !name.contains("..") {
            env.store(&format!("sync-state/users/{name}.json"), state.to_string())
                .await;
        }
        users[name] = state;
    }
    let legacy_state = json!({"lastRunAt": time, "users": users});
    env.store("sync-state.json", legacy_state.to_string()).await;
    let variables = [("IAM_USER_TABLE", table), ("LOG_LEVEL", "trace")];
    let function = env.function_with(&variables).await;
    let report = function
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    for (outcome, count) in [("written", 1), ("failed", 0), ("retired", 0)] {
        assert_eq!(report["counts"][outcome], count, "{outcome}: {report}");
    }
    // In actions and in events.
    for name in NAMES {
        for action in ["sync", "reconcile"] {
            let action = json!({"action": action, "users": ["alice", name]});
            let error = function.invoke(&action).await.unwrap_err();
            assert_eq!(error["errorType"], "BadEvent", "{name:?}: {error}");
        }
        for operation in ["Create", "Delete"] {
            let answer = function.invoke(&env.event(operation, name)).await.unwrap();
            assert!(answer["ignored"].is_string(), "{name:?}: {answer}");
        }
    }
    assert_eq!(env.key("alice").await.unwrap(), (key, 1));
    assert_eq!(secrets(&env).await, [format!("{}/alice", env.folder)]);
    let broken = function
        .lines()
        .into_iter()
        .find(|line| line.parse::<Value>().is_err());
    assert_eq!(broken, None, "a name breaks a line of the log");
}

#[tokio::test]
async fn hostile_state_objects_are_replaced() {
    let env = TestEnv::new().await;
    let function = env.function_with(&[("LOG_LEVEL", "trace")]).await;
    let key = env.rotate("alice").await;
    let time = "2026-01-01T00:00:00Z";
    let deep = format!(
        "{{\"userName\": {}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let other_user = json!({
        "userName": "bob", "lastSecretHash": key.fingerprint(), "vaultVersion": 1,
        "lastSyncedAt": time,
    });
    let wrong_types =
        json!({"userName": 1, "lastSecretHash": [], "lastSyncedAt": {}, "vaultVersion": -1});
    for (case, text) in [
        ("deep", deep),
        (
            "huge",
            json!({"userName": "alice", "padding": "x".repeat(5_000_000)}).to_string(),
        ),
        (
            "other schema",
            json!({"schema": 2, "user": {"name": "alice"}, "keys": []}).to_string(),
        ),
        ("list", "[1, 2]".to_owned()),
        ("truncated", "{".to_owned()),
        ("empty", String::new()),
        ("binary", "\u{1}\u{2}".to_owned()),
        ("other user", other_user.to_string()),
        ("wrong types", wrong_types.to_string()),
    ] {
        env.store("sync-state/users/alice.json", text).await;
        let key = env.rotate("alice").await;
        let payload = batch(&[("m1", 1, env.event("Update", "alice"))]);
        assert_eq!(
            returned(&function.invoke(&payload).await.unwrap()),
            [""; 0],
            "{case}"
        );
        assert_eq!(env.key("alice").await.unwrap().0, key, "{case}");
        let state = env.state("alice").await.unwrap();
        assert_eq!(state["accessKeyId"], key.id.as_str(), "{case}");
    }
}

#[tokio::test]
async fn hostile_token_objects_are_reported_and_not_quoted() {
    let env = TestEnv::new().await;
    let object = env.json_object("vault-token.json").await;
    let token = object["token"].as_str().unwrap();
    let sync = json!({"action": "sync", "users": ["alice"]});
    env.rotate("alice").await;
    for (case, object) in [
        ("megabyte", json!({"token": "x".repeat(1_000_000)})),
        (
            "line break",
            json!({"token": format!("{token}\nX-Evil: 1")}),
        ),
        ("number", json!({"token": 1})),
        ("list", json!({"token": [token]})),
        ("other JSON", json!({"version": 3, "serial": 1})),
        (
            "answer with a wrapping token",
            json!({"wrap_info": {"token": token}}),
        ),
    ] {
        env.store("vault-token.json", object.to_string()).await;
        let function = env.function_with(&[("LOG_LEVEL", "trace")]).await;
        let report = function.invoke(&sync).await.unwrap();
        let reason = reason(&report);
        assert!(
            reason.contains("token") && reason.len() < 1000,
            "{case}: {reason}"
        );
        assert!(!report.to_string().contains(token), "{case}");
    }
    // A batch token is used, with a warning that it cannot be renewed.
    let policy = env.stack.text("/vault/policies/sync");
    let batch_token = json!({"policies": [policy], "type": "batch", "ttl": "1h"});
    env.store_token(&env.create_token(&batch_token).await).await;
    let key = env.rotate("alice").await;
    let function = env.function_with(&[("LOG_LEVEL", "trace")]).await;
    function.invoke(&sync).await.unwrap();
    assert_eq!(env.key("alice").await.unwrap().0, key);
    let warns = |line: &Value| line["level"] == "WARN" && message(line).contains("token");
    function.lines_with(warns).await;
}
