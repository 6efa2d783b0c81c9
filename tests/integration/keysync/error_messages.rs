//! Error messages of each command when a service or the configuration has a fault. A message names
//! the fault and the remedy.

use axum::Router;
use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::json;

use super::transcript::{Transcript, assert_matches};
use crate::faults::tls::foreign_authority;
use crate::proxy::serve;
use crate::stack::Stack;
use crate::test_env::{Key, TestEnv};

const COMMANDS: [&str; 6] = [
    "sync alice",
    "plan",
    "reconcile --force",
    "status",
    "explain alice",
    "token show",
];

/// Returns an environment with alice's key, and what no output may contain: the key and the token.
async fn new_env() -> (TestEnv<'static>, Key, String) {
    let env = TestEnv::without_token(Stack::shared()).await;
    let token = env.stack.token("sync", "72h");
    env.store_token(&token).await;
    let key = env.rotate("alice").await;
    (env, key, token)
}

/// Returns the output of commands that fail, each in its own environment with these variables
/// replaced.
async fn failures(lines: &[&str], variables: &[(&str, &str)]) -> String {
    let transcripts = lines.iter().map(async |line| {
        let (env, key, token) = new_env().await;
        let mut transcript = Transcript::new(&env, &[&key.secret, &token]).with(variables);
        transcript.fail(line).await;
        assert_eq!(env.key("alice").await, None, "a key was written");
        transcript.text()
    });
    join_all(transcripts).await.concat()
}

/// Compares the output of commands that fail with a snapshot.
async fn assert_failures(lines: &[&str], variables: &[(&str, &str)], snapshot: &str) {
    assert_matches(&failures(lines, variables).await, snapshot);
}

/// Starts a server that returns this response to every request; returns its address.
async fn respond(status: StatusCode, body: &str) -> String {
    let body = body.to_owned();
    serve(Router::new().fallback(async move || (status, body))).await
}

#[tokio::test]
async fn error_message_for_an_unknown_user() {
    let lines = [
        "sync mallory",
        "plan mallory",
        "explain mallory",
        "status mallory",
    ];
    assert_failures(&lines, &[], "unknown_user").await;
}

#[tokio::test]
async fn error_message_for_aws_without_a_connection() {
    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    assert_failures(&COMMANDS, &nowhere, "aws_unreachable").await;
}

#[tokio::test]
async fn error_message_for_vault_without_a_connection() {
    let nowhere = [("VAULT_ADDR", "https://127.0.0.1:1")];
    assert_failures(&COMMANDS, &nowhere, "vault_unreachable").await;
}

#[tokio::test]
async fn error_message_for_a_vault_name_that_does_not_resolve() {
    let unknown = [("VAULT_ADDR", "https://vault.invalid")];
    assert_failures(&["sync alice", "token show"], &unknown, "vault_unresolved").await;
}

#[tokio::test]
async fn error_message_for_an_untrusted_vault_certificate() {
    let (env, ..) = new_env().await;
    let foreign = foreign_authority(&env);
    let variables = [("VAULT_CACERT", foreign.as_str())];
    assert_failures(&["sync alice", "token show"], &variables, "vault_untrusted").await;
}

#[tokio::test]
async fn error_message_for_a_sealed_vault() {
    // The real server unseals itself after a moment.
    let body = r#"{"errors": ["Vault is sealed"]}"#;
    let sealed = respond(StatusCode::SERVICE_UNAVAILABLE, body).await;
    let variables = [("VAULT_ADDR", sealed.as_str()), ("VAULT_CACERT", "")];
    assert_failures(&["sync alice", "token show"], &variables, "vault_sealed").await;
}

#[tokio::test]
async fn error_message_for_an_invalid_token() {
    let variables = [("VAULT_TOKEN", "hvs.sentinel")];
    assert_failures(&COMMANDS, &variables, "token_invalid").await;
}

#[tokio::test]
async fn error_message_for_a_token_without_the_policy() {
    let (env, key, _) = new_env().await;
    let token = env
        .create_token(&json!({"policies": ["default"], "period": "72h"}))
        .await;
    env.store_token(&token).await;
    let mut transcript = Transcript::new(&env, &[&key.secret, &token]);
    transcript.fail("sync alice").await;
    transcript.fail("reconcile").await;
    transcript.assert_matches("token_without_policy");
}

#[tokio::test]
async fn error_message_for_an_invalid_token_object() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let key = env.rotate("alice").await;
    let mut transcript = Transcript::new(&env, &[&key.secret, "sentinel"]);
    transcript.fail("sync alice").await;
    transcript.fail("token show").await;
    for object in [
        r#"{"token": "sentinel"#,
        r#"["sentinel"]"#,
        r#"{"token": "senti nel"}"#,
        r#"{"token": 7}"#,
        "",
    ] {
        env.store("vault-token.json", object.to_owned()).await;
        transcript.fail("token show").await;
    }
    transcript.assert_matches("token_object_invalid");
}

#[tokio::test]
async fn error_message_for_an_unknown_bucket() {
    let variables = [("S3_BUCKET_NAME", "no-such-bucket")];
    assert_failures(&COMMANDS, &variables, "bucket_unknown").await;
}

#[tokio::test]
async fn error_message_for_a_bucket_of_another_account_or_region() {
    let mut text = String::new();
    for (status, code) in [
        (StatusCode::FORBIDDEN, "AccessDenied"),
        (StatusCode::MOVED_PERMANENTLY, "PermanentRedirect"),
        (StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed"),
    ] {
        let message = "<Message>sentinel-message</Message>";
        let body = format!("<Error><Code>{code}</Code>{message}</Error>");
        let url = respond(status, &body).await;
        let variables = [("AWS_ENDPOINT_URL_S3", url.as_str())];
        text += &failures(&["sync alice", "reconcile"], &variables).await;
    }
    assert!(
        !text.contains("sentinel"),
        "an error message quotes the response: {text}"
    );
    assert_matches(&text, "bucket_denied");
}

#[tokio::test]
async fn error_message_for_parameters_of_another_region() {
    let (env, key, token) = new_env().await;
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("VAULT_TOKEN", token.as_str()),
        ("S3_BUCKET_NAME", ""),
    ];
    let mut transcript = Transcript::new(&env, &[&key.secret, &token]).with(&variables);
    transcript.fail("sync alice").await;
    transcript.run("status").await;
    transcript.assert_matches("region_without_parameters");
}

#[tokio::test]
async fn error_message_without_credentials_or_region() {
    let none = ("AWS_ACCESS_KEY_ID", "");
    let no_host = ("AWS_EC2_METADATA_DISABLED", "true");
    let unreachable_host = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    let lines = ["sync alice", "reconcile", "status"];
    let mut text = failures(&lines, &[none, ("AWS_SECRET_ACCESS_KEY", ""), no_host]).await;
    text += &failures(&["token show"], &[none, unreachable_host]).await;
    text += &failures(&["sync alice", "token show"], &[("AWS_REGION", "")]).await;
    assert_matches(&text, "credentials_missing");
}
