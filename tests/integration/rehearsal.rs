//! `keysync rehearse` with a deployment: it proves the event path, and names what breaks it.

mod interference;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::{CommandOutput, finish, run, start};
use crate::deployment::Deployment;
use crate::schemas::assert_valid;
use crate::stack::Stack;
use crate::test_env::TestEnv;

const USER: &str = "keysync-rehearsal";
const ROSTER: &str = "BCGOV_IAM_USER_TABLE";

/// Runs `keysync rehearse` with these arguments, as JSON.
async fn rehearse(
    deployment: &Deployment,
    env: &TestEnv<'_>,
    arguments: &str,
    variables: &[(&str, &str)],
) -> CommandOutput {
    let function = deployment.outputs["FunctionName"].as_str().unwrap();
    let line = format!("rehearse --json --function {function} {arguments}");
    let arguments = line.split_whitespace().collect::<Vec<_>>();
    run(&arguments, &env.environment_with(variables)).await
}

/// Returns the names of the stages with this status.
fn stages(output: &CommandOutput, status: &str) -> Vec<String> {
    let result = output.json();
    let stages = result["stages"].as_array().unwrap().iter();
    let stages = stages.filter(|stage| stage["status"] == status);
    let names = stages.map(|stage| stage["name"].as_str().unwrap().to_owned());
    names.collect()
}

const ALL: [&str; 6] = [
    "first put",
    "second put",
    "event path",
    "record",
    "deletion",
    "retirement",
];

#[tokio::test]
async fn rehearsal_passes_with_the_permissions_that_are_printed() {
    let deployment = Deployment::start(&["--enforce"], &json!({}));
    let env = deployment.env().await;
    env.create_roster(ROSTER, &["listed"]).await;
    let function = deployment.outputs["FunctionName"].as_str().unwrap();
    let line =
        format!("policy iam --quiet --rehearse --account 123456789012 --function {function}");
    let variables = [("IAM_USER_TABLE", ROSTER)];
    let policy = env.keysync_line(&line, &variables).await;
    assert_eq!(policy.code, 0, "{policy:?}");
    let (id, secret) = env.operator(&policy.out).await;
    let authority = deployment.stack.text("/aws/caFile");
    let operator = [
        ("IAM_USER_TABLE", ROSTER),
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
        ("AWS_CA_BUNDLE", authority.as_str()),
    ];

    for version in 1..=2 {
        let output = rehearse(&deployment, &env, "--wait 60", &operator).await;
        assert_eq!(output.code, 0, "{output:?}");
        assert_valid(&output, "rehearsal");
        assert_eq!(stages(&output, "pass"), ALL, "{output:?}");
        assert_eq!(output.err, "");
        let state = env.state(USER).await.unwrap();
        assert_eq!(state["vaultVersion"], version);
        assert!(state["retiredAt"].is_string());
        assert!(!env.has_parameter(USER).await);
    }

    // Nothing is put for a user who exists.
    for arguments in ["--user alice", "--user listed"] {
        let output = rehearse(&deployment, &env, arguments, &operator).await;
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
        assert!(output.err.contains("denied"), "{output:?}");
    }
    let key = env.rotate("alice").await;
    let root = [operator[0], operator[3]];
    for (arguments, expected) in [
        ("--user alice", "alice_keys exists"),
        ("--user listed", "on the platform's roster"),
    ] {
        let output = rehearse(&deployment, &env, arguments, &root).await;
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.err.contains(expected), "{output:?}");
    }
    crate::deployment::wait_until_synced(&env, &["alice".to_owned()], &[key]).await;
    env.delete("alice").await;
    let output = rehearse(&deployment, &env, "--user alice", &root).await;
    assert!(output.err.contains("the state records a key"), "{output:?}");
}

