//! Answers of Vault and of AWS that have a meaning of their own: what is reported, and with which
//! remedy. Vault's come from a real server, those of AWS from a stand-in.

use axum::Router;
use axum::http::{StatusCode, Uri};
use reqwest::Method;
use serde_json::{Value, json};

use crate::proxy::serve;
use crate::stack::Stack;
use crate::test_env::{TestEnv, outcome, reason};

/// Fails unless the text contains each of these.
#[track_caller]
fn assert_mentions(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "expected {expected:?}: {text}");
    }
}

/// Creates a token with this token role, which it also creates.
async fn token_of_role(env: &TestEnv<'_>, role: &str, properties: Value) -> String {
    env.vault(
        Method::POST,
        &format!("auth/token/roles/{role}"),
        Some(properties),
    )
    .await;
    let (_, answer) = env
        .vault(
            Method::POST,
            &format!("auth/token/create/{role}"),
            Some(json!({})),
        )
        .await;
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_mount_of_version_1_is_named_with_the_plain_secret() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let mount = format!("kv1-{}", env.bucket);
    let kv1 = json!({"type": "kv", "options": {"version": "1"}});
    env.vault(Method::POST, &format!("sys/mounts/{mount}"), Some(kv1))
        .await;
    let rule =
        format!("path \"{mount}/*\" {{ capabilities = [\"create\", \"update\", \"read\"] }}");
    env.store_token(&env.token_with_policy(&rule).await).await;
    env.rotate("alice").await;
    let function = env.function_with(&[("VAULT_MOUNT", &mount)]).await;
    let sync = json!({"action": "sync", "users": ["alice"]});
    let report = function.invoke(&sync).await.unwrap();
    let plain = format!("{mount}/data/{}", env.path("alice"));
    assert_eq!(outcome(&report), "failed");
    assert_mentions(
        reason(&report),
        &["not a KV version 2 mount", &plain, "VAULT_MOUNT"],
    );
}

#[tokio::test]
async fn a_mount_that_requires_check_and_set_is_named() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let mount = format!("cas-{}", env.bucket);
    let kv2 = json!({"type": "kv", "options": {"version": "2"}});
    env.vault(Method::POST, &format!("sys/mounts/{mount}"), Some(kv2))
        .await;
    let config = json!({"cas_required": true});
    // The mount is being upgraded at first.
    while env
        .vault(
            Method::POST,
            &format!("{mount}/config"),
            Some(config.clone()),
        )
        .await
        .0
        != 204
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let rule = format!("path \"{mount}/data/*\" {{ capabilities = [\"create\", \"update\"] }}");
    env.store_token(&env.token_with_policy(&rule).await).await;
    env.rotate("alice").await;
    let variables = [("VAULT_MOUNT", mount.as_str())];
    assert_eq!(env.keysync_line("sync alice", &variables).await.code, 0);
    // Without the state and the metadata, the version is not known.
    env.delete_state("alice").await;
    env.rotate("alice").await;
    let output = env.keysync_line("sync alice", &variables).await;
    assert_eq!(output.code, 1, "{output:?}");
    let text = output.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_mentions(&text, &["requires check-and-set", "metadata"]);
}

