//! One of several targets fails, or cannot be marked; the document changes during a run.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fake_vault::{FakeResponse, FakeVault};
use crate::function::Function;
use crate::targets::Ministry;

/// Maximum duration of an invocation with one slow request to Vault.
const MAX_DURATION: Duration = Duration::from_secs(13);

/// Each response to the PATCH of a secret, and a part of the reason.
const RESPONSES: [(FakeResponse, &str); 8] = [
    (FakeResponse::Status(400), "400"),
    (FakeResponse::Status(403), "allow patch on the path's data"),
    (FakeResponse::Status(404), "VAULT_MOUNT"),
    (FakeResponse::Status(405), "Vault 1.9"),
    (FakeResponse::Status(500), "500"),
    (FakeResponse::Html, "VAULT_ADDR"),
    (FakeResponse::Hang, "time limit"),
    (FakeResponse::Cut, ""),
];

/// A user with two targets whose first key is published, behind a server in front of Vault.
async fn start(ministry: &Ministry) -> (FakeVault, Function) {
    let env = &ministry.env;
    let vault = FakeVault::start(env, "").await;
    let variables = [("VAULT_ADDR", vault.url.as_str()), ("VAULT_CACERT", "")];
    let function = env.function_with(&variables).await;
    env.rotate("mailer").await;
    let targets = ["faulty", "fine"].map(|name| ministry.target(name));
    ministry.store(&[ministry.entry("mailer", &targets)]).await;
    let report = invoke(ministry, &function).await.unwrap();
    assert_eq!(report["counts"]["written"], 2, "{report}");
    (vault, function)
}

async fn invoke(ministry: &Ministry, function: &Function) -> Result<Value, Value> {
    function
        .invoke(&ministry.env.event("Update", "mailer"))
        .await
}

#[tokio::test]
async fn patch_that_fails_is_reported_and_stops_no_sibling() {
    let ministry = Ministry::new().await;
    let (vault, function) = start(&ministry).await;
    let mut version = 1;
    for (response, reason) in RESPONSES {
        let key = ministry.env.rotate("mailer").await;
        version += 1;
        vault.respond(Some(response));
        let began = Instant::now();
        let error = invoke(&ministry, &function).await.unwrap_err();
        assert!(began.elapsed() < MAX_DURATION, "{response:?}");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains(reason), "{response:?}: {message}");
        assert_eq!(ministry.version_with("fine", &key).await, version);

        vault.respond(None);
        let report = invoke(&ministry, &function).await.unwrap();
        let counts = &report["counts"];
        let counts = (&counts["written"], &counts["unchanged"]);
        assert_eq!(counts, (&json!(1), &json!(1)), "{response:?}: {report}");
        assert_eq!(ministry.version_with("faulty", &key).await, version);
        assert_eq!(ministry.version_with("fine", &key).await, version);
    }
}

#[tokio::test]
async fn mark_that_fails_fails_no_sync() {
    let ministry = Ministry::new().await;
    let (vault, function) = start(&ministry).await;
    let responses = [
        FakeResponse::Status(404),
        FakeResponse::Status(500),
        FakeResponse::Hang,
        FakeResponse::Cut,
    ];
    for (response, version) in responses.into_iter().zip(2..) {
        let key = ministry.env.rotate("mailer").await;
        vault.respond_to("/metadata/", Some(response));
        let began = Instant::now();
        let report = invoke(&ministry, &function).await.unwrap();
        assert!(began.elapsed() < MAX_DURATION, "{response:?}");
        assert_eq!(report["counts"]["written"], 2, "{response:?}: {report}");
        assert!(vault.count() > 0, "{response:?}: no mark was written");
        vault.respond(None);
        for name in ["faulty", "fine"] {
            assert_eq!(ministry.version_with(name, &key).await, version, "{name}");
        }
        let marked = ministry.env.revision("mailer").await.0.to_string();
        assert_eq!(
            ministry.marks("fine").await["aws_parameter_version"],
            marked
        );
        // The state is the record: an old mark leads to no write.
        let report = invoke(&ministry, &function).await.unwrap();
        assert_eq!(report["counts"]["unchanged"], 2, "{response:?}: {report}");
    }
}

#[tokio::test]
async fn mark_that_is_refused_is_reported_once_and_not_tried_again_at_once() {
    let ministry = Ministry::new().await;
    let (vault, _) = start(&ministry).await;
    let variables = [("VAULT_ADDR", vault.url.as_str()), ("VAULT_CACERT", "")];
    for status in [403, 405] {
        let function = ministry.env.function_with(&variables).await;
        for (rotation, is_tried) in [("first", true), ("second", false)] {
            ministry.env.rotate("mailer").await;
            vault.respond_to("/metadata/", Some(FakeResponse::Status(status)));
            let report = invoke(&ministry, &function).await.unwrap();
            assert_eq!(report["counts"]["written"], 2, "{status}: {report}");
            assert_eq!(vault.count() > 0, is_tried, "{status}, {rotation}");
        }
        let warnings = function.lines();
        let warnings = warnings
            .iter()
            .filter(|line| line.contains("not marked in their metadata"));
        assert_eq!(warnings.count(), 1, "{status}: once per process");
    }
}

#[tokio::test]
async fn document_that_is_replaced_during_a_run_moves_every_key_in_the_next() {
    const USERS: usize = 12;
    let ministry = Ministry::new().await;
    let env = &ministry.env;
    let users = (0..USERS)
        .map(|n| format!("user{n:02}"))
        .collect::<Vec<_>>();
    let mut keys = Vec::new();
    for user in &users {
        keys.push(env.rotate(user).await);
    }
    let entries = |suffix: &str| {
        let entries = users.iter();
        let entries = entries
            .map(|user| ministry.entry(user, &[ministry.target(&format!("{user}-{suffix}"))]));
        entries.collect::<Vec<_>>()
    };
    ministry.store(&entries("old")).await;
    let function = env.function_with(&[("SYNC_CONCURRENCY", "1")]).await;
    let run = json!({"action": "reconcile", "force": true});
    let (report, ()) = tokio::join!(function.invoke(&run), async {
        while ministry.secret("user02-old").await.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ministry.store(&entries("new")).await;
    });
    assert_eq!(report.unwrap()["counts"]["failed"], 0);
    let report = function.invoke(&run).await.unwrap();
    assert_eq!(report["counts"]["failed"], 0, "{report}");
    for (user, key) in users.iter().zip(&keys) {
        assert_eq!(ministry.version_with(&format!("{user}-new"), key).await, 1);
    }
    let report = function.invoke(&run).await.unwrap();
    let counts = &report["counts"];
    assert_eq!(counts["unchanged"], USERS, "{report}");
    assert_eq!(counts["written"], 0, "{report}");
}
