//! Forged events: valid in form, with false content. An event is only a hint: the function reads
//! the current data, so that nothing changes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::test_env::{TestEnv, batch};

/// Returns everything that an attacker would try to change.
async fn contents(env: &TestEnv<'_>) -> Value {
    let path = format!("secret/data/{}", env.path("alice"));
    let (_, secret) = env.vault(Method::GET, &path, None).await;
    let users = env.list(&env.folder).await;
    json!({"secret": secret["data"], "users": users, "state": env.state("alice").await})
}

#[tokio::test]
async fn forged_events_change_nothing() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    let function = env.function().await;
    function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap();
    let before = contents(&env).await;

    let forged = |operation: &str, user: &str, change: &Value| {
        let mut event = env.event(operation, user);
        event
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        event
    };
    let elsewhere = json!({
        "account": "999999999999", "region": "us-east-1",
        "resources": ["arn:aws:ssm:us-east-1:999999999999:parameter/iam_users/alice_keys"],
    });
    let (future, past) = (
        json!({"time": "2099-01-01T00:00:00Z"}),
        json!({"time": "2001-01-01T00:00:00Z"}),
    );
    let with_key = json!({"detail": {
        "operation": "Update", "type": "SecureString", "name": env.parameter("alice"),
        "value": {"current": {"AccessKeyID": "AKIAMALLORY", "SecretAccessKey": "mallory"}},
    }});
    for (case, event) in [
        (
            "of another account and Region",
            forged("Update", "alice", &elsewhere),
        ),
        ("of a deletion", forged("Delete", "alice", &elsewhere)),
        (
            "of a deletion in the future",
            forged("Delete", "alice", &future),
        ),
        ("of a change in the past", forged("Update", "alice", &past)),
        (
            "of an unknown user",
            forged("Create", "mallory", &elsewhere),
        ),
        (
            "of the deletion of an unknown user",
            forged("Delete", "mallory", &elsewhere),
        ),
        ("with a key", forged("Update", "alice", &with_key)),
    ] {
        // A direct invocation may fail because there is no such user.
        let _ = function.invoke(&event).await;
        function.invoke(&batch(&[("m1", 2, event)])).await.unwrap();
        assert_eq!(contents(&env).await, before, "an event {case}");
    }
}
