//! Vault, or a server in front of it, returns invalid responses: what is reported, how often a
//! request is repeated, how long it takes at most, and that the service recovers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Uri;
use serde_json::{Value, json};

use super::fake_vault::{FakeResponse, FakeVault, SENTINEL};
use super::returned;
use crate::function::Function;
use crate::proxy::serve;
use crate::test_env::{TestEnv, batch};

/// Deadline of an invocation, as deployed.
const DEADLINE: Duration = Duration::from_mins(1);

/// Maximum duration of an invocation with one slow request to Vault.
const MAX_DURATION: Duration = Duration::from_secs(13);

/// Each response, a part of the user's reason, and the number of requests.
const RESPONSES: [(FakeResponse, &str, usize); 21] = [
    (FakeResponse::Status(301), "redirect", 1),
    (FakeResponse::Status(307), "redirect", 1),
    (FakeResponse::Status(308), "redirect", 1),
    (FakeResponse::Status(400), "400", 1),
    (FakeResponse::Status(401), "401", 1),
    (FakeResponse::Status(403), "denied", 1),
    (FakeResponse::Status(404), "VAULT_MOUNT", 1),
    (FakeResponse::Status(412), "412", 2),
    (FakeResponse::Status(472), "472", 2),
    (FakeResponse::Status(473), "473", 2),
    (FakeResponse::Status(500), "500", 2),
    (FakeResponse::Status(502), "502", 2),
    (FakeResponse::Status(503), "sealed", 2),
    (FakeResponse::Html, "VAULT_ADDR", 1),
    (FakeResponse::OtherSchema, "VAULT_ADDR", 1),
    (FakeResponse::Huge, "more than 1024 KiB", 1),
    (FakeResponse::Flood, "more than 1024 KiB", 1),
    (FakeResponse::Drip, "time limit", 1),
    (FakeResponse::Half, "", 2),
    (FakeResponse::Hang, "time limit", 1),
    (FakeResponse::Cut, "", 2),
];

#[tokio::test]
async fn vault_responses_of_any_kind_are_reported_and_retried() {
    let env = TestEnv::new().await;
    let visited = Arc::<Mutex<Vec<String>>>::default();
    let redirect_target = {
        let visited = visited.clone();
        let visit = async move |uri: Uri| visited.lock().unwrap().push(uri.to_string());
        serve(Router::new().fallback(visit)).await
    };
    let vault = FakeVault::start(&env, &redirect_target).await;
    let environment = env.environment_with(&[
        ("VAULT_ADDR", &vault.url),
        ("VAULT_CACERT", ""),
        ("LOG_LEVEL", "trace"),
    ]);
    let function = Function::start_with_deadline(&environment, DEADLINE).await;
    for (response, reason, requests) in RESPONSES {
        let (faulty, other) = (env.rotate("faulty").await, env.rotate("other").await);
        let messages = ["faulty", "other"].map(|user| (user, 1, env.event("Update", user)));
        vault.respond(Some(response));
        let began = Instant::now();
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert!(
            began.elapsed() < MAX_DURATION,
            "{response:?}: {:?}",
            began.elapsed()
        );
        assert!(
            returned(&answer).contains(&"faulty"),
            "{response:?}: {answer}"
        );
        assert_eq!(vault.count(), requests, "{response:?}");
        // The other user is synced, unless Vault did not answer: then its message is returned.
        let answered = matches!(
            response,
            FakeResponse::Status(_)
                | FakeResponse::Html
                | FakeResponse::OtherSchema
                | FakeResponse::Flood
        );
        assert!(
            !answered || returned(&answer) == ["faulty"],
            "{response:?}: {answer}"
        );
        let lines = function.lines();
        let failure = lines.iter().rev().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let failed = line["user"] == "faulty" && line["outcome"] == "failed";
            failed.then(|| line["reason"].as_str().unwrap().to_owned())
        });
        let failure = failure.expect("the failure is logged");
        assert!(failure.contains(reason), "{response:?}: {failure}");

        vault.respond(None);
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert_eq!(returned(&answer), [""; 0], "{response:?}: after recovery");
        assert_eq!(
            env.key("faulty").await.unwrap().0,
            faulty,
            "{response:?}: after recovery"
        );
        assert_eq!(
            env.key("other").await.unwrap().0,
            other,
            "{response:?}: after recovery"
        );
    }
    let report = function
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    assert_eq!(report["counts"]["unchanged"], 2, "{report}");
    assert!(
        visited.lock().unwrap().is_empty(),
        "a redirect was followed"
    );
    let leaked = function
        .lines()
        .into_iter()
        .find(|line| line.contains(SENTINEL));
    assert_eq!(leaked, None, "the log quotes a response");
    let peak = function.peak_memory();
    assert!(peak < 64 * 1024, "peak memory is {peak} KiB");
}

#[tokio::test]
async fn reconcile_ends_in_time_when_vault_hangs() {
    let env = TestEnv::new().await;
    let vault = FakeVault::start(&env, "").await;
    let variables = [
        ("VAULT_ADDR", vault.url.as_str()),
        ("VAULT_CACERT", ""),
        ("SYNC_CONCURRENCY", "2"),
    ];
    let deadline = Duration::from_secs(40);
    let environment = env.environment_with(&variables);
    let function = Function::start_with_deadline(&environment, deadline).await;
    let users = (0..40).map(|n| format!("faulty{n:02}")).collect::<Vec<_>>();
    let mut keys = Vec::new();
    for user in &users {
        keys.push(env.rotate(user).await);
    }
    vault.respond(Some(FakeResponse::Hang));
    let began = Instant::now();
    let error = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap_err();
    assert!(began.elapsed() < deadline, "{:?}", began.elapsed());
    assert_eq!(error["errorType"], "PartialFailure");
    assert!(
        vault.count() < 8,
        "{} of 40 writes were tried",
        vault.count()
    );
    vault.respond(None);
    // Without force: the record shows that the last run was incomplete.
    let report = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap();
    assert_eq!(report["counts"]["written"], 40, "{report}");
    for (user, key) in users.iter().zip(keys) {
        assert_eq!(env.key(user).await.unwrap().0, key);
    }
}

#[tokio::test]
async fn every_invocation_ends_in_time_when_a_service_hangs() {
    // The shortest timeout of a function that a deployment accepts.
    let deadline = Duration::from_secs(10);
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = format!("http://{}", hanging.local_addr().unwrap());
    let vault = [("VAULT_ADDR", hanging.as_str()), ("VAULT_CACERT", "")];
    let aws = [("AWS_ENDPOINT_URL", hanging.as_str())];
    let cases = [&vault[..], &aws].map(async |variables| {
        let env = TestEnv::new().await;
        env.rotate("alice").await;
        let environment = env.environment_with(variables);
        for payload in [
            env.event("Update", "alice"),
            batch(&[("alice", 1, env.event("Update", "alice"))]),
            json!({"action": "sync", "users": ["alice"]}),
            json!({"action": "reconcile", "force": true}),
            json!({"action": "reconcile", "dryRun": true}),
            json!({"action": "refresh-token"}),
            json!({"action": "doctor"}),
        ] {
            let function = Function::start_with_deadline(&environment, deadline).await;
            let began = Instant::now();
            let answer = function.invoke(&payload).await;
            let took = began.elapsed();
            assert!(
                took < deadline,
                "{variables:?} {payload}: {took:?}: {answer:?}"
            );
        }
    });
    futures_util::future::join_all(cases).await;
}