#[tokio::test]
async fn rehearsal_follows_the_targets_document() {
    let deployment = Deployment::start(&[], &json!({"onUserDeleted": "soft-delete"}));
    let env = deployment.env().await;
    let entry = |user: &str, names: &[&str]| {
        let targets = names.iter().map(|name| env.target(name));
        json!({"name": env.parameter(user), "targets": targets.collect::<Vec<_>>()})
    };
    let document = json!({"parameters": [entry("alice", &["alice"])]});
    env.store("targets.json", document.to_string()).await;
    let output = rehearse(&deployment, &env, "", &[]).await;
    assert_eq!(output.code, 1, "{output:?}");
    let expected = format!("{USER}: untargeted: the targets");
    assert!(output.err.contains(&expected), "{output:?}");
    assert!(!env.has_parameter(USER).await);

    let mut document = json!({"parameters": [entry(USER, &["first", "second"])]});
    document["parameters"][0]["targets"][0]["merge"] = json!(false);
    env.store("targets.json", document.to_string()).await;
    let rule = |kind, capabilities: &str| {
        let folder = &env.folder;
        format!("path \"secret/{kind}/{folder}/+\" {{ capabilities = [{capabilities}] }}\n")
    };
    let policy = rule("data", r#""create", "update", "patch""#)
        + &rule("metadata", r#""read", "patch""#)
        + &rule("delete", r#""update""#);
    env.store_token(&env.token_with_policy(&policy).await).await;
    let setting = [("ON_USER_DELETED", "soft-delete")];
    let output = rehearse(&deployment, &env, "--wait 60", &setting).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(stages(&output, "pass"), ALL, "{output:?}");
    let text = output.out;
    assert!(
        text.contains("/first") && text.contains("/second"),
        "{text}"
    );
    assert!(text.contains("/first (deleted)"), "{text}");
}

/// Enables or disables the rule of the deployment.
async fn set_rule(deployment: &Deployment, action: &str) {
    let stack: &Stack = &deployment.stack;
    let name = deployment.outputs["RuleName"].as_str().unwrap();
    let scope = "Credential=test/20260101/ca-central-1/events/aws4_request";
    let answer = reqwest::Client::new()
        .post(stack.text("/aws/endpoint"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSEvents.{action}"))
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none"),
        )
        .body(json!({"Name": name}).to_string())
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

async fn assert_broken(deployment: &Deployment, env: &TestEnv<'_>, part: &str) {
    // Another token than that of the function, which may be the broken part.
    let token = deployment.stack.token("sync", "1h");
    let variables = [("VAULT_TOKEN", token.as_str())];
    // Before 30 s, a missing event proves nothing.
    let wait = if part == "rule" {
        "--wait 30"
    } else {
        "--wait 6"
    };
    let output = rehearse(deployment, env, wait, &variables).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert_valid(&output, "rehearsal");
    let failed = stages(&output, "fail");
    assert_eq!(failed[..2], ["event path", part], "{output:?}");
    assert!(failed[2..].iter().all(|other| other == part), "{output:?}");
    assert!(stages(&output, "pass").contains(&"cleanup".to_owned()));
    assert!(!env.has_parameter(USER).await);
    let stages = output.json()["stages"].take();
    let broken = stages.as_array().unwrap().iter();
    let mut broken = broken.filter(|stage| stage["status"] == "fail");
    assert!(broken.all(|stage| stage["remedy"].is_string()), "{stages}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rehearsal_names_each_part_that_does_not_work() {
    let deployment = Deployment::start(&[], &json!({}));
    let env = deployment.env().await;

    set_rule(&deployment, "DisableRule").await;
    assert_broken(&deployment, &env, "rule").await;
    set_rule(&deployment, "EnableRule").await;

    assert_other_settings_are_named(&deployment, &env).await;

    deployment.deploy(&json!({"enabled": false}));
    assert_broken(&deployment, &env, "mapping").await;
    assert_interrupt_deletes_the_parameter(&env).await;

    deployment.deploy(&json!({"vaultAddr": "https://127.0.0.1:9"}));
    assert_broken(&deployment, &env, "network").await;

    // The function is restarted with it, so it holds no other token.
    env.store_token("hvs.dead").await;
    deployment.deploy(&json!({"memoryMib": 512}));
    assert_broken(&deployment, &env, "token").await;

    // With the function's own token, nothing is put.
    let output = rehearse(&deployment, &env, "", &[]).await;
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert!(output.err.contains("keysync token"), "{output:?}");

    env.store_token(&deployment.stack.token("sync", "72h"))
        .await;
    let output = rehearse(&deployment, &env, "--wait 60", &[]).await;
    assert_eq!(output.code, 0, "{output:?}");
}

/// Rehearses with another prefix than the function has.
async fn assert_other_settings_are_named(deployment: &Deployment, env: &TestEnv<'_>) {
    let elsewhere = [("VAULT_PATH_PREFIX", "elsewhere")];
    let root = deployment.stack.text("/vault/rootToken");
    let variables = [elsewhere[0], ("VAULT_TOKEN", root.as_str())];
    let output = rehearse(deployment, env, "--wait 6", &variables).await;
    assert_eq!(
        stages(&output, "fail"),
        ["event path", "settings"],
        "{output:?}"
    );
    let expected = "the function wrote secret/aws/iam-keys/keysync-rehearsal at https://";
    assert!(output.out.contains(expected), "{output:?}");
    // The clean-up retires the user, whom the next rehearsal needs.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !env.state(USER).await.unwrap()["retiredAt"].is_string() {
        assert!(Instant::now() < deadline, "the user is not retired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Interrupts a rehearsal that waits for Vault.
async fn assert_interrupt_deletes_the_parameter(env: &TestEnv<'_>) {
    let child = start(&["rehearse", "--json"], &env.environment());
    let deadline = Instant::now() + Duration::from_secs(20);
    while !env.has_parameter(USER).await {
        assert!(Instant::now() < deadline, "nothing was put");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-s", "INT", &pid]).status();
    assert!(killed.unwrap().success());
    let output = finish(child, "").await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("deleting the parameter"), "{output:?}");
    let last: Value = output.json()["stages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        (&last["name"], &last["status"]),
        (&json!("cleanup"), &json!("pass"))
    );
    assert!(!env.has_parameter(USER).await);
}
