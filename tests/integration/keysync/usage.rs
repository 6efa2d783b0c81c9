//! `keysync explain --usage`: when the keys of a user were last used.

use axum::Router;
use axum::http::StatusCode;
use serde_json::json;

use crate::proxy::serve;
use crate::schemas::assert_valid;
use crate::test_env::{Key, TestEnv};

/// Returns the address of an IAM that answers each request so.
async fn iam(status: StatusCode, body: &'static str) -> String {
    serve(Router::new().fallback(move || async move { (status, body) })).await
}

const USED: &str = r#"<GetAccessKeyLastUsedResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <GetAccessKeyLastUsedResult><UserName>alice</UserName><AccessKeyLastUsed>
    <Region>ca-central-1</Region><LastUsedDate>2026-01-10T09:00:00Z</LastUsedDate>
    <ServiceName>s3</ServiceName>
  </AccessKeyLastUsed></GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>"#;

const DENIED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
    <Message>no</Message></Error></ErrorResponse>";

/// Returns an environment with a user whose key is in Vault, and who has an older one.
async fn env() -> TestEnv<'static> {
    let env = TestEnv::new().await;
    let (new, old) = (Key::new(), Key::new());
    let value = json!({"current": new.document(), "pending_deletion": old.document()});
    env.put("alice", &value.to_string()).await;
    assert_eq!(env.keysync(&["sync", "alice"]).await.code, 0);
    env
}

#[tokio::test]
async fn explain_shows_the_last_use_of_both_keys() {
    let env = env().await;
    let iam = iam(StatusCode::OK, USED).await;
    let variables = [("AWS_ENDPOINT_URL_IAM", iam.as_str())];
    let output = env
        .keysync_line("explain alice --usage --json", &variables)
        .await;
    assert_eq!(output.code, 0, "{output:?}");
    assert_valid(&output, "explanation");
    let usage = &output.json()["usage"];
    for key in ["current", "pending"] {
        assert_eq!(usage[key]["service"], "s3", "{usage}");
        assert_eq!(usage[key]["lastUsedAt"], "2026-01-10T09:00:00Z", "{usage}");
    }
    let (_, put) = env.revision("alice").await;
    let deleted = usage["pendingDeletedAt"].as_str().unwrap();
    let deleted = deleted.parse::<jiff::Timestamp>().unwrap();
    assert_eq!(deleted.as_millisecond() - put, 48 * 3_600_000);
    let text = env.keysync_line("explain alice --usage", &variables).await;
    let text = text.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("by s3 in ca-central-1. AWS deletes it in about 47 h."),
        "{text}"
    );
    let without = env.keysync_line("explain alice --json", &variables).await;
    assert!(without.json().get("usage").is_none());
}

#[tokio::test]
async fn explain_says_once_why_the_use_is_unknown() {
    let env = env().await;
    let denied = iam(StatusCode::FORBIDDEN, DENIED).await;
    let nowhere = "http://127.0.0.1:9".to_owned();
    // The emulator knows neither key.
    let emulator = env.stack.text("/aws/endpoint");
    for (iam, expected) in [
        (denied, "allow iam:GetAccessKeyLastUsed"),
        (nowhere, "the connection failed"),
        (emulator, "The use of both keys is unknown"),
    ] {
        let variables = [("AWS_ENDPOINT_URL_IAM", iam.as_str())];
        let output = env.keysync_line("explain alice --usage", &variables).await;
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
        let text = output.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.matches(expected).count(), 1, "{expected}: {text}");
        assert!(text.contains("AWS deletes it in about 47 h."), "{text}");
    }
}
