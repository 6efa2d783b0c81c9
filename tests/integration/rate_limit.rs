//! Runs against a rate-limit quota of Vault: they end complete, close to the time that it needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::command::{CommandOutput, run};
use crate::proxy::serve;
use crate::stack::Stack;
use crate::test_env::TestEnv;

/// A mount of its own with a quota, because the other tests share the usual one.
struct Limited<'a> {
    env: TestEnv<'a>,
    mount: String,
    token: String,
}

impl Limited<'static> {
    async fn new() -> Self {
        let env = TestEnv::without_token(Stack::shared()).await;
        let mount = format!("limited-{:08x}", fastrand::u32(..));
        let options = json!({"type": "kv", "options": {"version": "2"}});
        let path = format!("sys/mounts/{mount}");
        let (status, answer) = env.vault(Method::POST, &path, Some(options)).await;
        assert_eq!(status, 204, "{answer}");
        // It may not list the metadata of all users, so it is read for each of them.
        let policy = format!(
            "path \"{mount}/data/*\" {{ capabilities = [\"create\", \"update\"] }}
             path \"{mount}/metadata/*\" {{ capabilities = [\"read\"] }}"
        );
        let token = env.token_with_policy(&policy).await;
        Self { env, mount, token }
    }

    /// Limits the rate of the mount.
    async fn limit(&self, per_second: usize) {
        let quota = json!({"path": format!("{}/", self.mount), "rate": per_second});
        let path = format!("sys/quotas/rate-limit/{}", self.mount);
        let (status, answer) = self.env.vault(Method::POST, &path, Some(quota)).await;
        assert_eq!(status, 204, "{answer}");
    }

    async fn rotate(&self, users: usize) {
        let names = (0..users).map(|number| format!("user{number}"));
        let puts = stream::iter(names.collect::<Vec<_>>());
        let puts = puts.map(async |user| self.env.rotate(&user).await);
        puts.buffer_unordered(8).collect::<Vec<_>>().await;
    }

    /// Reconciles all users, and returns how long that takes.
    async fn reconcile(&self, more: &[(&str, &str)]) -> (CommandOutput, Duration) {
        let variables = [
            ("VAULT_MOUNT", self.mount.as_str()),
            ("VAULT_TOKEN", &self.token),
        ];
        let variables = [
            &variables[..],
            &[("SSM_MAX_CALLS_PER_SECOND", "1000")],
            more,
        ]
        .concat();
        let started = Instant::now();
        let run = ["reconcile", "--force", "--output", "json"];
        let output = self.env.keysync_with(&run, &variables, "").await;
        (output, started.elapsed())
    }
}

/// Asserts that a run of `calls` to Vault ended complete, and took at most a third longer than a
/// quota of so many calls per second needs.
fn assert_pace(calls: u32, per_second: u32, took: Duration) {
    // The calls of the first second take no time.
    let needed = Duration::from_secs(1) * (calls - per_second) / per_second;
    let ratio = took.as_secs_f64() / needed.as_secs_f64();
    println!("{calls} calls at {per_second}/s: {took:?}, {ratio:.2} of what the quota needs");
    assert!(
        took < needed.mul_f64(1.35) + Duration::from_secs(1),
        "{took:?}, not {needed:?}"
    );
}

fn count(report: &Value, outcome: &str) -> u64 {
    report["counts"][outcome].as_u64().unwrap()
}

#[tokio::test]
async fn reconcile_runs_end_complete_under_a_quota() {
    let limited = Limited::new().await;
    limited.rotate(80).await;
    limited.limit(10).await;
    let (output, took) = limited.reconcile(&[]).await;
    assert_eq!(
        (output.code, count(&output.json(), "written")),
        (0, 80),
        "{}",
        output.err
    );
    assert_pace(80, 10, took);
    limited.limit(20).await;
    let (output, took) = limited.reconcile(&[]).await;
    assert_eq!(
        (output.code, count(&output.json(), "unchanged")),
        (0, 80),
        "{}",
        output.err
    );
    assert_pace(80, 20, took);
}

/// Starts a server that first rejects a number of requests with this status and `Retry-After`, and
/// then answers each like a lookup of a token.
async fn rejecting(status: u16, times: usize, retry_after: &'static str) -> String {
    let left = Arc::new(AtomicUsize::new(times));
    let answer = move || async move {
        let rejects = |left: usize| left.checked_sub(1);
        let order = Ordering::Relaxed;
        if left.fetch_update(order, order, rejects).is_ok() {
            let response = Response::builder().status(status);
            let response = response.header("Retry-After", retry_after);
            return response.body(Body::from(r#"{"errors": []}"#)).unwrap();
        }
        let lookup = json!({
            "request_id": "", "lease_id": "", "renewable": false, "lease_duration": 0,
            "data": {"ttl": 3600, "creation_time": 1_700_000_000, "creation_ttl": 3600},
        });
        Response::new(Body::from(lookup.to_string()))
    };
    serve(Router::new().fallback(answer)).await
}

#[tokio::test]
async fn retry_after_is_honoured_for_429_and_503() {
    for (status, retry_after) in [
        (429, "2"),
        (503, "2"),
        (429, "Fri, 31 Dec 1999 23:59:59 GMT"),
    ] {
        let url = rejecting(status, 1, retry_after).await;
        let variables = [("VAULT_ADDR", url.as_str()), ("VAULT_TOKEN", "made-up")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let started = Instant::now();
        let output = run(&["token", "show"], &variables).await;
        let took = started.elapsed();
        assert_eq!(output.code, 0, "{status}: {output:?}");
        let waited = took > Duration::from_secs(2);
        assert_eq!(
            waited,
            retry_after == "2",
            "{status}, {retry_after}: {took:?}"
        );
    }
    // Without a deadline of its own, a command does not wait for minutes.
    let url = rejecting(429, 1, "600").await;
    let variables = [("VAULT_ADDR", url.as_str()), ("VAULT_TOKEN", "made-up")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let output = run(&["token", "show"], &variables).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output
            .err
            .contains("Vault returned 429: its rate-limit quota"),
        "{output:?}"
    );
}

#[tokio::test]
async fn rate_of_vault_calls_has_a_configured_cap() {
    let limited = Limited::new().await;
    limited.rotate(10).await;
    let cap = [("VAULT_MAX_CALLS_PER_SECOND", "5")];
    let (output, took) = limited.reconcile(&cap).await;
    assert_eq!(
        (output.code, count(&output.json(), "written")),
        (0, 10),
        "{}",
        output.err
    );
    assert!(took > Duration::from_secs(2), "{took:?}");
}
