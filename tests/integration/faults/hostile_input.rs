//! Input that was made to do harm: as a payload, as a message, as a name wherever names come from, as an object in the
//! bucket. It is refused by name, nothing is written outside of its place, the others go on.

use serde_json::{Value, json};

use crate::corner::{Corner, batch};

/// Names that would like to lead elsewhere.
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

/// Everything below the mount, as root sees it.
async fn everything(corner: &Corner<'_>) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![format!("{}/", corner.folder)]);
    while let Some(folder) = folders.pop() {
        let (_, listed) = corner
            .vault(
                "LIST".parse().unwrap(),
                &format!("secret/metadata/{folder}"),
                None,
            )
            .await;
        for name in listed["data"]["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let place = format!("{folder}{name}");
            if name.ends_with('/') {
                folders.push(place)
            } else {
                found.push(place)
            }
        }
    }
    found
}

#[tokio::test]
async fn hostile_payloads_are_refused_and_the_function_lives() {
    let corner = Corner::new().await;
    let key = corner.rotate("alice").await;
    let function = corner.function_with(&[("LOG_LEVEL", "trace")]).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let huge = format!(r#"{{"action": "{}"}}"#, "x".repeat(5_000_000));
    for (what, payload) in [
        ("deep", deep.clone()),
        ("deep within", format!(r#"{{"detail": {deep}}}"#)),
        ("huge", huge.clone()),
        ("a text", r#""sync""#.to_owned()),
        ("a number", "1e400".to_owned()),
        ("nothing", "null".to_owned()),
        (
            "a member twice, of which the last counts",
            r#"{"action": "sync", "users": ["alice"], "users": ["../x"]}"#.to_owned(),
        ),
        (
            "users of wrong types",
            r#"{"action": "sync", "users": [1, {}, null]}"#.to_owned(),
        ),
        (
            "users as text",
            r#"{"action": "sync", "users": "alice"}"#.to_owned(),
        ),
        (
            "records of wrong types",
            r#"{"Records": [1, null, {"body": 1}]}"#.to_owned(),
        ),
        (
            "records as object",
            r#"{"Records": {"body": "x"}}"#.to_owned(),
        ),
        (
            "an event of wrong types",
            r#"{"source": ["aws.ssm"], "detail-type": 1, "detail": "x"}"#.to_owned(),
        ),
    ] {
        let error = function.invoke_text(payload).await.unwrap_err();
        let message = error["errorMessage"].as_str().unwrap();
        assert!(
            !message.is_empty() && message.len() < 2000,
            "{what}: {} characters",
            message.len()
        );
    }
    // As messages they are told of and dropped, and the good one beside them is done.
    let messages: Vec<_> = [
        deep.as_str(),
        &huge[..200_000],
        "",
        "null",
        "\u{0}",
        "{\"Records\": []}",
    ]
    .iter()
    .enumerate()
    .map(|(n, body)| (format!("bad{n}"), 1, Value::String((*body).to_owned())))
    .chain([("good".to_owned(), 1, corner.event("Create", "alice"))])
    .collect();
    let mut records = batch(
        &messages
            .iter()
            .map(|(id, n, body)| (id.as_str(), *n, body.clone()))
            .collect::<Vec<_>>(),
    );
    for (record, (id, _, body)) in records["Records"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(&messages)
    {
        if id.starts_with("bad") {
            record["body"] = body.clone();
        }
    }
    assert_eq!(
        function.invoke(&records).await.unwrap(),
        json!({"batchItemFailures": []})
    );
    assert_eq!(corner.key("alice").await.unwrap().0, key);
    let dropped = |line: &Value| {
        line["message"]
            .as_str()
            .unwrap_or_default()
            .contains("message dropped")
    };
    let lines = function.lines_with(|line| line["BadEvents"] == 6).await;
    assert_eq!(lines.iter().filter(|line| dropped(line)).count(), 6);
}

#[tokio::test]
async fn hostile_names_lead_nowhere_wherever_they_come_from() {
    let corner = Corner::new().await;
    let key = corner.rotate("alice").await;
    // On the roster, in the predecessor's record, among the state objects.
    let table = corner.roster(&["alice"]).await;
    let mut recorded = json!({});
    for (n, name) in NAMES.iter().enumerate() {
        corner.enrol(table, name).await;
        recorded[*name] = json!({"userName": name, "lastSecretHash": "0", "lastSyncedAt": "2026-01-01T00:00:00Z"});
        if !name.contains(['\0', '\n']) && !name.contains("..") {
            let state = json!({"userName": name, "lastSecretHash": format!("{n}"), "lastSyncedAt": "2026-01-01T00:00:00Z"});
            corner
                .store(&format!("sync-state/users/{name}.json"), state.to_string())
                .await;
        }
    }
    corner
        .store(
            "sync-state.json",
            json!({"lastRunAt": "2026-01-01T00:00:00Z", "users": recorded}).to_string(),
        )
        .await;
    let function = corner
        .function_with(&[("IAM_USER_TABLE", table), ("LOG_LEVEL", "trace")])
        .await;
    let report = function
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    assert_eq!(
        (&report["counts"]["written"], &report["counts"]["failed"]),
        (&json!(1), &json!(0)),
        "{report}"
    );
    assert_eq!(report["counts"]["retired"], 0, "{report}");
    // In orders and in events.
    for name in NAMES {
        for action in ["sync", "reconcile"] {
            let error = function
                .invoke(&json!({"action": action, "users": ["alice", name]}))
                .await
                .unwrap_err();
            assert_eq!(error["errorType"], "BadEvent", "{name:?}: {error}");
        }
        for operation in ["Create", "Delete"] {
            let answer = function
                .invoke(&corner.event(operation, name))
                .await
                .unwrap();
            assert!(
                answer["ignored"]
                    .as_str()
                    .unwrap()
                    .contains("holds no user"),
                "{name:?}: {answer}"
            );
        }
    }
    assert_eq!(corner.key("alice").await.unwrap(), (key, 1));
    assert_eq!(
        everything(&corner).await,
        [format!("{}/alice", corner.folder)]
    );
    let lines = function.lines();
    assert!(
        lines
            .iter()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "no name breaks a line: {lines:#?}"
    );
}

#[tokio::test]
async fn hostile_objects_in_the_bucket_are_replaced_or_told() {
    let corner = Corner::new().await;
    let function = corner.function_with(&[("LOG_LEVEL", "trace")]).await;
    let good = corner.rotate("alice").await;
    let state = "sync-state/users/alice.json";
    let deep = format!(
        "{{\"userName\": {}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let huge = json!({"userName": "alice", "padding": "x".repeat(5_000_000)}).to_string();
    for (what, text) in [
        ("deep", deep),
        ("huge", huge),
        (
            "of another version",
            json!({"schema": 2, "user": {"name": "alice"}, "keys": []}).to_string(),
        ),
        ("a list", "[1, 2]".to_owned()),
        ("empty", String::new()),
        ("no text", "\u{1}\u{2}".to_owned()),
        (
            "another user's",
            json!({"userName": "bob", "lastSecretHash": good.fingerprint(), "vaultVersion": 1,
            "lastSyncedAt": "2026-01-01T00:00:00Z"})
            .to_string(),
        ),
        (
            "of wrong types",
            json!({"userName": 1, "lastSecretHash": [], "lastSyncedAt": {}, "vaultVersion": -1})
                .to_string(),
        ),
    ] {
        corner.store(state, text).await;
        let key = corner.rotate("alice").await;
        let answer = function
            .invoke(&batch(&[("m1", 1, corner.event("Update", "alice"))]))
            .await
            .unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}), "{what}");
        assert_eq!(corner.key("alice").await.unwrap().0, key, "{what}");
        assert_eq!(
            corner.state("alice").await.unwrap()["accessKeyId"],
            key.id.as_str(),
            "{what}"
        );
    }

    let token: Value =
        serde_json::from_str(&corner.object("vault-token.json").await.unwrap()).unwrap();
    let token = token["token"].as_str().unwrap();
    for (what, text, said) in [
        (
            "of a megabyte",
            json!({"token": "x".repeat(1_000_000)}).to_string(),
            "token",
        ),
        (
            "with a line break",
            json!({"token": format!("{token}\nX-Evil: 1")}).to_string(),
            "holds characters that no token has",
        ),
        (
            "a number",
            json!({"token": 1}).to_string(),
            "the token object is not one",
        ),
        (
            "somebody's JSON",
            json!({"version": 3, "serial": 1}).to_string(),
            "the token object is not one",
        ),
        (
            "a wrapping token's answer",
            json!({"wrap_info": {"token": token}}).to_string(),
            "the token object is not one",
        ),
    ] {
        corner.store("vault-token.json", text).await;
        let fresh = corner.function_with(&[("LOG_LEVEL", "trace")]).await;
        corner.rotate("alice").await;
        let report = fresh
            .invoke(&json!({"action": "sync", "users": ["alice"]}))
            .await
            .unwrap();
        let reason = report["users"][0]["reason"].as_str().unwrap();
        assert!(
            reason.contains(said) && reason.len() < 1000,
            "{what}: {reason}"
        );
        assert!(!report.to_string().contains(token), "{what}");
    }
    // A batch token works, and it is told that it cannot be renewed.
    let batch_token = corner
        .make_token(&json!({"policies": [corner.stack.text("/vault/policies/sync")], "type": "batch", "ttl": "1h"}))
        .await;
    corner.store_token(&batch_token).await;
    let key = corner.rotate("alice").await;
    let fresh = corner.function_with(&[("LOG_LEVEL", "trace")]).await;
    fresh
        .invoke(&json!({"action": "sync", "users": ["alice"]}))
        .await
        .unwrap();
    assert_eq!(corner.key("alice").await.unwrap().0, key);
    let warned = |line: &Value| {
        line["level"] == "WARN"
            && line["message"]
                .as_str()
                .unwrap_or_default()
                .contains("token")
    };
    fresh.lines_with(warned).await;
}
