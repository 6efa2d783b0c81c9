//! The doctor in the function, on real parts: it finds what is wrong, and cries no wolf.

use serde_json::{Value, json};

use crate::corner::Corner;
use crate::faults::vault_away::foreign_authority;
use crate::stack::Stack;

/// The checks of the doctor with these variables set otherwise.
async fn checks(corner: &Corner<'_>, variables: &[(&str, &str)]) -> Vec<Value> {
    // The policies are for this prefix; the doctor puts no key there.
    let narrow = [("VAULT_PATH_PREFIX", "aws/iam-keys")];
    let function = corner.function_with(&[&narrow, variables].concat()).await;
    let answer = function.invoke(&json!({"action": "doctor"})).await.unwrap();
    let checks = answer
        .as_array()
        .unwrap_or_else(|| panic!("no list: {answer}"))
        .clone();
    for check in &checks {
        let passes = check["status"] == "pass";
        assert!(
            check["detail"].is_string() && check["millis"].is_u64(),
            "{check}"
        );
        assert_eq!(
            check["remedy"].as_str().is_none_or(str::is_empty),
            passes,
            "{check}"
        );
    }
    checks
}

/// Name, verdict and detail of those that did not pass.
fn complaints(checks: &[Value]) -> Vec<(&str, &str, &str)> {
    checks
        .iter()
        .filter(|check| check["status"] != "pass")
        .map(|check| ["name", "status", "detail"].map(|name| check[name].as_str().unwrap()))
        .map(|[name, status, detail]| (name, status, detail))
        .collect()
}

#[tokio::test]
async fn a_healthy_deployment_passes_everything() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    encrypt(&corner).await;
    for round in ["first", "again"] {
        let checks = checks(&corner, &[("ON_USER_DELETED", "soft-delete")]).await;
        assert_eq!(complaints(&checks), [], "{round}");
        assert_eq!(checks.len(), 19, "{round}: {checks:#?}");
        assert!(
            checks
                .iter()
                .any(|check| check["detail"] == "with the KMS key 1234"),
            "{checks:#?}"
        );
    }
    assert!(corner.object("sync-state/doctor.json").await.is_some());
    let function = corner.function().await;
    let sweep = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap();
    assert_eq!(
        sweep["counts"]["written"], 1,
        "the probe is nobody's state: {sweep}"
    );
    assert_eq!(sweep["users"].as_array().unwrap().len(), 1, "{sweep}");
}

