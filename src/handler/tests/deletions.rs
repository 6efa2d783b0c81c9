//! Deletions by events, which have a limit.

use super::*;
use crate::testing::memory::fault::CallFault;

/// Returns backends with the users whose keys were published, as the document states if there is
/// one, and whose parameters are gone.
async fn with_gone(users: &[String], document: Option<Value>) -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete"), ("IAM_USER_TABLE", "-")]);
    memory.inner().document = document.map(|document| (document.to_string(), 999));
    for user in users {
        memory.put(user, &value(&key_id("KEY", user)), DAY_1);
        answer(&ctx, event("Create", user, DAY_1)).await.unwrap();
        memory.delete(user);
    }
    (memory, ctx)
}

fn eight_users() -> Vec<String> {
    (0..8).map(|n| format!("user{n}")).collect()
}

/// Returns the message of a user's deletion.
fn deletion(user: &str) -> Value {
    message(user, 1, &event("Delete", user, DAY_3))
}

fn lose_deletions(memory: &Memory) {
    for _ in 0..200 {
        memory.before_call("vault-delete", |inner| {
            let number = inner.calls.len() - 1;
            let fault = CallFault::AnswerIsLost(unavailable);
            inner.call_faults.insert(number, fault);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn events_delete_at_most_three_keys_within_an_hour() {
    let users = eight_users();
    let (memory, ctx) = with_gone(&users, None).await;
    let deletions = users.iter().map(|user| deletion(user));
    let deletions = deletions.collect::<Vec<_>>();
    assert_eq!(returned_of(&ctx, &deletions).await, users[3..]);
    // Nor does a redelivery help; but a repeated deletion of the same users does no harm.
    assert_eq!(returned_of(&ctx, &deletions).await, users[3..]);
    let deleted = users.iter().filter(|user| memory.history(user) == ["-"]);
    assert_eq!(deleted.count(), 3);
    let (_, metrics) = answer_with_metrics(&ctx, event("Delete", &users[7], DAY_3)).await;
    assert_eq!(metrics["Failed"], 1);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_of_deletions_count_against_the_limit() {
    let users = eight_users();
    let (memory, ctx) = with_gone(&users, None).await;
    lose_deletions(&memory);
    for user in &users {
        returned_of(&ctx, &[deletion(user)]).await;
    }
    let deleted = users.iter().filter(|user| memory.history(user) == ["-"]);
    assert_eq!(deleted.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_deleted_does_not_lift_the_limit() {
    let users = eight_users();
    let entries = users.iter().map(|user| {
        json!({"name": format!("/iam_users/{user}_keys"), "targets": [
            {"mount": "apps", "path": format!("one/{user}"), "merge": false},
            {"mount": "apps", "path": format!("two/{user}")},
        ]})
    });
    let document = json!({"parameters": entries.collect::<Vec<_>>()});
    let (memory, ctx) = with_gone(&users, Some(document)).await;
    memory.fail("vault-patch", 1000, denied);
    for user in &users {
        returned_of(&ctx, &[deletion(user)]).await;
    }
    let inner = memory.inner();
    let deleted = users.iter().filter(|user| {
        let versions = &inner.vault[&format!("apps/one/{user}")];
        versions.last().unwrap().is_none()
    });
    assert_eq!(deleted.count(), 3);
}
