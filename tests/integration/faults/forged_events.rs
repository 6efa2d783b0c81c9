//! Events that somebody made up: of the right shape, and not true. An event is only a hint, so the truth is read, and
//! nothing changes.

use serde_json::{Value, json};

use crate::corner::{Corner, batch};

/// Everything that an attacker would like to change.
async fn world(corner: &Corner<'_>) -> Value {
    let (_, secret) = corner
        .vault(
            reqwest::Method::GET,
            &format!("secret/data/{}", corner.path("alice")),
            None,
        )
        .await;
    let (_, all) = corner
        .vault(
            "LIST".parse().unwrap(),
            &format!("secret/metadata/{}", corner.folder),
            None,
        )
        .await;
    json!({"secret": secret["data"], "users": all["data"]["keys"], "state": corner.state("alice").await})
}

#[tokio::test]
async fn a_forged_event_changes_nothing_but_that_the_truth_is_read_again() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    let function = corner.function().await;
    function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    let before = world(&corner).await;

    let forged = |operation: &str, user: &str, change: Value| {
        let mut event = corner.event(operation, user);
        for (member, value) in change.as_object().unwrap() {
            event[member] = value.clone();
        }
        event
    };
    let elsewhere = json!({"account": "999999999999", "region": "us-east-1",
        "resources": ["arn:aws:ssm:us-east-1:999999999999:parameter/iam_users/alice_keys"]});
    for (what, event) in [
        (
            "of another account and Region",
            forged("Update", "alice", elsewhere.clone()),
        ),
        (
            "of a deletion that was none",
            forged("Delete", "alice", elsewhere.clone()),
        ),
        (
            "of a deletion, from the future",
            forged("Delete", "alice", json!({"time": "2099-01-01T00:00:00Z"})),
        ),
        (
            "of a change, from the past",
            forged("Update", "alice", json!({"time": "2001-01-01T00:00:00Z"})),
        ),
        (
            "of a user who is not there",
            forged("Create", "mallory", elsewhere.clone()),
        ),
        (
            "of the deletion of a user who is not there",
            forged("Delete", "mallory", elsewhere),
        ),
        (
            "with a key in it",
            forged(
                "Update",
                "alice",
                json!({"detail": {
                    "operation": "Update", "type": "SecureString", "name": corner.parameter("alice"),
                    "value": {"current": {"AccessKeyID": "AKIAMALLORY", "SecretAccessKey": "mallory"}},
                }}),
            ),
        ),
    ] {
        // Directly, where it may fail because there is no such user, and through the queue.
        let _ = function.invoke(&event).await;
        function.invoke(&batch(&[("m1", 2, event)])).await.unwrap();
        assert_eq!(world(&corner).await, before, "an event {what}");
    }
}
