//! Vault stopped, sealed, or not what it claims to be. These tests have a stack of their own.

use serde_json::{Value, json};

use crate::corner::{Corner, batch, outcome};
use crate::stack::Stack;

fn returned(answer: &Value) -> usize {
    answer["batchItemFailures"].as_array().unwrap().len()
}

#[tokio::test]
async fn messages_go_back_while_vault_is_away_and_are_written_when_it_is_back() {
    let stack = Stack::start(&[]);
    let corner = Corner::of(&stack).await;
    let function = corner.function().await;
    let users: Vec<String> = (0..10).map(|n| format!("user{n}")).collect();
    let mut messages = Vec::new();
    for user in &users {
        corner.rotate(user).await;
        messages.push((user.as_str(), 1, corner.event("Create", user)));
    }
    for (away, back, said) in [
        ("stop", "start", "no answer"),
        ("kill", "start", "no answer"),
        ("seal", "unseal", "503"),
        ("pause", "resume", "time limit"),
    ] {
        let keys = {
            let mut keys = Vec::new();
            for user in &users {
                keys.push(corner.rotate(user).await);
            }
            keys
        };
        stack.command(&format!("vault {away}"));
        assert_eq!(
            returned(&function.invoke(&batch(&messages)).await.unwrap()),
            10,
            "{away}"
        );
        let told = function.lines_with(|line| {
            line["outcome"] == "failed" && line["reason"].as_str().unwrap().contains(said)
        });
        told.await;
        stack.command(&format!("vault {back}"));
        assert_eq!(
            returned(&function.invoke(&batch(&messages)).await.unwrap()),
            0,
            "{back}"
        );
        for (user, key) in users.iter().zip(keys) {
            assert_eq!(corner.key(user).await.unwrap().0, key, "{away}");
        }
    }
}

#[tokio::test]
async fn a_server_with_another_authority_is_not_trusted() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    let foreign = foreign_authority(&corner);
    // With the wrong authority, and with the system's own, which do not know the stack's.
    for authority in [foreign.as_str(), ""] {
        let function = corner.function_with(&[("VAULT_CACERT", authority)]).await;
        let report = function
            .invoke(&json!({"action": "sync", "users": ["alice"]}))
            .await
            .unwrap();
        assert_eq!(outcome(&report), "failed");
        let reason = report["users"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("certificate"), "{authority:?}: {reason}");
    }
    assert_eq!(corner.key("alice").await, None);
}

#[tokio::test]
async fn aws_is_asked_over_tls_and_only_with_a_certificate_that_is_trusted() {
    // Any TLS server will do to see a request arrive: Vault's answer is none of Parameter Store's, and is told as such.
    let corner = Corner::new().await;
    let endpoint = corner.stack.text("/vault/addr");
    let authority = corner.stack.text("/vault/caFile");
    let foreign = foreign_authority(&corner);
    for (trusted, said) in [
        (&authority, "the answer could not be read"),
        (&foreign, "the connection failed"),
    ] {
        let function = corner
            .function_with(&[
                ("AWS_ENDPOINT_URL_SSM", &endpoint),
                ("SSL_CERT_FILE", trusted.as_str()),
            ])
            .await;
        let report = function
            .invoke(&json!({"action": "sync", "users": ["alice"]}))
            .await
            .unwrap();
        let reason = report["users"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(said), "{trusted:?}: {reason}");
    }
}

/// A certificate authority that signed nothing here.
pub fn foreign_authority(corner: &Corner<'_>) -> String {
    let foreign = format!("{}/{}.pem", corner.stack.text("/dir"), fastrand::u64(..));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=foreign",
        ])
        .args(["-keyout", "/dev/null", "-out", &foreign])
        .output()
        .unwrap();
    assert!(made.status.success());
    foreign
}
