//! The doctor of the function with real services: it finds each fault, and only faults.

use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::faults::tls::foreign_authority;
use crate::stack::Stack;
use crate::test_env::TestEnv;

/// Returns the checks of the doctor with some variables replaced.
async fn checks(env: &TestEnv<'_>, variables: &[(&str, &str)]) -> Vec<Value> {
    // The policies of the stack are for this folder. The doctor writes no key to it.
    let folder = [("VAULT_PATH_PREFIX", "aws/iam-keys")];
    let function = env.function_with(&[&folder, variables].concat()).await;
    let answer = function.invoke(&json!({"action": "doctor"})).await.unwrap();
    let checks = answer
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {answer}"))
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

/// Name, status and detail of a check.
type Finding<'a> = (&'a str, &'a str, &'a str);

/// Returns the checks that did not pass.
fn findings(checks: &[Value]) -> Vec<Finding<'_>> {
    let findings = checks.iter().filter(|check| check["status"] != "pass");
    let members = ["name", "status", "detail"];
    let findings = findings.map(|check| members.map(|name| check[name].as_str().unwrap()));
    findings
        .map(|[name, status, detail]| (name, status, detail))
        .collect()
}

/// Fails unless the finding has this name and status, and a detail that contains the text.
fn assert_finding(finding: Finding<'_>, (name, status, detail): Finding<'_>) {
    assert_eq!((finding.0, finding.1), (name, status), "{finding:?}");
    assert!(
        finding.2.contains(detail),
        "expected {detail:?}: {finding:?}"
    );
}

/// Returns a new environment that passes all checks except for a token.
async fn new_env(stack: &Stack) -> TestEnv<'_> {
    let env = TestEnv::without_token(stack).await;
    env.rotate("alice").await;
    encrypt_bucket(&env).await;
    env
}

#[tokio::test]
async fn doctor_passes_a_valid_deployment() {
    let env = new_env(Stack::shared()).await;
    env.store_token(&env.stack.token("sync", "72h")).await;
    for run in ["first", "second"] {
        let checks = checks(&env, &[("ON_USER_DELETED", "soft-delete")]).await;
        assert_eq!(findings(&checks), [], "{run}");
        assert_eq!(checks.len(), 21, "{run}: {checks:#?}");
        let encryption = checks
            .iter()
            .find(|check| check["name"] == "state-encryption")
            .unwrap();
        assert!(
            encryption["detail"].as_str().unwrap().contains("1234"),
            "{encryption}"
        );
    }
    assert!(env.object("sync-state/doctor.json").await.is_some());
    let report = env
        .function()
        .await
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap();
    assert_eq!(report["counts"]["written"], 1, "{report}");
    assert_eq!(
        report["users"].as_array().unwrap().len(),
        1,
        "the probe is no user: {report}"
    );
}

#[tokio::test]
async fn doctor_distinguishes_a_sealed_and_a_stopped_vault() {
    let stack = Stack::start(&[]);
    let env = new_env(&stack).await;
    env.store_token(&stack.token("sync", "72h")).await;
    for (stop, start, name, detail) in [
        ("seal", "unseal", "vault-health", "sealed"),
        ("pause", "resume", "vault-tls", "time limit"),
        ("kill", "start", "vault-connection", "refused"),
    ] {
        stack.command(&format!("vault {stop}"));
        let checks = checks(&env, &[]).await;
        let findings = findings(&checks);
        assert_finding(findings[0], (name, "fail", detail));
        for finding in &findings[1..] {
            assert_finding(*finding, (finding.0, "skip", name));
        }
        stack.command(&format!("vault {start}"));
    }
}

#[tokio::test]
async fn doctor_reports_an_untrusted_certificate() {
    let env = new_env(Stack::shared()).await;
    let foreign = foreign_authority(&env);
    for authority in [foreign.as_str(), ""] {
        let checks = checks(&env, &[("VAULT_CACERT", authority)]).await;
        assert_finding(findings(&checks)[0], ("vault-tls", "fail", "not trusted"));
    }
    // The same server, at an address that is not in its certificate.
    let server = env.stack.text("/vault/addr");
    let address = relay(server.trim_start_matches("https://").to_owned()).await;
    let checks = checks(&env, &[("VAULT_ADDR", &format!("https://{address}"))]).await;
    assert_finding(findings(&checks)[0], ("vault-tls", "fail", "name"));
}

