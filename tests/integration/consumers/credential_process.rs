//! `vault-credential-process` with a real Vault: its answer, its failures and its cache.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    let key = Key::new();
    let fields = json!({"AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret});
    write(&env, "alice", fields).await;
    for accepted in [901, 43200] {
        script.set("KEY_LIFETIME_SECONDS", &accepted.to_string());
        let lifetime = assert_answer(&script.run().await, &key);
        assert!((accepted - 10..=accepted).contains(&lifetime), "{lifetime}");
    }
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
    let many_digits = "9".repeat(5000);
    for lifetime in ["an hour", "0", "900", "43201", "9999999", &many_digits] {
        script.set("KEY_LIFETIME_SECONDS", lifetime);
        assert_failure(
            &script.run().await,
            "KEY_LIFETIME_SECONDS is not 901 to 43200",
        );
    }
    script.set("KEY_LIFETIME_SECONDS", "3600");
    for address in [
        "vault.example.org",
        "https://",
        "https://vault.example.org:82OO",
    ] {
        script.set("VAULT_ADDR", address);
        assert_failure(&script.run().await, "VAULT_ADDR is not a URL");
    }
    for address in ["http://vault.example.org:8200", "http://10.0.0.1"] {
        script.set("VAULT_ADDR", address);
        assert_failure(&script.run().await, "only for a loopback host");
    }
    // No server listens on this port.
    for address in ["http://localhost:1", "http://127.0.0.2:1", "http://[::1]:1"] {
        script.set("VAULT_ADDR", address);
        assert_failure(&script.run().await, "reading secret/");
    }
    script.set("VAULT_ADDR", &env.stack.text("/vault/addr"));
    // The error of such a header would contain the token.
    let invalid = script.folder.path("invalid");
    std::fs::write(&invalid, format!("hvs.{}\nx", "a".repeat(24))).unwrap();
    script.set("VAULT_TOKEN_FILE", &invalid);
    assert_failure(&script.run().await, "is not a token");
    let missing = script.folder.path("missing");
    script.set("VAULT_TOKEN_FILE", &missing);
    assert_failure(&script.run().await, "is the agent running?");
}

/// An answer of Vault with the key, and with as many bytes more.
fn vault_answer(key: &Key, padding: usize) -> String {
    let data = json!({"accessKeyId": key.id, "secretAccessKey": key.secret});
    json!({"data": {"data": data}, "padding": "x".repeat(padding)}).to_string()
}

/// Serves the body to each request, some bytes every 100 milliseconds. Returns the address.
fn serve(body: String, bytes_at_once: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]).unwrap();
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            connection.write_all(head.as_bytes()).unwrap();
            for part in body.as_bytes().chunks(bytes_at_once) {
                if connection.write_all(part).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    address
}

#[tokio::test]
async fn credential_process_limits_the_time_and_the_size_of_an_answer() {
    let env = TestEnv::new().await;
    let mut script = Script::new(&env, "alice").await;
    let (key, cache) = (Key::new(), script.folder.path("cache"));
    script.set("KEY_CACHE_FILE", &cache);
    script.set("VAULT_ADDR", &serve(vault_answer(&key, 0), 4096));
    assert_answer(&script.run().await, &key);

    let other = Key::new();
    script.set("VAULT_ADDR", &serve(vault_answer(&other, 2 << 20), 2 << 20));
    let output = script.run().await;
    assert_answer(&output, &key);
    assert!(output.err.contains("repeating"), "{}", output.err);

    // This answer takes 30 seconds, and each wait for a byte only a tenth of one.
    script.set("VAULT_ADDR", &serve(vault_answer(&other, 200), 1));
    let started = Instant::now();
    let output = script.run().await;
    assert!(started.elapsed() < Duration::from_secs(15));
    assert_answer(&output, &key);
    assert!(output.err.contains("within 10 seconds"), "{}", output.err);
}

#[tokio::test]
async fn credential_process_rejects_answers_that_are_no_secret() {
    let env = TestEnv::new().await;
    let mut script = Script::new(&env, "alice").await;
    for (body, mentioned) in [
        // A secret of the version 1 with the field `data`.
        (
            r#"{"data": {"data": "text"}}"#,
            "not a secret of a KV version 2",
        ),
        (
            r#"{"data": {"data": [1]}}"#,
            "not a secret of a KV version 2",
        ),
        (r#"{"data": null}"#, "not a secret of a KV version 2"),
        ("[]", "not a secret of a KV version 2"),
        ("<html>", "JSONDecodeError"),
        (&"[".repeat(100_000), "RecursionError"),
    ] {
        script.set("VAULT_ADDR", &serve(body.to_owned(), body.len()));
        assert_failure(&script.run().await, mentioned);
    }
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

    // After a reboot, the agent cannot get a token from Vault.
    let (token, missing) = (script.folder.path("token"), script.folder.path("missing"));
    script.set("VAULT_TOKEN_FILE", &missing);
    assert_answer(&script.run().await, &key);
    script.set("VAULT_TOKEN_FILE", &token);
    // A repeated key is offered for an hour at most.
    script.set("KEY_LIFETIME_SECONDS", "43200");
    let lifetime = assert_answer(&script.run().await, &key);
    assert!(lifetime <= 3600, "{lifetime}");
    script.set("KEY_LIFETIME_SECONDS", "3600");

    // A wrong configuration is no outage.
    let authority = env.stack.text("/vault/caFile");
    script.set("VAULT_CACERT", &missing);
    assert_failure(&script.run().await, "VAULT_CACERT");
    script.set("VAULT_CACERT", &token);
    assert_failure(&script.run().await, "VAULT_CACERT");
    script.set("VAULT_ADDR", &address);
    script.set("VAULT_CACERT", "");
    assert_failure(&script.run().await, "certificate");
    script.set("VAULT_CACERT", &authority);

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

    entry["readAt"] = json!(jiff::Timestamp::now().as_second() - 1);
    for damaged in [json!(5), json!([]), json!([1, 2]), json!("XYZ")] {
        entry["key"] = damaged;
        std::fs::write(&cache, entry.to_string()).unwrap();
        assert_failure(&script.run().await, "refused");
    }
}

#[tokio::test]
async fn credential_process_leaves_no_file_after_a_failed_write() {
    let env = TestEnv::new().await;
    let mut script = Script::new(&env, "alice").await;
    let (key, cache) = (Key::new(), script.folder.path("cache"));
    write(
        &env,
        "alice",
        json!({"accessKeyId": key.id, "secretAccessKey": key.secret}),
    )
    .await;
    // A file does not replace a folder.
    std::fs::create_dir(&cache).unwrap();
    script.set("KEY_CACHE_FILE", &cache);
    for _ in 0..2 {
        let output = script.run().await;
        assert_answer(&output, &key);
        assert!(output.err.contains("writing the cache"), "{}", output.err);
    }
    let files = std::fs::read_dir(&script.folder.0).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["cache", "token"]);
}

fn assert_private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
