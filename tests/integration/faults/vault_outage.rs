//! Vault is stopped, killed, sealed or paused, on a stack of its own.

use serde_json::json;

use super::returned;
use super::tls::foreign_authority;
use crate::stack::Stack;
use crate::test_env::{TestEnv, batch, reason};

#[tokio::test]
async fn vault_outage_returns_messages_and_loses_none() {
    let stack = Stack::start(&[]);
    let env = TestEnv::of(&stack).await;
    let function = env.function().await;
    let users = (0..10).map(|n| format!("user{n}")).collect::<Vec<_>>();
    for (stop, start, reason) in [
        ("stop", "start", ""),
        ("kill", "start", ""),
        ("seal", "unseal", "503"),
        ("pause", "resume", "time limit"),
    ] {
        let (mut messages, mut keys) = (Vec::new(), Vec::new());
        for user in &users {
            keys.push(env.rotate(user).await);
            messages.push((user.as_str(), 1, env.event("Update", user)));
        }
        stack.command(&format!("vault {stop}"));
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert_eq!(returned(&answer).len(), 10, "{stop}");
        let failed = function.lines_with(|line| {
            line["outcome"] == "failed" && line["reason"].as_str().unwrap().contains(reason)
        });
        failed.await;
        stack.command(&format!("vault {start}"));
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert_eq!(returned(&answer), [""; 0], "{start}");
        for (user, key) in users.iter().zip(keys) {
            assert_eq!(env.key(user).await.unwrap().0, key, "{stop}");
        }
    }
}

#[tokio::test]
async fn aws_requests_use_tls_with_a_trusted_certificate() {
    // Any TLS server can prove that a request arrives. Vault does not answer as Parameter Store.
    let env = TestEnv::new().await;
    let endpoint = env.stack.text("/vault/addr");
    let authority = env.stack.text("/vault/caFile");
    let foreign = foreign_authority(&env);
    let sync = json!({"action": "sync", "users": ["alice"]});
    let mut reasons = Vec::new();
    for trusted in [&authority, &foreign] {
        let variables = [
            ("AWS_ENDPOINT_URL_SSM", endpoint.as_str()),
            ("SSL_CERT_FILE", trusted),
        ];
        let function = env.function_with(&variables).await;
        reasons.push(reason(&function.invoke(&sync).await.unwrap()).to_owned());
    }
    assert!(
        !reasons[0].contains("connection"),
        "the request arrives: {}",
        reasons[0]
    );
    assert!(
        reasons[1].contains("connection"),
        "the connection is refused: {}",
        reasons[1]
    );
}
