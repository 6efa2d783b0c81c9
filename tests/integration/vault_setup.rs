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

/// Runs the script with the policy of this environment, then the command that it prints; returns
/// the token.
async fn set_up(env: &TestEnv<'_>, options: &str) -> String {
    let policy = env.keysync(&["policy", "vault"]).await.out;
    let script = format!("infra/vault/setup.sh --name {} {options} -", env.bucket);
    let mut printed = String::new();
    for _run in 0..3 {
        let output = run_as_root(env, &script, &policy).await;
        assert_eq!(output.code, 0, "{output:?}");
        printed = output.out;
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
async fn vault_setup_rejects_invalid_usage() {
    let env = TestEnv::new().await;
    for (arguments, subject) in [
        ("--priod 1h", "--priod"),
        ("--period", "--period"),
        ("nowhere.hcl", "nowhere.hcl"),
        ("-", "the policy is empty"),
    ] {
        let output = run_as_root(&env, &format!("infra/vault/setup.sh {arguments}"), "").await;
        assert_eq!(output.code, 2, "{arguments}: {output:?}");
        assert!(
            output.err.contains(subject),
            "expected {subject:?}: {output:?}"
        );
    }
}

/// The calls that a recording `vault` writes down; it knows no auth method.
const RECORDER: &str = r#"#!/bin/bash
printf '%s\n' "$*" >>"$HOME/calls"
cat >/dev/null
[ "$1 $2" = "auth list" ] && echo '{"token/": {}}'
exit 0
"#;

/// Runs the script with a `vault` that records its calls.
async fn record(options: &str) -> (CommandOutput, Vec<String>) {
    use std::os::unix::fs::PermissionsExt;
    let tools = Tools::new();
    let vault = tools.0.join("vault");
    std::fs::write(&vault, RECORDER).unwrap();
    std::fs::set_permissions(&vault, std::fs::Permissions::from_mode(0o755)).unwrap();
    let environment = [
        ("PATH", format!("{}:/usr/bin:/bin", tools.0.display())),
        ("HOME", tools.0.display().to_string()),
        ("VAULT_ADDR", "https://vault.example.org".to_owned()),
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
    let (output, calls) = record(&options).await;
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
        let (output, calls) = record(wrong).await;
        assert_eq!(output.code, 2, "{wrong}: {output:?}");
        assert_eq!(calls, [""; 0], "{wrong}");
    }
}
