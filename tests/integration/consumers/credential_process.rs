//! `vault-credential-process` with a real Vault: its answer, its failures and its cache.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::command::{CommandOutput, spawn, wait};
use crate::stack::checkout;
use crate::test_env::{Key, TestEnv, assert_no_secret};

/// A private folder of a test, removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("consumers-{:016x}", fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The script with an environment, which a test can change.
struct Script {
    folder: Folder,
    path: String,
    variables: Vec<(String, String)>,
}

impl Script {
    /// Returns a script whose token may read only the secret of the user.
    async fn new(env: &TestEnv<'_>, user: &str) -> Self {
        let (folder, path) = (Folder::new(), env.path(user));
        let policy = format!("path \"secret/data/{path}\" {{ capabilities = [\"read\"] }}");
        let token = env.token_with_policy(&policy).await;
        std::fs::write(folder.path("token"), format!("{token}\n")).unwrap();
        let variables = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("VAULT_ADDR", env.stack.text("/vault/addr")),
            ("VAULT_CACERT", env.stack.text("/vault/caFile")),
            ("VAULT_TOKEN_FILE", folder.path("token")),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Self {
            folder,
            path,
            variables: variables.to_vec(),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    async fn run_with(&self, arguments: &[&str]) -> CommandOutput {
        let script = "examples/consumers/credential-process/vault-credential-process";
        // The shebang would use a Python of the PATH; this one is that of the local stack.
        let mut python = Command::new(checkout().join(".local/venv/bin/python"));
        python
            .arg("-I")
            .arg(checkout().join(script))
            .args(arguments);
        let output = wait(spawn(&mut python, &self.variables), "").await;
        assert_no_secret("standard error", &output.err);
        output
    }

    async fn run(&self) -> CommandOutput {
        self.run_with(&["secret", &self.path]).await
    }
}

/// Fails unless the output is the key in the format of the SDKs; returns its lifetime in seconds.
fn assert_answer(output: &CommandOutput, key: &Key) -> i64 {
    assert_eq!(output.code, 0, "{}", output.err);
    let mut answer = output.json();
    let expiry = answer["Expiration"].take();
    assert_eq!(
        answer,
        json!({
            "Version": 1, "AccessKeyId": key.id, "SecretAccessKey": key.secret,
            "Expiration": null,
        })
    );
    let expiry: jiff::Timestamp = expiry.as_str().unwrap().parse().unwrap();
    expiry.as_second() - jiff::Timestamp::now().as_second()
}

fn assert_failure(output: &CommandOutput, mentioned: &str) {
    assert_eq!(
        (output.code, output.out.as_str()),
        (1, ""),
        "{}",
        output.err
    );
    assert!(output.err.contains(mentioned), "{}", output.err);
    assert_eq!(output.err.lines().count(), 1, "{}", output.err);
}

async fn write(env: &TestEnv<'_>, user: &str, data: Value) {
    let path = format!("secret/data/{}", env.path(user));
    let (status, _) = env
        .vault(Method::POST, &path, Some(json!({"data": data})))
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn credential_process_answers_the_current_key_with_an_expiry() {
    let env = TestEnv::new().await;
    let mut script = Script::new(&env, "alice").await;
    for _ in 0..2 {
        let key = env.rotate("alice").await;
        assert_eq!(env.keysync(&["sync", "alice"]).await.code, 0);
        let lifetime = assert_answer(&script.run().await, &key);
        assert!((3590..=3600).contains(&lifetime), "{lifetime}");
    }
    script.set("KEY_LIFETIME_SECONDS", "1200");
    let key = Key::new();
    let fields = json!({"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret});
    write(&env, "alice", fields).await;
    let lifetime = assert_answer(&script.run().await, &key);
    assert!((1190..=1200).contains(&lifetime), "{lifetime}");
}

#[tokio::test]
async fn credential_process_names_its_failures() {
    let env = TestEnv::new().await;
    let mut script = Script::new(&env, "alice").await;
    assert_failure(&script.run().await, "HTTP status 404");
    write(
        &env,
        "alice",
        json!({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "password": "x"}),
    )
    .await;
    assert_failure(&script.run().await, "has no fields AWS_ACCESS_KEY_ID");
    assert_failure(
        &script.run_with(&["secret", "other"]).await,
        "HTTP status 403",
    );
    assert_failure(&script.run_with(&["secret"]).await, "usage");
    script.set("VAULT_CACERT", "");
    assert_failure(&script.run().await, "certificate");
    script.set("KEY_LIFETIME_SECONDS", "an hour");
    assert_failure(&script.run().await, "KEY_LIFETIME_SECONDS");
    script.set("KEY_LIFETIME_SECONDS", "3600");
    // The error of such a header would contain the token.
    let invalid = script.folder.path("invalid");
    std::fs::write(&invalid, format!("hvs.{}\nx", "a".repeat(24))).unwrap();
    script.set("VAULT_TOKEN_FILE", &invalid);
    assert_failure(&script.run().await, "is not a token");
    let missing = script.folder.path("missing");
    script.set("VAULT_TOKEN_FILE", &missing);
    assert_failure(&script.run().await, "is the agent running?");
}

#[tokio::test]
async fn credential_process_repeats_the_last_key_while_vault_is_unavailable() {
    let env = TestEnv::new().await;
    let mut script = Script::new(&env, "alice").await;
    let (key, cache) = (Key::new(), script.folder.path("cache"));
    let fields = json!({"accessKeyId": key.id, "secretAccessKey": key.secret});
    write(&env, "alice", fields).await;
    let address = env.stack.text("/vault/addr");
    let unavailable = "https://127.0.0.1:1";

    script.set("VAULT_ADDR", unavailable);
    script.set("KEY_CACHE_FILE", &cache);
    assert_failure(&script.run().await, "refused");
    script.set("VAULT_ADDR", &address);
    assert_answer(&script.run().await, &key);
    assert_private(Path::new(&cache));
    script.set("VAULT_ADDR", unavailable);
    let output = script.run().await;
    assert_answer(&output, &key);
    assert!(
        output.err.contains("repeating the last key"),
        "{}",
        output.err
    );
    assert_failure(&script.run_with(&["secret", "other"]).await, "refused");

    // A refusal is no outage.
    script.set("VAULT_ADDR", &address);
    write(&env, "alice", json!({"other": "field"})).await;
    assert_failure(&script.run().await, "has no fields");
    std::fs::write(script.folder.path("token"), "invalid").unwrap();
    assert_failure(&script.run().await, "HTTP status 403");

    script.set("VAULT_ADDR", unavailable);
    let mut entry: Value = serde_json::from_slice(&std::fs::read(&cache).unwrap()).unwrap();
    entry["readAt"] = json!(entry["readAt"].as_f64().unwrap() - 12.0 * 3600.0);
    std::fs::write(&cache, entry.to_string()).unwrap();
    assert_failure(&script.run().await, "refused");
}

fn assert_private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
