//! The nightly sweep on real parts: a thousand users, and who is there when roster and parameters disagree.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::corner::Corner;
use crate::proxy::{Exchange, Proxies};

const USERS: usize = 1000;
const TAMPERED: usize = 50;

/// How many calls went to which service.
fn by_service(exchanges: &[Exchange]) -> BTreeMap<&'static str, usize> {
    let mut calls = BTreeMap::new();
    for exchange in exchanges {
        let service = match exchange.what.as_str() {
            what if what.contains("AmazonSSM") => "SSM",
            what if what.contains("detailed-metadata") => "Vault listing",
            what if what.contains("/metadata/") => "Vault metadata",
            what if what.contains("/v1/auth/") => "Vault token",
            what if what.contains("/v1/secret/") => "Vault write",
            what if what.starts_with("GET") => "S3 read",
            _ => "S3 write",
        };
        *calls.entry(service).or_default() += 1;
    }
    calls
}

#[tokio::test]
async fn a_thousand_users_are_written_then_left_alone_then_repaired() {
    let corner = Corner::new().await;
    may_list_metadata(&corner).await;
    let users: Vec<String> = (0..USERS).map(|n| format!("user{n:04}")).collect();
    stream::iter(&users)
        .for_each_concurrent(16, async |user| drop(corner.rotate(user).await))
        .await;
    let proxies = Proxies::before(&corner, Duration::ZERO).await;
    let mut variables = proxies.variables().to_vec();
    variables.push(("SSM_MAX_CALLS_PER_SECOND", "1000"));
    let function = corner.function_with(&variables).await;

    println!("sweep of {USERS} users | seconds | calls | peak memory");
    for (what, written) in [
        ("all new", USERS),
        ("unchanged", 0),
        ("tampered with", TAMPERED),
    ] {
        if what == "tampered with" {
            for (n, user) in users
                .iter()
                .enumerate()
                .filter(|(n, _)| n % (USERS / TAMPERED) == 0)
            {
                let (method, path, body) = match n % 3 {
                    0 => (
                        reqwest::Method::POST,
                        "data",
                        json!({"data": {"accessKeyId": "by hand"}}),
                    ),
                    1 => (reqwest::Method::POST, "destroy", json!({"versions": [1]})),
                    _ => (reqwest::Method::DELETE, "metadata", json!({})),
                };
                corner
                    .vault(
                        method,
                        &format!("secret/{path}/{}", corner.path(user)),
                        Some(body),
                    )
                    .await;
            }
        }
        let began = Instant::now();
        let report = function
            .invoke(&json!({"action": "reconcile", "force": true}))
            .await
            .unwrap();
        let (seconds, calls) = (began.elapsed().as_secs_f64(), by_service(&proxies.take()));
        println!(
            "{what} | {seconds:.1} | {calls:?} | {} KiB",
            function.peak_memory()
        );
        assert_eq!(report["counts"]["written"], written, "{what}: {report}");
        assert_eq!(report["counts"]["unchanged"], USERS - written, "{what}");
        let made = |service| calls.get(service).copied().unwrap_or_default();
        assert_eq!(
            made("SSM"),
            USERS / 10,
            "{what}: a tenth of a call for each user"
        );
        assert_eq!(
            made("Vault listing") + made("Vault metadata"),
            1,
            "{what}: {calls:?}"
        );
        assert_eq!(made("Vault write"), written, "{what}");
        // The users' states, their listing (twice a thousand and one), the record, the token.
        assert!(made("S3 read") <= USERS + 6, "{what}: {calls:?}");
    }
    let metrics = function
        .lines_with(|line| line["DriftRepaired"] == TAMPERED)
        .await;
    assert!(metrics.iter().any(|line| line["SweepCompleted"] == 1));
    let again = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap();
    assert!(again["skipped"].is_string(), "{again}");
}

/// The policy allows the listing of the one folder that a deployment uses; this corner's is another.
async fn may_list_metadata(corner: &Corner<'_>) {
    let rule = format!(
        "path \"secret/detailed-metadata/{}/\" {{ capabilities = [\"list\"] }}",
        corner.folder
    );
    let policy = format!("sys/policies/acl/{}", corner.bucket);
    corner
        .vault(reqwest::Method::PUT, &policy, Some(json!({"policy": rule})))
        .await;
    let body = json!({"policies": [corner.stack.text("/vault/policies/sync"), corner.bucket], "period": "72h"});
    let (_, token) = corner
        .vault(
            reqwest::Method::POST,
            "auth/token/create-orphan",
            Some(body),
        )
        .await;
    corner
        .store_token(
            token
                .pointer("/auth/client_token")
                .and_then(Value::as_str)
                .unwrap(),
        )
        .await;
}

#[tokio::test]
async fn roster_and_parameters_that_disagree_are_told_apart() {
    let corner = Corner::new().await;
    let table = corner.roster(&["listed", "late", "jo@x"]).await;
    for user in ["listed", "unlisted", "leaving"] {
        corner.rotate(user).await;
    }
    let function = corner.function_with(&[("IAM_USER_TABLE", table)]).await;
    let sweep = json!({"action": "reconcile", "force": true});
    assert_eq!(
        function.invoke(&sweep).await.unwrap()["counts"]["written"],
        3
    );
    corner.delete("leaving").await;
    let report = function.invoke(&sweep).await.unwrap();
    let of = |user: &str| {
        let found = report["users"]
            .as_array()
            .unwrap()
            .iter()
            .find(|report| report["user"] == user);
        let text = |member: &str| {
            found
                .map(|found| found[member].as_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        (text("outcome"), text("reason"))
    };
    assert_eq!(of("listed").0, "", "in step, so not listed");
    assert!(
        of("unlisted").1.contains("no row on the roster"),
        "{report}"
    );
    assert_eq!(of("late").0, "missing");
    assert!(
        of("jo@x").1.contains("no parameter name can hold"),
        "{report}"
    );
    assert_eq!(of("leaving").0, "retired");

    // A table that is not there is told of, and nobody else is retired.
    corner.delete("unlisted").await;
    let function = corner
        .function_with(&[("IAM_USER_TABLE", "no-such-table")])
        .await;
    let report = function.invoke(&sweep).await.unwrap();
    assert_eq!(
        (&report["counts"]["retired"], &report["counts"]["missing"]),
        (&json!(0), &json!(1)),
        "{report}"
    );
    let warned = |line: &Value| {
        line["message"]
            .as_str()
            .unwrap_or_default()
            .contains("reading the roster no-such-table")
    };
    function.lines_with(warned).await;
}
