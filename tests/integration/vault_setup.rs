//! `infra/vault/setup.sh` with a real server: its tokens suffice for a sync, and for no more.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::command::{CommandOutput, spawn, wait};
use crate::stack::checkout;
use crate::test_env::TestEnv;

/// A folder with the `bao` client of the stack, removed on drop.
struct Tools(PathBuf);

impl Tools {
    fn new() -> Self {
        let name = format!("keysync-tools-{:016x}", fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        symlink(checkout().join(".local/venv/bin/bao"), folder.join("bao")).unwrap();
        Self(folder)
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a shell command with Vault's root token.
async fn run_as_root(env: &TestEnv<'_>, command: &str, input: &str) -> CommandOutput {
    let tools = Tools::new();
    let environment = [
        ("PATH", format!("{}:/usr/bin:/bin", tools.0.display())),
        ("HOME", tools.0.display().to_string()),
        ("VAULT_ADDR", env.stack.text("/vault/addr")),
        ("VAULT_CACERT", env.stack.text("/vault/caFile")),
        ("VAULT_TOKEN", env.stack.text("/vault/rootToken")),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", command])
        .current_dir(checkout());
    wait(spawn(&mut bash, &environment), input).await
}

/// Runs the script with the policy of this environment; returns what it prints.
async fn run_script(env: &TestEnv<'_>, options: &str) -> String {
    let policy = env.keysync(&["policy", "vault"]).await.out;
    let script = format!("infra/vault/setup.sh --name {} {options} -", env.bucket);
    let output = run_as_root(env, &script, &policy).await;
    assert_eq!(output.code, 0, "{options}: {output:?}");
    output.out
}

/// Runs the script with the policy of this environment, then the command that it prints; returns
/// the token.
async fn set_up(env: &TestEnv<'_>, options: &str) -> String {
    let mut printed = String::new();
    for _run in 0..3 {
        printed = run_script(env, options).await;
    }
    let command = printed.split_once("\n\n").unwrap().1;
    let (create, import) = command.rsplit_once('|').unwrap();
    assert_eq!(import.trim(), "keysync token import");
    let wrapped = run_as_root(env, create, "").await;
    assert_eq!(wrapped.code, 0, "{wrapped:?}");
    let body = json!({"token": wrapped.out.trim()});
    let (_, answer) = env
        .vault(Method::POST, "sys/wrapping/unwrap", Some(body))
        .await;
    let token = answer.pointer("/auth/client_token").and_then(Value::as_str);
    token
        .unwrap_or_else(|| panic!("no token in {answer}"))
        .to_owned()
}

/// Fails unless the token is an orphan with the policy, can be renewed, and suffices for a sync.
async fn assert_suitable(env: &TestEnv<'_>, token: &str) {
    let lookup = Some(json!({"token": token}));
    let (_, lookup) = env.vault(Method::POST, "auth/token/lookup", lookup).await;
    let facts = &lookup["data"];
    assert_eq!(facts["orphan"], true);
    assert_eq!(facts["policies"], json!(["default", env.bucket]));
    env.store_token(token).await;
    let renewed = env
        .keysync(&["token", "renew", "--output", "json"])
        .await
        .json();
    assert_eq!(renewed["ttlSeconds"], 172_800, "{renewed}");
    assert_eq!(renewed["warnings"], json!([]), "{renewed}");
    let key = env.rotate("alice").await;
    let output = env.keysync(&["sync", "alice"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(env.key("alice").await.unwrap().0, key);
}

#[tokio::test]
async fn vault_setup_creates_a_token_role() {
    let env = TestEnv::new().await;
    let token = set_up(&env, "--period 48h --cidrs 127.0.0.1/32").await;
    assert_suitable(&env, &token).await;
}

#[tokio::test]
async fn vault_setup_creates_an_app_role() {
    let env = TestEnv::new().await;
    let token = set_up(&env, "--approle --period 48h").await;
    assert_suitable(&env, &token).await;
}

#[tokio::test]
async fn vault_setup_binds_the_token_to_addresses() {
    let env = TestEnv::new().await;
    let token = set_up(&env, "--cidrs 192.0.2.0/24").await;
    env.store_token(&token).await;
    env.rotate("alice").await;
    let output = env.keysync(&["sync", "alice"]).await;
    assert_eq!(
        output.code, 1,
        "this host is not in 192.0.2.0/24: {output:?}"
    );
    assert!(env.key("alice").await.is_none());
}

#[tokio::test]
async fn vault_setup_keeps_what_no_option_names() {
    let env = TestEnv::new().await;
    for (kind, folder) in [("", "token/roles"), ("--approle", "approle/role")] {
        let path = format!("auth/{folder}/{}", env.bucket);
        run_script(&env, kind).await;
        let (_, role) = env.vault(Method::GET, &path, None).await;
        assert_eq!(role["data"]["token_period"], 259_200, "{role}");

        let options = format!("{kind} --period 48h --cidrs 192.0.2.0/24,198.51.100.0/24");
        run_script(&env, &options).await;
        let (_, first) = env.vault(Method::GET, &path, None).await;
        let cidrs = first["data"]["token_bound_cidrs"].as_array();
        assert_eq!(cidrs.map(Vec::len), Some(2), "{first}");
        run_script(&env, kind).await;
        let (_, second) = env.vault(Method::GET, &path, None).await;
        assert_eq!(second["data"], first["data"]);

        run_script(&env, &format!("{kind} --period 24h")).await;
        let (_, third) = env.vault(Method::GET, &path, None).await;
        let mut expected = first["data"].clone();
        expected["token_period"] = json!(86_400);
        assert_eq!(third["data"], expected);
        run_script(&env, &format!("{kind} --cidrs ''")).await;
        let (_, last) = env.vault(Method::GET, &path, None).await;
        let cidrs = last["data"]["token_bound_cidrs"].as_array();
        assert!(cidrs.is_none_or(Vec::is_empty), "{last}");
    }
}

#[tokio::test]
async fn vault_setup_can_write_the_policy_alone() {
    let env = TestEnv::new().await;
    run_script(&env, "--policy-only").await;
    let policy = format!("sys/policies/acl/{}", env.bucket);
    let (status, answer) = env.vault(Method::GET, &policy, None).await;
    assert_eq!(status, 200, "{answer}");
    let role = format!("auth/token/roles/{}", env.bucket);
    assert_eq!(env.vault(Method::GET, &role, None).await.0, 404);
}

#[tokio::test]
async fn vault_setup_rejects_invalid_usage() {
    let env = TestEnv::new().await;
    for (arguments, subject) in [
        ("--priod 1h", "--priod"),
        ("--period", "--period"),
        ("nowhere.hcl", "nowhere.hcl"),
        ("-", "the policy is empty"),
        ("--policy-only --approle -", "--policy-only"),
        ("--policy-only --cidrs '' -", "--policy-only"),
    ] {
        let output = run_as_root(&env, &format!("infra/vault/setup.sh {arguments}"), "").await;
        assert_eq!(output.code, 2, "{arguments}: {output:?}");
        assert!(
            output.err.contains(subject),
            "expected {subject:?}: {output:?}"
        );
    }
}

/// The calls that a recording `vault` writes down; it knows no auth method. `ROLE` is its answer to
/// a read of a role.
const RECORDER: &str = r#"#!/bin/bash
printf '%s\n' "$*" >>"$HOME/calls"
cat >/dev/null
[ "$1 $2" = "auth list" ] && echo '{"token/": {}}'
[ "$1 $ROLE" = "read exists" ] && exit
[ "$1" = read ] && echo "$ROLE" >&2 && exit 2
exit 0
"#;

/// What `vault` prints for a role that does not exist.
const ABSENT: &str = "No value found at auth/aws/role/app";

/// Runs the script with a `vault` that records its calls and answers so to a read of a role.
async fn record(options: &str, role: &str) -> (CommandOutput, Vec<String>) {
    use std::os::unix::fs::PermissionsExt;
    let tools = Tools::new();
    let vault = tools.0.join("vault");
    std::fs::write(&vault, RECORDER).unwrap();
    std::fs::set_permissions(&vault, std::fs::Permissions::from_mode(0o755)).unwrap();
    let environment = [
        ("PATH", format!("{}:/usr/bin:/bin", tools.0.display())),
        ("HOME", tools.0.display().to_string()),
        ("VAULT_ADDR", "https://vault.example.org".to_owned()),
        ("ROLE", role.to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let mut bash = Command::new("bash");
    let script = format!("infra/vault/setup.sh {options}");
    bash.args(["-c", &script]).current_dir(checkout());
    let output = wait(spawn(&mut bash, &environment), "path \"x\" {}").await;
    let calls = std::fs::read_to_string(tools.0.join("calls")).unwrap_or_default();
    (output, calls.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn setup_of_a_login_binds_the_role_of_the_function() {
    let role = "arn:aws:iam::123456789012:role/team/function";
    let options =
        format!("--name app --aws {role} --region ca-central-1 --server-id vault.example.org -");
    let (output, calls) = record(&options, ABSENT).await;
    assert_eq!(output.code, 0, "{output:?}");
    let has = |parts: &[&str]| {
        let is = |call: &&String| parts.iter().all(|part| call.contains(part));
        assert!(calls.iter().any(|call| is(&call)), "{parts:?}: {calls:#?}");
    };
    has(&["policy write app -"]);
    has(&["auth enable", "-path=aws aws"]);
    has(&[
        "write auth/aws/config/client",
        "sts_endpoint=https://sts.ca-central-1.amazonaws.com",
        "sts_region=ca-central-1",
        "iam_server_id_header_value=vault.example.org",
    ]);
    has(&[
        "write auth/aws/role/app",
        "auth_type=iam",
        // Vault compares the ARN without its path.
        "bound_iam_principal_arn=arn:aws:iam::123456789012:role/function",
        "resolve_aws_unique_ids=false",
        "token_policies=app",
        "token_type=batch",
        "token_ttl=20m",
    ]);
    for wrong in [
        "--aws -",
        "--aws arn:aws:iam::123456789012:role/* --region ca-central-1 -",
        "--aws arn:aws:sts::123456789012:assumed-role/a/b --region ca-central-1 -",
        "--aws arn:aws:iam::123456789012:role/function -",
        "--region ca-central-1 -",
        "--server-id x -",
    ] {
        let (output, calls) = record(wrong, ABSENT).await;
        assert_eq!(output.code, 2, "{wrong}: {output:?}");
        assert_eq!(calls, [""; 0], "{wrong}");
    }
}

#[tokio::test]
async fn setup_of_a_login_keeps_what_no_option_names() {
    let role = "arn:aws:iam::123456789012:role/function";
    let options = format!("--name app --aws {role} --region ca-central-1");
    let (output, calls) = record(&format!("{options} -"), "exists").await;
    assert_eq!(output.code, 0, "{output:?}");
    let write = calls.last().unwrap();
    assert!(write.starts_with("write auth/aws/role/app "), "{calls:?}");
    assert!(
        !write.contains("token_ttl") && !write.contains("token_bound_cidrs"),
        "{write}"
    );

    let given = format!("{options} --ttl 30m --cidrs 192.0.2.0/24 -");
    let (_, calls) = record(&given, "exists").await;
    let write = calls.last().unwrap();
    let changes = " token_ttl=30m token_bound_cidrs=192.0.2.0/24";
    assert!(write.ends_with(changes), "{write}");

    // Whether the role exists is unknown.
    let (output, calls) = record(&format!("{options} -"), "permission denied").await;
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.err.contains("permission denied"), "{output:?}");
    let writes = |call: &String| call.starts_with("write") || call.starts_with("policy write");
    assert!(!calls.iter().any(writes), "{calls:?}");
}
