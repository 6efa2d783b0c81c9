//! `infra/vault/setup.sh` against a real server: what it makes, a sync can live on; and no more than that.

use std::os::unix::fs::symlink;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::command::Said;
use crate::corner::Corner;
use crate::stack::checkout;

/// A folder with the server's own client under its name, removed at the end.
struct Tools(std::path::PathBuf);

impl Tools {
    fn with_bao() -> Self {
        let folder = std::env::temp_dir().join(format!("keysync-tools-{:016x}", fastrand::u64(..)));
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

/// Runs a shell command as Vault's root.
async fn as_root(corner: &Corner<'_>, tools: &Tools, command: &str, input: &str) -> Said {
    let mut child = Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .current_dir(checkout())
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", tools.0.display()))
        .env("HOME", &tools.0)
        .env("VAULT_ADDR", corner.stack.text("/vault/addr"))
        .env("VAULT_CACERT", corner.stack.text("/vault/caFile"))
        .env("VAULT_TOKEN", corner.stack.text("/vault/rootToken"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let ended = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        code: ended.status.code().unwrap_or(-1),
        out: text(ended.stdout),
        err: text(ended.stderr),
    }
}

/// Runs the script with the policy of this corner, then the command that it tells; the token that comes of it.
async fn set_up(corner: &Corner<'_>, name: &str, options: &str) -> Result<String, String> {
    let tools = Tools::with_bao();
    let policy = corner.keysync(&["policy", "vault"]).await.out;
    let script = format!("infra/vault/setup.sh --name {name} {options} -");
    for _again in 0..2 {
        let said = as_root(corner, &tools, &script, &policy).await;
        assert_eq!(said.code, 0, "{said:?}");
    }
    let told = as_root(corner, &tools, &script, &policy).await.out;
    let command = told.split_once("\n\n").unwrap().1;
    let (make, import) = command.rsplit_once('|').unwrap();
    assert_eq!(import.trim(), "keysync token import");
    let wrapped = as_root(corner, &tools, make, "").await;
    assert_eq!(wrapped.code, 0, "{wrapped:?}");
    let (status, answer) = unwrap(corner, wrapped.out.trim()).await;
    let token = answer.pointer("/auth/client_token").and_then(Value::as_str);
    token
        .map(str::to_owned)
        .ok_or_else(|| format!("{status}: {answer}"))
}

async fn unwrap(corner: &Corner<'_>, wrapped: &str) -> (u16, Value) {
    corner
        .vault(
            Method::POST,
            "sys/wrapping/unwrap",
            Some(json!({"token": wrapped})),
        )
        .await
}

/// A token of 48 h with the corner's policy: an orphan that renewals prolong without any warning, and that writes keys.
async fn a_sync_lives_on(corner: &Corner<'_>, token: &str) {
    let (_, about) = corner
        .vault(
            Method::POST,
            "auth/token/lookup",
            Some(json!({"token": token})),
        )
        .await;
    let about = &about["data"];
    assert_eq!(
        (&about["orphan"], &about["policies"]),
        (&json!(true), &json!(["default", corner.bucket]))
    );
    corner.store_token(token).await;
    let renewed = corner
        .keysync(&["token", "renew", "--output", "json"])
        .await
        .json();
    assert_eq!(
        (&renewed["ttlSeconds"], &renewed["warnings"]),
        (&json!(172_800), &json!([])),
        "{renewed}"
    );
    let key = corner.rotate("alice").await;
    let said = corner.keysync(&["sync", "alice"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(corner.key("alice").await.unwrap().0, key);
}

#[tokio::test]
async fn a_token_role_makes_tokens_that_a_sync_can_live_on() {
    let corner = Corner::new().await;
    let token = set_up(&corner, &corner.bucket, "--period 48h --cidrs 127.0.0.1/32")
        .await
        .unwrap();
    a_sync_lives_on(&corner, &token).await;
}

#[tokio::test]
async fn a_token_is_of_no_use_elsewhere() {
    let corner = Corner::new().await;
    let token = set_up(&corner, &corner.bucket, "--cidrs 192.0.2.0/24")
        .await
        .unwrap();
    corner.store_token(&token).await;
    corner.rotate("alice").await;
    let said = corner.keysync(&["sync", "alice"]).await;
    assert_eq!(said.code, 1, "this is not 192.0.2.0/24: {said:?}");
    assert!(corner.key("alice").await.is_none());
}

#[tokio::test]
async fn an_app_role_makes_tokens_that_a_sync_can_live_on() {
    let corner = Corner::new().await;
    let token = set_up(&corner, &corner.bucket, "--approle --period 48h")
        .await
        .unwrap();
    a_sync_lives_on(&corner, &token).await;
}

#[tokio::test]
async fn wrong_usage_is_told() {
    let corner = Corner::new().await;
    let tools = Tools::with_bao();
    for (arguments, complaint) in [
        ("--priod 1h", "unknown option --priod; see --help"),
        ("--period", "--period needs a value"),
        (
            "nowhere.hcl",
            "nowhere.hcl cannot be read; expected a policy, see --help",
        ),
        (
            "-",
            "the policy is empty; did `keysync policy vault` complain?",
        ),
    ] {
        let said = as_root(
            &corner,
            &tools,
            &format!("infra/vault/setup.sh {arguments}"),
            "",
        )
        .await;
        assert_eq!(
            (said.code, said.err),
            (2, format!("infra/vault/setup.sh: {complaint}\n"))
        );
    }
}
