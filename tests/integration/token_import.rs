//! `keysync token import` with a real server.

use reqwest::Method;
use serde_json::{Value, json};

use crate::command::CommandOutput;
use crate::stack::Stack;
use crate::test_env::TestEnv;

/// Returns a new environment without a token, with a policy of its own name for its keys.
async fn new_env() -> TestEnv<'static> {
    let env = TestEnv::without_token(Stack::shared()).await;
    let policy = env.keysync(&["policy", "vault"]).await.out;
    env.policy(&env.bucket, &policy).await;
    env
}

async fn import(env: &TestEnv<'_>, token: &str, options: &[&str]) -> CommandOutput {
    let arguments = [&["token", "import"], options].concat();
    let output = env
        .keysync_with(&arguments, &[], &format!("{token}\n"))
        .await;
    assert!(
        !output.all().contains(token),
        "the token is shown: {output:?}"
    );
    output
}

async fn stored_token(env: &TestEnv<'_>) -> Option<String> {
    let object: Value = serde_json::from_str(&env.object("vault-token.json").await?).unwrap();
    Some(object["token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn token_import_stores_a_periodic_token_for_use() {
    let env = new_env().await;
    let token = env
        .create_token(&json!({"policies": [env.bucket], "period": "72h"}))
        .await;
    let output = import(&env, &token, &[]).await;
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert_eq!(stored_token(&env).await, Some(token));
    let key = env.rotate("alice").await;
    assert_eq!(env.keysync(&["sync", "alice"]).await.code, 0);
    assert_eq!(env.key("alice").await.unwrap().0, key);
}

#[tokio::test]
async fn token_import_unwraps_a_wrapping_token_once() {
    let env = new_env().await;
    env.store("vault-token.json", "damaged".to_owned()).await;
    let properties = json!({"policies": [env.bucket], "period": "72h"});
    let wrapping = env.create_wrapped_token(&properties).await;
    let output = import(&env, &wrapping, &["--output", "json"]).await;
    assert_eq!(
        (output.code, &output.json()["wrapped"]),
        (0, &json!(true)),
        "{output:?}"
    );
    let token = stored_token(&env).await.unwrap();
    assert!(!output.all().contains(&token), "the token is shown");
    let output = import(&env, &wrapping, &[]).await;
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert_eq!(
        stored_token(&env).await,
        Some(token),
        "the stored token remains"
    );
}

#[tokio::test]
async fn token_import_needs_consent_for_token_issues() {
    let env = new_env().await;
    let token = env
        .create_token(&json!({"policies": [env.bucket], "ttl": "10h"}))
        .await;
    let output = import(&env, &token, &[]).await;
    assert_eq!((output.code, stored_token(&env).await), (1, None));
    assert!(output.err.contains("--accept-warnings"), "{output:?}");
    let output = import(&env, &token, &["--accept-warnings"]).await;
    assert_eq!(
        (output.code, stored_token(&env).await),
        (0, Some(token)),
        "{output:?}"
    );
}

#[tokio::test]
async fn token_import_revokes_a_rejected_unwrapped_token() {
    let env = new_env().await;
    let wide = r#"["create", "update", "read"]"#;
    let name = format!("{}-wide", env.bucket);
    env.policy(
        &name,
        &format!("path \"secret/*\" {{ capabilities = {wide} }}"),
    )
    .await;
    let properties = json!({"policies": [name], "period": "72h"});
    let wrapping = env.create_wrapped_token(&properties).await;
    let output = import(&env, &wrapping, &[]).await;
    assert_eq!((output.code, stored_token(&env).await), (1, None));
    assert!(output.err.contains("revoked"), "{output:?}");
}

#[tokio::test]
async fn token_import_logs_in_once_with_an_approle() {
    let env = new_env().await;
    let mount = format!("approle-{:08x}", fastrand::u32(..));
    let post = async |path: &str, body: Value| {
        let (status, answer) = env.vault(Method::POST, path, Some(body)).await;
        assert!(status < 300, "{path}: {answer}");
        answer
    };
    post(&format!("sys/auth/{mount}"), json!({"type": "approle"})).await;
    let role = format!("auth/{mount}/role/app");
    let properties = json!({
        "token_policies": [env.bucket], "token_period": "24h", "secret_id_num_uses": 1,
    });
    post(&role, properties).await;
    let (_, answer) = env
        .vault(Method::GET, &format!("{role}/role-id"), None)
        .await;
    let role_id = answer["data"]["role_id"].as_str().unwrap().to_owned();
    let secret_id = format!("{role}/secret-id");
    let plain = post(&secret_id, json!({})).await["data"]["secret_id"].clone();
    let wrapped = env.create_wrapped(&secret_id, None).await;
    let options = ["--approle", &role_id, "--mount", &mount];
    for given in [plain.as_str().unwrap(), &wrapped] {
        let output = import(&env, given, &options).await;
        assert_eq!(output.code, 0, "{output:?}");
        assert!(output.out.contains("a day or less"), "{output:?}");
        let output = import(&env, given, &options).await;
        assert_eq!(output.code, 1, "used up: {output:?}");
    }
    env.rotate("alice").await;
    assert_eq!(env.keysync(&["sync", "alice"]).await.code, 0);
}