#[tokio::test]
async fn a_sealed_and_a_stopped_vault_are_told_apart() {
    let stack = Stack::start(&[]);
    let corner = Corner::of(&stack).await;
    corner.rotate("alice").await;
    encrypt(&corner).await;
    for (command, name, detail) in [
        ("seal", "vault-health", "is sealed"),
        ("pause", "vault-tls", "did not answer within the time limit"),
        ("kill", "vault-connection", "connection refused"),
    ] {
        stack.command(&format!("vault {command}"));
        let checks = checks(&corner, &[]).await;
        let found = complaints(&checks);
        assert_eq!(
            (found[0].0, found[0].1),
            (name, "fail"),
            "{command}: {found:#?}"
        );
        assert!(found[0].2.contains(detail), "{command}: {found:#?}");
        assert!(
            found[1..]
                .iter()
                .all(|(.., detail)| *detail == format!("not checked, because {name} failed")),
            "{found:#?}"
        );
        stack.command(match command {
            "seal" => "vault unseal",
            "pause" => "vault resume",
            _ => "vault start",
        });
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_with_its_fault() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    encrypt(&corner).await;
    let foreign = foreign_authority(&corner);
    for authority in [foreign.as_str(), ""] {
        let checks = checks(&corner, &[("VAULT_CACERT", authority)]).await;
        let found = complaints(&checks);
        assert_eq!(
            (found[0].0, found[0].1),
            ("vault-tls", "fail"),
            "{found:#?}"
        );
        assert!(
            found[0].2.contains("issuer that is not trusted"),
            "{found:#?}"
        );
    }
    // The same server under an address that its certificate is not for.
    let relay = relay(
        corner
            .stack
            .text("/vault/addr")
            .trim_start_matches("https://")
            .to_owned(),
    )
    .await;
    let checks = checks(&corner, &[("VAULT_ADDR", &format!("https://{relay}"))]).await;
    let found = complaints(&checks);
    assert_eq!(
        (found[0].0, found[0].1),
        ("vault-tls", "fail"),
        "{found:#?}"
    );
    assert!(found[0].2.contains("for another name"), "{found:#?}");
}

#[tokio::test]
async fn a_mount_that_is_missing_or_of_another_kind_is_told() {
    let corner = Corner::without_token(Stack::shared()).await;
    corner.rotate("alice").await;
    encrypt(&corner).await;
    let rules = ["kv1", "nowhere"].map(|mount| {
        let rule = |path: &str, rights: &str| {
            format!("path \"{mount}/{path}/aws/iam-keys/*\" {{ capabilities = [{rights}] }}\n")
        };
        rule("data", "\"create\", \"update\"") + &rule("metadata", "\"read\"")
    });
    corner
        .vault(
            reqwest::Method::PUT,
            "sys/policies/acl/mounts",
            Some(json!({"policy": rules.concat()})),
        )
        .await;
    corner
        .vault(
            reqwest::Method::POST,
            "sys/mounts/kv1",
            Some(json!({"type": "kv", "options": {"version": "1"}})),
        )
        .await;
    corner
        .store_token(
            &corner
                .stack
                .token_with(&json!({"policy": "mounts", "period": "72h"})),
        )
        .await;
    for (mount, detail) in [
        ("kv1", "kv1/ is KV version 1"),
        ("nowhere", "nowhere: denied"),
    ] {
        let checks = checks(&corner, &[("VAULT_MOUNT", mount)]).await;
        let found = complaints(&checks);
        assert_eq!(
            (found.len(), found[0].0, found[0].1),
            (1, "vault-mount", "fail"),
            "{found:#?}"
        );
        assert!(found[0].2.contains(detail), "{found:#?}");
    }
}

#[tokio::test]
async fn a_token_that_is_dead_or_unfit_is_told() {
    let corner = Corner::without_token(Stack::shared()).await;
    corner.rotate("alice").await;
    encrypt(&corner).await;
    let token = |properties: Value| corner.stack.token_with(&properties);
    let wide = "path \"secret/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\", \"sudo\"] }";
    corner
        .vault(
            reqwest::Method::PUT,
            "sys/policies/acl/wide",
            Some(json!({"policy": wide})),
        )
        .await;
    let root = corner.stack.text("/vault/rootToken");
    for (case, token, expected) in [
        (
            "dead",
            "s.dead".to_owned(),
            vec![("vault-token", "fail", "denied")],
        ),
        ("root", root, vec![("vault-token", "fail", "root token")]),
        (
            "not periodic",
            token(json!({"policy": "sync", "ttl": "10h"})),
            vec![("vault-token", "warn", "not periodic")],
        ),
        (
            "batch",
            token(json!({"policy": "sync", "ttl": "10h", "type": "batch"})),
            vec![("vault-token", "warn", "batch token")],
        ),
        (
            "strict",
            token(json!({"policy": "strict", "period": "72h"})),
            vec![
                ("policy-metadata", "warn", "drift"),
                ("policy-delete", "warn", "soft-delete"),
            ],
        ),
        (
            "without a policy",
            token(json!({"policy": "default", "period": "72h"})),
            vec![
                ("vault-mount", "fail", "denied"),
                ("policy-write", "fail", "create and update"),
                ("policy-metadata", "warn", "drift"),
                ("policy-delete", "warn", "soft-delete"),
            ],
        ),
        (
            "too wide",
            token(json!({"policy": "wide", "period": "72h"})),
            vec![
                ("policy-read", "warn", "may read keys"),
                ("policy-scope", "warn", "beside the prefix"),
            ],
        ),
    ] {
        corner.store_token(&token).await;
        let checks = checks(&corner, &[("ON_USER_DELETED", "soft-delete")]).await;
        let found = complaints(&checks);
        let found = found
            .into_iter()
            .filter(|(.., detail)| *detail != "not checked, because vault-token failed");
        let found = found.collect::<Vec<_>>();
        assert_eq!(found.len(), expected.len(), "{case}: {found:#?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(
                (found.0, found.1),
                (expected.0, expected.1),
                "{case}: {found:?}"
            );
            assert!(found.2.contains(expected.2), "{case}: {found:?}");
        }
        assert!(
            !checks
                .iter()
                .any(|check| check.to_string().contains(&token)),
            "{case}"
        );
    }
}

