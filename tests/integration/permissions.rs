//! Nothing in `infra/shared/permissions.json` is there for nothing: without any one of its statements or actions the
//! deployed function cannot do its work.
//!
//! What the emulator does not enforce is listed in `unenforced.json`, each with its reason; the CDK app's tests judge those
//! statements against the calls that AWS makes with them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::corner::{Corner, outcome};
use crate::deployment::{Deployment, is_in_step};

const PERMISSIONS: &str = include_str!("../../infra/shared/permissions.json");
const UNENFORCED: &str = include_str!("unenforced.json");
const ROSTER: &str = "BCGOV_IAM_USER_TABLE";

#[tokio::test]
async fn without_any_one_permission_the_function_cannot_do_its_work() {
    let deployment = Deployment::start(&["--enforce"], &json!({}));
    let corner = deployment.corner().await;
    corner.make_roster(ROSTER, &[]).await;
    let granted = deployment.statements();
    must_be_known(&granted);

    let mut rounds = 0;
    works(&deployment, &corner, rounds)
        .await
        .expect("the function works with all of its permissions");
    for (missing, statements) in rounds_of(&granted) {
        rounds += 1;
        deployment.permit(&statements);
        let worked = works(&deployment, &corner, rounds).await;
        let reason = unenforced()
            .into_iter()
            .find(|(sid, _)| missing.starts_with(sid.as_str()))
            .map(|(_, why)| why);
        match (worked, reason) {
            (Ok(()), None) => panic!("{missing} is granted, and nothing needs it"),
            (Err(problem), Some(why)) => {
                panic!("without {missing}: {problem}; so it is not true that {why}")
            }
            (Ok(()), Some(why)) => println!("without {missing} it works, because {why}"),
            (Err(problem), None) => println!("without {missing}: {problem}"),
        }
    }
    deployment.permit(&granted);
    works(&deployment, &corner, rounds + 1)
        .await
        .expect("the function works again with all of its permissions");
    assert!(rounds > 10, "only {rounds} rounds");
}

/// Every statement of the file is granted here, or said not to be; nothing else is granted; and none is for everything.
fn must_be_known(granted: &[Value]) {
    let file: Vec<Value> = serde_json::from_str(PERMISSIONS).unwrap();
    let unenforced: Vec<Value> = serde_json::from_str(UNENFORCED).unwrap();
    let elsewhere: Vec<_> = unenforced
        .iter()
        .filter(|entry| entry["deployed"] == false)
        .map(|entry| &entry["sid"])
        .collect();
    let expected: Vec<_> = file
        .iter()
        .map(|statement| &statement["sid"])
        .filter(|sid| !elsewhere.contains(sid))
        .collect();
    assert_eq!(
        granted
            .iter()
            .map(|statement| &statement["Sid"])
            .collect::<Vec<_>>(),
        expected
    );
    for entry in &unenforced {
        assert!(
            file.iter()
                .any(|statement| statement["sid"] == entry["sid"]),
            "{entry} is no statement"
        );
    }
    for statement in granted {
        assert!(
            many(&statement["Resource"])
                .iter()
                .all(|resource| resource.starts_with("arn:")),
            "{statement}"
        );
    }
}

/// Every way to take one thing away: what is missing, and the statements that are left.
fn rounds_of(granted: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut rounds = Vec::new();
    for (index, statement) in granted.iter().enumerate() {
        let sid = statement["Sid"].as_str().unwrap();
        let mut without = granted.to_vec();
        without.remove(index);
        rounds.push((sid.to_owned(), without));
        let actions = many(&statement["Action"]);
        // What is not enforced as a whole is not enforced in part.
        if actions.len() > 1 && !unenforced().iter().any(|(unenforced, _)| unenforced == sid) {
            for action in &actions {
                let mut less = granted.to_vec();
                less[index]["Action"] = actions
                    .iter()
                    .filter(|other| other != &action)
                    .cloned()
                    .collect();
                rounds.push((format!("{sid}, {action}"), less));
            }
        }
    }
    rounds
}

fn unenforced() -> Vec<(String, String)> {
    let entries: Vec<Value> = serde_json::from_str(UNENFORCED).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| (text(&entry["sid"]), text(&entry["why"])))
        .collect()
}

fn many(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    value.as_array().map_or_else(
        || vec![text(value)],
        |values| values.iter().map(text).collect(),
    )
}

/// The function's work, all of it, by users of this round: token, event, roster, predecessor's state, sweep, and last
/// the way through the queue. What went wrong, if anything did.
async fn works(deployment: &Deployment, corner: &Corner<'_>, round: usize) -> Result<(), String> {
    let (absent, known, queued) = (
        format!("absent{round}"),
        format!("known{round}"),
        format!("queued{round}"),
    );
    corner.enrol(ROSTER, &absent).await;
    let key = corner.rotate(&known).await;
    store_predecessors_state(corner, &known, &key.fingerprint()).await;

    let token = said(deployment, &json!({"action": "refresh-token"}))?;
    expect(
        token["renewed"] == true && token["warnings"] == json!([]),
        "the token was not renewed",
        &token,
    )?;

    let report = said(deployment, &corner.event("Delete", &absent))?;
    let roster = "on the roster, but there is no parameter";
    expect(
        report["users"][0]["reason"]
            .as_str()
            .unwrap()
            .contains(roster),
        "the roster was not asked",
        &report,
    )?;

    let report = said(deployment, &json!({"action": "sync", "users": [known]}))?;
    expect(
        ["written", "unchanged"].contains(&outcome(&report)),
        "a user was not synced",
        &report,
    )?;
    expect(
        is_in_step(corner, &known, &key).await,
        "the key is not in Vault, or not recorded",
        &report,
    )?;

    let report = said(deployment, &json!({"action": "reconcile", "force": true}))?;
    let missing = report["users"]
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["user"] == absent.as_str());
    expect(
        missing.is_some_and(|user| user["outcome"] == "missing"),
        "the sweep did not read the roster",
        &report,
    )?;

    let key = corner.rotate(&queued).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_in_step(corner, &queued, &key).await {
        expect(
            Instant::now() < deadline,
            "a change did not arrive through the queue",
            &json!({"user": queued}),
        )?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn said(deployment: &Deployment, payload: &Value) -> Result<Value, String> {
    deployment.invoke(payload).map_err(|error| {
        error["errorMessage"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    })
}

fn expect(holds: bool, problem: &str, seen: &Value) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("{problem}: {seen}"))
    }
}

/// The predecessor's state, which knows this user's key.
async fn store_predecessors_state(corner: &Corner<'_>, user: &str, fingerprint: &str) {
    let at = "2025-06-01T00:00:00.000Z";
    let state = json!({"userName": user, "lastSecretHash": fingerprint, "lastSyncedAt": at});
    corner
        .store(
            "sync-state.json",
            json!({"lastRunAt": at, "users": {user: state}}).to_string(),
        )
        .await;
}
