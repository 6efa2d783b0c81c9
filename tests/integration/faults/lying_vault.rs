//! Vault, or whatever stands before it, answers what it should not: what is said, how often it is asked again, how long it
//! takes at the most, and that everything comes right when it is over.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Uri;
use serde_json::{Value, json};

use super::liar::{Liar, Lie, SENTINEL};
use crate::corner::{Corner, batch};
use crate::function::Function;

/// How long an invocation may last, as deployed.
const LASTS: Duration = Duration::from_mins(1);

/// How long one request to Vault may take, with what is needed beside it.
const A_REQUEST: Duration = Duration::from_secs(13);

/// Every lie, what is said of the user, and how often the request was made.
const LIES: [(Lie, &str, usize); 21] = [
    (Lie::Status(301), "a redirect, which is never followed", 1),
    (Lie::Status(307), "a redirect, which is never followed", 1),
    (Lie::Status(308), "a redirect, which is never followed", 1),
    (Lie::Status(400), "refused the request with 400", 1),
    (Lie::Status(401), "refused the request with 401", 1),
    (Lie::Status(403), "denied; check that the token is alive", 1),
    (Lie::Status(404), "answered 404; check VAULT_MOUNT", 1),
    (
        Lie::Status(412),
        "answered 412: a standby that is not up to date",
        2,
    ),
    (Lie::Status(429), "answered 429: too many requests", 2),
    (Lie::Status(472), "answered 472: a standby", 2),
    (Lie::Status(473), "answered 473: a standby", 2),
    (Lie::Status(500), "answered 500; see its server log", 2),
    (Lie::Status(502), "answered 502", 2),
    (
        Lie::Status(503),
        "answered 503: it is sealed or in maintenance; unseal it",
        2,
    ),
    (
        Lie::Html,
        "in a form that is not Vault's; does VAULT_ADDR name a Vault server?",
        1,
    ),
    (Lie::OtherShape, "in a form that is not Vault's", 1),
    (Lie::Huge, "in a form that is not Vault's", 1),
    (Lie::Drip, "did not end within the time limit", 1),
    (Lie::Half, "broke off", 2),
    (Lie::Hang, "did not answer within the time limit", 1),
    (Lie::Cut, "no answer", 2),
];

#[tokio::test]
async fn whatever_vault_answers_the_message_goes_back_and_is_written_when_it_is_over() {
    let corner = Corner::new().await;
    let visited = Arc::<Mutex<Vec<String>>>::default();
    let elsewhere = {
        let visited = visited.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let visit = async move |uri: Uri| visited.lock().unwrap().push(uri.to_string());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(visit)).await });
        format!("http://{address}")
    };
    let liar = Liar::before(&corner, &elsewhere).await;
    let environment = corner.environment_with(&[
        ("VAULT_ADDR", &liar.url),
        ("VAULT_CACERT", ""),
        ("LOG_LEVEL", "trace"),
    ]);
    let function = Function::start_lasting(&environment, LASTS).await;
    for (lie, said, asked) in LIES {
        let (lied, other) = (corner.rotate("lied").await, corner.rotate("other").await);
        let messages = [
            ("m1", 1, corner.event("Update", "lied")),
            ("m2", 1, corner.event("Update", "other")),
        ];
        liar.tell(Some(lie));
        let began = Instant::now();
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert!(
            began.elapsed() < A_REQUEST,
            "{lie:?}: {:?}",
            began.elapsed()
        );
        let returned = answer["batchItemFailures"].as_array().unwrap();
        assert!(
            returned.iter().any(|item| item["itemIdentifier"] == "m1"),
            "{lie:?}: {answer}"
        );
        assert_eq!(liar.told(), asked, "{lie:?}");
        // The other user is written, unless there was no answer at all: then the message goes back untried.
        let went_on = returned.len() == 1;
        assert!(
            went_on || !matches!(lie, Lie::Status(_) | Lie::Html | Lie::OtherShape),
            "{lie:?}: {answer}"
        );
        let lines = function.lines();
        let failure = lines.iter().rev().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["user"] == "lied" && line["outcome"] == "failed")
                .then(|| line["reason"].as_str().unwrap().to_owned())
        });
        let failure = failure.unwrap_or_default();
        assert!(failure.contains(said), "{lie:?}: {failure}");

        liar.tell(None);
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert_eq!(
            answer["batchItemFailures"],
            json!([]),
            "{lie:?}: afterwards"
        );
        assert_eq!(
            corner.key("lied").await.unwrap().0,
            lied,
            "{lie:?}: afterwards"
        );
        assert_eq!(
            corner.key("other").await.unwrap().0,
            other,
            "{lie:?}: afterwards"
        );
    }
    let report = function
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    assert_eq!(report["counts"]["unchanged"], 2, "{report}");
    assert!(
        visited.lock().unwrap().is_empty(),
        "no redirect was followed"
    );
    assert!(
        !function.lines().iter().any(|line| line.contains(SENTINEL)),
        "nothing of a lie is repeated"
    );
    let peak = function.peak_memory();
    assert!(peak < 128 * 1024, "{peak} KiB: no answer fills the memory");
}

/// After three users without an answer nothing more is written, so that a sweep of many ends in time as well.
#[tokio::test]
async fn a_sweep_ends_in_time_when_vault_hangs_and_the_next_one_writes_what_it_left() {
    let corner = Corner::new().await;
    let liar = Liar::before(&corner, "").await;
    let variables = [
        ("VAULT_ADDR", liar.url.as_str()),
        ("VAULT_CACERT", ""),
        ("SYNC_CONCURRENCY", "2"),
    ];
    let lasts = Duration::from_secs(40);
    let function = Function::start_lasting(&corner.environment_with(&variables), lasts).await;
    let users: Vec<String> = (0..40).map(|n| format!("lied{n:02}")).collect();
    let mut keys = Vec::new();
    for user in &users {
        keys.push(corner.rotate(user).await);
    }
    liar.tell(Some(Lie::Hang));
    let began = Instant::now();
    let error = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap_err();
    assert!(began.elapsed() < lasts, "{:?}", began.elapsed());
    assert_eq!(error["errorType"], "PartialFailure");
    assert!(liar.told() < 8, "{} of 40 were tried", liar.told());
    liar.tell(None);
    // Not forced: the record tells that the last one was not complete.
    let report = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap();
    assert_eq!(report["counts"]["written"], 40, "{report}");
    for (user, key) in users.iter().zip(keys) {
        assert_eq!(corner.key(user).await.unwrap().0, key);
    }
}