#[tokio::test]
async fn a_renewal_without_its_role_is_named() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let role = format!("role-{}", env.bucket);
    let properties = json!({"orphan": true, "token_period": "72h"});
    env.store_token(&token_of_role(&env, &role, properties).await)
        .await;
    let path = format!("auth/token/roles/{role}");
    env.vault(Method::DELETE, &path, None).await;
    let output = env.keysync(&["token", "renew"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert_mentions(&output.err, &["does not exist any longer", "token import"]);
    assert!(!output.err.contains("retry later"), "{output:?}");
}

#[tokio::test]
async fn a_renewal_without_a_lifetime_is_named() {
    let env = TestEnv::new().await;
    let lookup = json!({"data": {
        "ttl": 3600, "creation_ttl": 3600, "creation_time": 1_700_000_000, "renewable": true,
    }});
    for renewal in ["", r#"{"auth": null, "data": null}"#] {
        let lookup = lookup.to_string();
        let answer = async move |uri: Uri| {
            let is_renewal = uri.path().ends_with("renew-self");
            let status = if is_renewal && renewal.is_empty() {
                204
            } else {
                200
            };
            let body = if is_renewal {
                renewal.to_owned()
            } else {
                lookup
            };
            (StatusCode::from_u16(status).unwrap(), body)
        };
        let url = serve(Router::new().fallback(answer)).await;
        let variables = [("VAULT_ADDR", url.as_str()), ("VAULT_CACERT", "")];
        let output = env.keysync_line("token renew", &variables).await;
        assert_eq!(output.code, 1, "{output:?}");
        assert_mentions(&output.err, &["renewed nothing", "token import"]);
    }
}

#[tokio::test]
async fn a_lowered_period_is_no_maximum_lifetime() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let role = format!("role-{}", env.bucket);
    let properties = |period| json!({"orphan": true, "token_period": period});
    env.store_token(&token_of_role(&env, &role, properties("72h")).await)
        .await;
    let path = format!("auth/token/roles/{role}");
    env.vault(Method::POST, &path, Some(properties("24h")))
        .await;
    for renewal in ["first", "second"] {
        let output = env.keysync(&["token", "renew", "--output", "json"]).await;
        let status = output.json();
        assert_eq!(status["warnings"], json!([]), "{renewal}: {status}");
        assert_eq!(status["periodSeconds"], 86400, "{renewal}: {status}");
    }
    let view = env
        .keysync(&["token", "show", "--output", "json"])
        .await
        .json();
    assert_eq!(view["periodSeconds"], 86400, "{view}");
}

#[tokio::test]
async fn a_token_bound_to_other_addresses_is_named() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let role = format!("role-{}", env.bucket);
    let properties =
        |cidr| json!({"orphan": true, "token_period": "72h", "token_bound_cidrs": [cidr]});
    let token = token_of_role(&env, &role, properties("10.1.2.0/24")).await;
    env.store_token(&token).await;
    env.rotate("alice").await;
    for line in ["sync alice", "token show", "token renew", "doctor"] {
        let output = env.keysync_line(line, &[]).await;
        assert_eq!(output.code, 1, "{line}: {output:?}");
        assert_mentions(&output.all(), &["token_bound_cidrs"]);
    }
    let output = env.keysync_with(&["token", "import"], &[], &token).await;
    assert_mentions(&output.err, &["token_bound_cidrs"]);
    // Wrapped, it is used up, but not stolen.
    let path = format!("auth/token/create/{role}");
    let wrapping = env.create_wrapped(&path, None).await;
    let output = env.keysync_with(&["token", "import"], &[], &wrapping).await;
    assert_mentions(&output.err, &["it was unwrapped", "token_bound_cidrs"]);
    assert!(!output.err.contains("another party has"), "{output:?}");
    // From one of its addresses, they are shown.
    env.store_token(&token_of_role(&env, &role, properties("127.0.0.0/8")).await)
        .await;
    let view = env
        .keysync(&["token", "show", "--output", "json"])
        .await
        .json();
    assert_eq!(view["boundCidrs"], json!(["127.0.0.0/8"]), "{view}");
    let output = env.keysync(&["token", "show"]).await;
    assert_mentions(&output.out, &["bound to", "127.0.0.0/8"]);
}

#[tokio::test]
async fn a_token_of_another_namespace_names_the_variable() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let namespace = env.bucket.as_str();
    let path = format!("sys/namespaces/{namespace}");
    env.vault(Method::POST, &path, Some(json!({}))).await;
    let other = format!("{namespace}-other");
    env.vault(
        Method::POST,
        &format!("sys/namespaces/{other}"),
        Some(json!({})),
    )
    .await;
    let wrapping = env
        .create_wrapped("auth/token/create", Some(namespace))
        .await;
    let import = ["token", "import"];
    let output = env.keysync_with(&import, &[], &wrapping).await;
    assert_mentions(&output.err, &["VAULT_NAMESPACE is not set", "not used"]);
    let wrong = [("VAULT_NAMESPACE", "no-such-namespace")];
    let output = env.keysync_with(&import, &wrong, &wrapping).await;
    assert_mentions(
        &output.err,
        &["namespace does not exist", "VAULT_NAMESPACE"],
    );
    // Neither use has used it up.
    let other = [("VAULT_NAMESPACE", other.as_str())];
    let output = env.keysync_with(&import, &other, &wrapping).await;
    assert_mentions(&output.err, &["VAULT_NAMESPACE"]);
    assert!(!output.err.contains("another party has"), "{output:?}");
}

