//! Runs against a rate-limit quota of Vault: they end complete, close to the time that it needs.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::command::CommandOutput;
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
        let token = env.stack.text("/vault/rootToken");
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
fn assert_pace(calls: usize, per_second: usize, took: Duration) {
    // The calls of the first second take no time.
    let needed = Duration::from_secs_f64((calls - per_second) as f64 / per_second as f64);
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
    // Metadata is read for each user, or listed in one call.
    limited.limit(20).await;
    let (output, took) = limited.reconcile(&[]).await;
    assert_eq!(
        (output.code, count(&output.json(), "unchanged")),
        (0, 80),
        "{}",
        output.err
    );
    assert!(took < Duration::from_secs(6), "{took:?}");
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