#[tokio::test]
async fn doctor_reports_a_missing_or_wrong_mount() {
    let env = new_env(Stack::shared()).await;
    let rules = ["kv1", "nowhere"].map(|mount| {
        let rule = |path: &str, capabilities: &str| {
            let path = format!("{mount}/{path}/aws/iam-keys/*");
            format!("path \"{path}\" {{ capabilities = [{capabilities}] }}\n")
        };
        rule("data", "\"create\", \"update\"") + &rule("metadata", "\"read\"")
    });
    env.policy("mounts", &rules.concat()).await;
    let kv1 = json!({"type": "kv", "options": {"version": "1"}});
    env.vault(Method::POST, "sys/mounts/kv1", Some(kv1)).await;
    let token = json!({"policy": "mounts", "period": "72h"});
    env.store_token(&env.stack.token_with(&token)).await;
    for (mount, detail) in [("kv1", "version 1"), ("nowhere", "denied")] {
        let checks = checks(&env, &[("VAULT_MOUNT", mount)]).await;
        let findings = findings(&checks);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_finding(findings[0], ("vault-mount", "fail", detail));
    }
}

#[tokio::test]
async fn doctor_reports_an_invalid_or_unsuitable_token() {
    let env = new_env(Stack::shared()).await;
    let wide = r#"["create", "read", "update", "delete", "list", "sudo"]"#;
    env.policy(
        "wide",
        &format!("path \"secret/*\" {{ capabilities = {wide} }}"),
    )
    .await;
    let token = |properties: Value| env.stack.token_with(&properties);
    for (case, token, expected) in [
        (
            "invalid",
            "s.dead".to_owned(),
            &[("vault-token", "fail", "denied")][..],
        ),
        (
            "root",
            env.stack.text("/vault/rootToken"),
            &[("vault-token", "fail", "root token")],
        ),
        (
            "not periodic",
            token(json!({"policy": "sync", "ttl": "10h"})),
            &[("vault-token", "warn", "not periodic")],
        ),
        (
            "batch",
            token(json!({"policy": "sync", "ttl": "10h", "type": "batch"})),
            &[("vault-token", "warn", "batch token")],
        ),
        (
            "write only",
            token(json!({"policy": "strict", "period": "72h"})),
            &[
                ("policy-metadata", "warn", "drift"),
                ("policy-delete", "warn", "soft-delete"),
            ],
        ),
        (
            "no policy",
            token(json!({"policy": "default", "period": "72h"})),
            &[
                ("vault-mount", "fail", "denied"),
                ("policy-write", "fail", "create and update"),
                ("policy-metadata", "warn", "drift"),
                ("policy-delete", "warn", "soft-delete"),
            ],
        ),
        (
            "too wide",
            token(json!({"policy": "wide", "period": "72h"})),
            &[
                ("policy-read", "warn", "read"),
                ("policy-scope", "warn", "prefix"),
            ],
        ),
    ] {
        env.store_token(&token).await;
        let checks = checks(&env, &[("ON_USER_DELETED", "soft-delete")]).await;
        let mut findings = findings(&checks);
        // Checks that depend on the token only name it.
        findings
            .retain(|(name, _, detail)| *name == "vault-token" || !detail.contains("vault-token"));
        assert_eq!(findings.len(), expected.len(), "{case}: {findings:#?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert_finding(*finding, *expected);
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
async fn doctor_reports_an_invalid_configuration_in_one_check() {
    let env = TestEnv::new().await;
    let variables = [
        ("VAULT_ADDR", "http://vault.example.org"),
        ("SYNC_CONCURRENCY", "many"),
    ];
    let checks = checks(&env, &variables).await;
    let findings = findings(&checks);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    for (variable, _) in variables {
        assert_finding(findings[0], ("configuration", "fail", variable));
    }
}

/// Enables default encryption of the bucket, as deployed.
async fn encrypt_bucket(env: &TestEnv<'_>) {
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id("arn:aws:kms:ca-central-1:000000000000:key/1234")
        .build()
        .unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default);
    let rules = ServerSideEncryptionConfiguration::builder()
        .rules(rule.build())
        .build()
        .unwrap();
    let request = env.s3.put_bucket_encryption().bucket(&env.bucket);
    request
        .server_side_encryption_configuration(rules)
        .send()
        .await
        .unwrap();
}

/// Forwards connections to `target` from another loopback address; returns the address.
async fn relay(target: String) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = tokio::net::TcpStream::connect(&target).await.unwrap();
            tokio::spawn(
                async move { tokio::io::copy_bidirectional(&mut client, &mut server).await },
            );
        }
    });
    address
}