#[tokio::test]
async fn a_wrong_namespace_or_mount_is_not_drift() {
    let env = TestEnv::new().await;
    for user in ["alice", "bob"] {
        env.rotate(user).await;
    }
    assert_eq!(env.keysync(&["reconcile"]).await.code, 0);
    let root = env.stack.text("/vault/rootToken");
    for variable in ["VAULT_NAMESPACE", "VAULT_MOUNT"] {
        let variables = [(variable, "elsewhere"), ("VAULT_TOKEN", root.as_str())];
        let arguments = ["status", "--output", "json"];
        let output = env.keysync_with(&arguments, &variables, "").await;
        assert_eq!(output.code, 1, "{output:?}");
        let status = output.json();
        assert_eq!(status["counts"], json!({"failed": 2}), "{status}");
        let reason = status["users"][0]["reason"].as_str().unwrap();
        assert_mentions(reason, &[variable]);
    }
}

#[tokio::test]
async fn an_aws_error_has_its_own_cause() {
    let env = TestEnv::new().await;
    let date = "Signature expired: 20200101T000000Z is now earlier than 20260101T000000Z";
    for (status, code, message, expected) in [
        (400, "InvalidSignatureException", date, "clock"),
        (400, "InvalidKeyId", "", "KMS key"),
        (400, "KMS.DisabledException", "", "KMS key"),
        (400, "OptInRequired", "", "not signed up"),
        (400, "ExpiredTokenException", "", "credentials"),
        (
            400,
            "BrandNewException",
            "",
            "BrandNewException (HTTP 400), which is unknown here",
        ),
    ] {
        let body = json!({"__type": code, "message": format!("{message} sentinel")}).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        let url = serve(Router::new().fallback(async move || (status, body))).await;
        let variables = [("AWS_ENDPOINT_URL_SSM", url.as_str())];
        let arguments = ["sync", "alice", "--output", "json"];
        let output = env.keysync_with(&arguments, &variables, "").await;
        assert_eq!(output.code, 1, "{output:?}");
        assert_mentions(reason(&output.json()), &[expected]);
        assert!(!output.all().contains("sentinel"), "{output:?}");
    }
    for (status, code, expected) in [
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "InvalidObjectState", "archived"),
        (403, "AllAccessDisabled", "disabled all access"),
        (
            403,
            "BrandNew",
            "BrandNew (HTTP 403), which is unknown here",
        ),
        (418, "", "HTTP 418 without an error code"),
    ] {
        let body = format!("<Error><Code>{code}</Code><Message>sentinel</Message></Error>");
        let body = if code.is_empty() { String::new() } else { body };
        let status = StatusCode::from_u16(status).unwrap();
        let url = serve(Router::new().fallback(async move || (status, body))).await;
        let variables = [("AWS_ENDPOINT_URL_S3", url.as_str())];
        let output = env.keysync_line("token show", &variables).await;
        assert_eq!(output.code, 1, "{output:?}");
        assert_mentions(&output.err, &[expected]);
        assert!(!output.all().contains("sentinel"), "{output:?}");
    }
}

#[tokio::test]
async fn answer_of_a_service_neither_hides_nor_forges_lines() {
    let env = TestEnv::new().await;
    let routes = axum::Router::new().fallback(async || {
        let body = r#"{"__type":"Weird\u001b[8m\n\nbob  in sync","message":"m"}"#;
        let kind = [("content-type", "application/x-amz-json-1.1")];
        (axum::http::StatusCode::BAD_REQUEST, kind, body)
    });
    let url = crate::proxy::serve(routes).await;
    let environment = env.environment_with(&[
        ("AWS_ENDPOINT_URL", &url),
        ("S3_BUCKET_NAME", ""),
        ("VAULT_TOKEN", "unused"),
    ]);
    let output = crate::command::run(&["status", "alice"], &environment).await;
    let text = output.all();
    assert!(
        text.contains("Weird") && !text.contains("\u{1b}[8m"),
        "{text:?}"
    );
    let mut lines = text.lines();
    assert!(
        !lines.any(|line| line.trim_start().starts_with("bob")),
        "{text:?}"
    );
}
