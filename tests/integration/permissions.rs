//! Every statement and every action in `infra/shared/permissions.json` is needed: without any one
//! of them the deployed function fails.
//!
//! `unenforced.json` lists what the emulator does not enforce, each with its reason. The tests of
//! the CDK app compare those statements with the calls that AWS makes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::deployment::{Deployment, is_in_sync};
use crate::test_env::{TestEnv, outcome, reason};

const PERMISSIONS: &str = include_str!("../../infra/shared/permissions.json");
const UNENFORCED: &str = include_str!("unenforced.json");
const ROSTER: &str = "BCGOV_IAM_USER_TABLE";

#[tokio::test]
async fn permissions_are_all_needed() {
    let deployment = Deployment::start(&["--enforce"], &json!({}));
    let env = deployment.env().await;
    env.create_roster(ROSTER, &[]).await;
    let granted = deployment.statements();
    assert_complete(&granted);

    let mut rounds = 0;
    let all = exercise(&deployment, &env, rounds).await;
    all.expect("the function works with all permissions");
    for (missing, statements) in reductions(&granted) {
        rounds += 1;
        deployment.permit(&statements);
        let result = exercise(&deployment, &env, rounds).await;
        let unenforced = unenforced()
            .into_iter()
            .find(|(sid, _)| missing.starts_with(sid.as_str()));
        match (result, unenforced) {
            (Ok(()), None) => panic!("{missing} is granted, but not needed"),
            (Err(problem), Some((_, why))) => panic!("without {missing}: {problem}; but {why}"),
            (Ok(()), Some((_, why))) => println!("without {missing} it works, because {why}"),
            (Err(problem), None) => println!("without {missing}: {problem}"),
        }
    }
    deployment.permit(&granted);
    let again = exercise(&deployment, &env, rounds + 1).await;
    again.expect("the function works again with all permissions");
    assert!(rounds > 10, "only {rounds} rounds");
}

/// Fails unless exactly the deployed statements of the file are granted, each for a resource.
fn assert_complete(granted: &[Value]) {
    let file: Vec<Value> = serde_json::from_str(PERMISSIONS).unwrap();
    let unenforced: Vec<Value> = serde_json::from_str(UNENFORCED).unwrap();
    let not_deployed = unenforced.iter().filter(|entry| entry["deployed"] == false);
    let not_deployed = not_deployed.map(|entry| &entry["sid"]).collect::<Vec<_>>();
    let sids = file
        .iter()
        .map(|statement| &statement["sid"])
        .collect::<Vec<_>>();
    let expected = sids
        .iter()
        .filter(|sid| !not_deployed.contains(sid))
        .copied();
    let found = granted
        .iter()
        .map(|statement| &statement["Sid"])
        .collect::<Vec<_>>();
    assert_eq!(found, expected.collect::<Vec<_>>());
    for entry in &unenforced {
        assert!(sids.contains(&&entry["sid"]), "{entry} is not a statement");
    }
    for statement in granted {
        let resources = texts(&statement["Resource"]);
        assert!(
            resources
                .iter()
                .all(|resource| resource.starts_with("arn:")),
            "{statement}"
        );
    }
}

/// Returns each way to remove one permission: its name, and the remaining statements.
fn reductions(granted: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut reductions = Vec::new();
    for (index, statement) in granted.iter().enumerate() {
        let sid = statement["Sid"].as_str().unwrap();
        let mut statements = granted.to_vec();
        statements.remove(index);
        reductions.push((sid.to_owned(), statements));
        let actions = texts(&statement["Action"]);
        let enforced = !unenforced().iter().any(|(unenforced, _)| unenforced == sid);
        if actions.len() > 1 && enforced {
            for action in &actions {
                let mut statements = granted.to_vec();
                let others = actions.iter().filter(|other| other != &action);
                statements[index]["Action"] = others.cloned().collect();
                reductions.push((format!("{sid}, {action}"), statements));
            }
        }
    }
    reductions
}

/// Returns the statements that the emulator does not enforce, with the reasons.
fn unenforced() -> Vec<(String, String)> {
    let entries: Vec<Value> = serde_json::from_str(UNENFORCED).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| (text(&entry["sid"]), text(&entry["why"])))
        .collect()
}

/// Returns a text or a list of texts as a list.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    value.as_array().map_or_else(
        || vec![text(value)],
        |values| values.iter().map(text).collect(),
    )
}

/// Exercises the whole function with new users: token, event, roster, legacy state, reconcile run
/// and queue. Returns the first problem.
async fn exercise(deployment: &Deployment, env: &TestEnv<'_>, round: usize) -> Result<(), String> {
    let [absent, known, queued] =
        ["absent", "known", "queued"].map(|name| format!("{name}{round}"));
    // Many users without a parameter would look like a broken listing.
    if let Some(before) = round.checked_sub(1) {
        env.unenrol(ROSTER, &format!("absent{before}")).await;
    }
    env.enrol(ROSTER, &absent).await;
    let key = env.rotate(&known).await;
    store_legacy_state(env, &known, &key.fingerprint()).await;

    let token = invoke(deployment, &json!({"action": "refresh-token"}))?;
    let renewed = token["renewed"] == true && token["warnings"] == json!([]);
    expect(renewed, "the token was not renewed", &token)?;

    let report = invoke(deployment, &env.event("Delete", &absent))?;
    let read = outcome(&report) == "missing" && reason(&report).contains("on the roster");
    expect(read, "the roster was not read", &report)?;

    let report = invoke(deployment, &json!({"action": "sync", "users": [known]}))?;
    let synced = ["written", "unchanged"].contains(&outcome(&report));
    expect(synced, "a user was not synced", &report)?;
    let synced = is_in_sync(env, &known, &key).await;
    expect(synced, "the key is not in Vault, or not recorded", &report)?;

    let report = invoke(deployment, &json!({"action": "reconcile", "force": true}))?;
    let mut users = report["users"].as_array().unwrap().iter();
    let missing = users.any(|user| user["user"] == absent.as_str() && user["outcome"] == "missing");
    expect(
        missing,
        "the reconcile run did not read the roster",
        &report,
    )?;

    let key = env.rotate(&queued).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_in_sync(env, &queued, &key).await {
        let in_time = Instant::now() < deadline;
        expect(
            in_time,
            "a change was not synced through the queue",
            &json!({"user": queued}),
        )?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn invoke(deployment: &Deployment, payload: &Value) -> Result<Value, String> {
    let message = |error: Value| {
        error["errorMessage"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    deployment.invoke(payload).map_err(message)
}

fn expect(holds: bool, problem: &str, report: &Value) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("{problem}: {report}"))
    }
}

/// Stores a legacy state that contains this user's key.
async fn store_legacy_state(env: &TestEnv<'_>, user: &str, fingerprint: &str) {
    let time = "2025-06-01T00:00:00.000Z";
    let state = json!({"userName": user, "lastSecretHash": fingerprint, "lastSyncedAt": time});
    let state = json!({"lastRunAt": time, "users": {user: state}});
    env.store("sync-state.json", state.to_string()).await;
}
