//! A reconcile run of a thousand users: its calls, its duration and its memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use crate::proxy::{Exchange, Proxies};
use crate::test_env::TestEnv;

const USERS: usize = 1000;
const TAMPERED: usize = 50;

/// Returns the number of calls by service.
fn calls_by_service(exchanges: &[Exchange]) -> BTreeMap<&'static str, usize> {
    let mut calls = BTreeMap::new();
    for exchange in exchanges {
        let service = match exchange.request.as_str() {
            request if request.contains("AmazonSSM") => "SSM",
            request if request.contains("detailed-metadata") => "Vault listing",
            request if request.contains("/metadata/") => "Vault metadata",
            request if request.contains("/v1/auth/") => "Vault token",
            request if request.contains("/v1/secret/") => "Vault write",
            request if request.starts_with("GET") => "S3 read",
            _ => "S3 write",
        };
        *calls.entry(service).or_default() += 1;
    }
    calls
}

/// Stores a token that may list the metadata of this environment's folder.
///
/// The policy of the stack allows only the folder that a deployment uses.
async fn store_token_with_listing(env: &TestEnv<'_>) {
    let path = format!("secret/detailed-metadata/{}/", env.folder);
    env.policy(
        &env.bucket,
        &format!("path \"{path}\" {{ capabilities = [\"list\"] }}"),
    )
    .await;
    let policies = [env.stack.text("/vault/policies/sync"), env.bucket.clone()];
    let token = env
        .create_token(&json!({"policies": policies, "period": "72h"}))
        .await;
    env.store_token(&token).await;
}

/// Changes some users in Vault: another key, a destroyed version, or no secret at all.
async fn tamper(env: &TestEnv<'_>, users: &[String]) {
    for (n, user) in users
        .iter()
        .enumerate()
        .filter(|(n, _)| n % (USERS / TAMPERED) == 0)
    {
        let (method, operation, body) = match n % 3 {
            0 => (
                Method::POST,
                "data",
                json!({"data": {"accessKeyId": "by hand"}}),
            ),
            1 => (Method::POST, "destroy", json!({"versions": [1]})),
            _ => (Method::DELETE, "metadata", json!({})),
        };
        env.vault(
            method,
            &format!("secret/{operation}/{}", env.path(user)),
            Some(body),
        )
        .await;
    }
}

#[tokio::test]
async fn reconcile_of_a_thousand_users_repairs_with_few_calls() {
    let env = TestEnv::new().await;
    store_token_with_listing(&env).await;
    let users = (0..USERS)
        .map(|n| format!("user{n:04}"))
        .collect::<Vec<_>>();
    let rotate = async |user: &String| drop(env.rotate(user).await);
    stream::iter(&users).for_each_concurrent(16, rotate).await;
    let proxies = Proxies::start(&env, Duration::ZERO).await;
    let mut variables = proxies.variables().to_vec();
    variables.push(("SSM_MAX_CALLS_PER_SECOND", "1000"));
    let function = env.function_with(&variables).await;

    println!("{USERS} users | seconds | calls | peak memory");
    for (case, written) in [("new", USERS), ("unchanged", 0), ("tampered", TAMPERED)] {
        if case == "tampered" {
            tamper(&env, &users).await;
        }
        let began = Instant::now();
        let reconcile = json!({"action": "reconcile", "force": true});
        let report = function.invoke(&reconcile).await.unwrap();
        let (seconds, calls) = (
            began.elapsed().as_secs_f64(),
            calls_by_service(&proxies.take()),
        );
        println!(
            "{case} | {seconds:.1} | {calls:?} | {} KiB",
            function.peak_memory()
        );
        assert_eq!(report["counts"]["written"], written, "{case}: {report}");
        assert_eq!(report["counts"]["unchanged"], USERS - written, "{case}");
        let count = |service| calls.get(service).copied().unwrap_or_default();
        assert_eq!(count("SSM"), USERS / 10, "{case}: ten users in each call");
        assert_eq!(
            count("Vault listing") + count("Vault metadata"),
            1,
            "{case}: {calls:?}"
        );
        assert_eq!(count("Vault write"), written, "{case}");
        // The states, two pages of their listing, the reconcile record and the token.
        assert!(count("S3 read") <= USERS + 6, "{case}: {calls:?}");
    }
    let metrics = function
        .lines_with(|line| line["DriftRepaired"] == TAMPERED)
        .await;
    assert!(metrics.iter().any(|line| line["SweepCompleted"] == 1));
}
