//! Keys that leave their secrets when the user is gone.

use super::*;

/// Returns backends on which alice has this target, and users who are gone lose their keys.
fn with_soft_delete() -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete")]);
    store_targets(&memory, &[target("a")]);
    memory.put("alice", &value("AKIA000000000OLD"), DAY_1);
    write_by_hand(&memory, "a", &[("OWNER", "a person")]);
    (memory, ctx)
}

fn names(memory: &Memory) -> Vec<String> {
    let secret = memory.inner().secret(&path("a")).unwrap();
    secret.into_keys().collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_recorded_yet_leaves_its_secret_as_well() {
    let (memory, ctx) = with_soft_delete();
    memory.fail("s3-save", 1, unavailable);
    assert_eq!(outcomes(&ctx).await, [Outcome::Failed]);
    memory.delete("alice");
    assert_eq!(outcomes(&ctx).await, [Outcome::Retired]);
    assert_eq!(names(&memory), ["OWNER"]);
}

#[tokio::test(start_paused = true)]
async fn fields_of_a_definition_that_was_not_recorded_are_removed() {
    let (memory, ctx) = with_soft_delete();
    memory.fail("s3-save", 1, unavailable);
    assert_eq!(outcomes(&ctx).await, [Outcome::Failed]);
    let mut renamed = target("a");
    renamed["fields"] = json!({"KEY": "{accessKeyId}"});
    store_targets(&memory, &[renamed]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(names(&memory), ["KEY", "OWNER"]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_rejected_because_of_itself_is_repeated() {
    let (memory, ctx) = with_soft_delete();
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    memory.delete("alice");
    // The first call takes effect, its answer is lost, and its repetition is rejected.
    memory.before_call("vault-patch", |inner| {
        let owner = [("OWNER".to_owned(), "a person".to_owned())];
        inner.push_version(&path("a"), owner.into());
    });
    assert_eq!(outcomes(&ctx).await, [Outcome::Retired]);
    assert_eq!(names(&memory), ["OWNER"]);
}

#[tokio::test(start_paused = true)]
async fn the_version_of_a_removal_is_recorded() {
    let (memory, ctx) = with_soft_delete();
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    memory.delete("alice");
    assert_eq!(outcomes(&ctx).await, [Outcome::Retired]);
    memory.put("alice", &value("AKIA000000000NEW"), DAY_5);
    memory.inner().calls.clear();
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(memory.calls("vault-patch"), 1, "the precondition holds");
}
