//! Deletions by events, which have a limit.

use super::*;
use crate::testing::memory::fault::CallFault;

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
async fn lost_answers_of_deletions_count_against_the_limit() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete"), ("IAM_USER_TABLE", "-")]);
    let users = (0..8).map(|n| format!("user{n}")).collect::<Vec<_>>();
    for user in &users {
        memory.put(user, &value(&key_id("KEY", user)), DAY_1);
        answer(&ctx, event("Create", user, DAY_1)).await.unwrap();
        memory.delete(user);
    }
    lose_deletions(&memory);
    for user in &users {
        let deletion = [message(user, 1, &event("Delete", user, DAY_3))];
        returned_of(&ctx, &deletion).await;
    }
    let deleted = users.iter().filter(|user| memory.history(user) == ["-"]);
    assert_eq!(deleted.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_deleted_does_not_lift_the_limit() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete"), ("IAM_USER_TABLE", "-")]);
    let users = (0..8).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let entries = users.iter().map(|user| {
        json!({"name": format!("/iam_users/{user}_keys"), "targets": [
            {"mount": "apps", "path": format!("one/{user}"), "merge": false},
            {"mount": "apps", "path": format!("two/{user}")},
        ]})
    });
    let document = json!({"parameters": entries.collect::<Vec<_>>()});
    memory.inner().document = Some((document.to_string(), 999));
    for user in &users {
        memory.put(user, &value(&key_id("KEY", user)), DAY_1);
        answer(&ctx, event("Create", user, DAY_1)).await.unwrap();
        memory.delete(user);
    }
    memory.fail("vault-patch", 1000, denied);
    for user in &users {
        let deletion = [message(user, 1, &event("Delete", user, DAY_3))];
        returned_of(&ctx, &deletion).await;
    }
    let inner = memory.inner();
    let deleted = users.iter().filter(|user| {
        let versions = &inner.vault[&format!("apps/one/{user}")];
        versions.last().unwrap().is_none()
    });
    assert_eq!(deleted.count(), 3);
}