#[tokio::test]
async fn a_bucket_that_is_missing_or_empty_is_told() {
    let corner = Corner::without_token(Stack::shared()).await;
    let checks = checks(
        &corner,
        &[
            ("S3_BUCKET_NAME", "there-is-no-such-bucket"),
            ("IAM_USER_TABLE", "no-such-table"),
        ],
    )
    .await;
    let found = complaints(&checks);
    let listing = found
        .iter()
        .find(|(name, ..)| *name == "state-listing")
        .unwrap();
    assert_eq!(
        (listing.1, listing.2),
        (
            "fail",
            "listing the states s3://there-is-no-such-bucket/sync-state/users/: it does not exist"
        )
    );
    for name in ["state-writes", "state-encryption", "token-object"] {
        assert!(
            found.contains(&(name, "fail", "not checked, because state-listing failed")),
            "{found:#?}"
        );
    }
    let parameters = found
        .iter()
        .find(|(name, ..)| *name == "parameters")
        .unwrap();
    assert_eq!(parameters.1, "warn", "nobody has a parameter: {found:#?}");
    let roster = found.iter().find(|(name, ..)| *name == "roster").unwrap();
    assert_eq!(
        (roster.1, roster.2),
        (
            "warn",
            "reading the roster no-such-table: it does not exist"
        )
    );
    let checks = self::checks(&corner, &[]).await;
    assert!(
        complaints(&checks)
            .iter()
            .any(|(name, _, detail)| *name == "token-object" && detail.contains("no token object"))
    );
}

#[tokio::test]
async fn a_wrong_configuration_is_answered_with_every_problem() {
    let corner = Corner::new().await;
    let checks = checks(
        &corner,
        &[
            ("VAULT_ADDR", "http://vault.example.org"),
            ("SYNC_CONCURRENCY", "many"),
        ],
    )
    .await;
    let found = complaints(&checks);
    assert_eq!(
        (found.len(), found[0].0, found[0].1),
        (1, "configuration", "fail")
    );
    assert!(
        found[0].2.contains("VAULT_ADDR") && found[0].2.contains("SYNC_CONCURRENCY"),
        "{found:?}"
    );
    let function = corner.function_with(&[("VAULT_ADDR", "")]).await;
    let error = function
        .invoke(&json!({"action": "sync", "users": ["alice"]}))
        .await
        .unwrap_err();
    assert_eq!(
        error["errorType"], "BadConfiguration",
        "nothing else is answered"
    );
}

/// Gives the bucket a default encryption, as the deployed one has.
async fn encrypt(corner: &Corner<'_>) {
    use aws_sdk_s3::types::{
        ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
        ServerSideEncryptionRule,
    };
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id("arn:aws:kms:ca-central-1:000000000000:key/1234")
        .build()
        .unwrap();
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .build();
    let rules = ServerSideEncryptionConfiguration::builder()
        .rules(rule)
        .build()
        .unwrap();
    let request = corner.s3.put_bucket_encryption().bucket(&corner.bucket);
    request
        .server_side_encryption_configuration(rules)
        .send()
        .await
        .unwrap();
}

/// Passes connections on to `target`, from another loopback address.
async fn relay(target: String) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = tokio::net::TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    address
}
