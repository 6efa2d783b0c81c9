//! Secrets that are, or were, those of another user or of another tool.

use super::*;
use crate::snapshot::Cas;

fn entry(user: &str, name: &str) -> Value {
    json!({"name": format!("/iam_users/{user}_keys"), "targets": [target(name)]})
}

fn store_entries(memory: &Memory, entries: &[Value]) {
    store(memory, &json!({"parameters": entries}));
}

async fn outcome_of(ctx: &Context<Memory>, user: &str) -> Outcome {
    sync_one(ctx, request(user)).await.outcome()
}

#[tokio::test(start_paused = true)]
async fn a_secret_with_the_key_of_another_user_is_written_whatever_its_mark() {
    for variables in [
        &[][..],
        &[("VAULT_TOKEN", "token"), ("TARGETS_FILE", "targets.json")],
    ] {
        let memory = Memory::default();
        let ctx = memory.ctx(variables);
        memory.put("alice", &value("AKIA00000000ALIC"), DAY_1);
        memory.put("bob", &value("AKIA000000000BOB"), DAY_1);
        store_entries(&memory, &[entry("alice", "a"), entry("bob", "b")]);
        for user in ["alice", "bob"] {
            assert_eq!(outcome_of(&ctx, user).await, Outcome::Written);
        }
        // Both parameters have the same version, and so have both marks.
        store_entries(&memory, &[entry("alice", "b"), entry("bob", "a")]);
        for user in ["alice", "bob"] {
            assert_eq!(outcome_of(&ctx, user).await, Outcome::Written, "{user}");
        }
        assert_eq!(id_in(&memory, "b"), "AKIA00000000ALIC");
        assert_eq!(id_in(&memory, "a"), "AKIA000000000BOB");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_given_to_another_user_is_no_longer_reported_to_delete() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA00000000ALIC"), DAY_1);
    memory.put("bob", &value("AKIA000000000BOB"), DAY_1);
    store_entries(&memory, &[entry("alice", "a"), entry("bob", "b")]);
    for user in ["alice", "bob"] {
        outcome_of(&ctx, user).await;
    }
    store_entries(&memory, &[entry("alice", "c"), entry("bob", "a")]);
    outcome_of(&ctx, "bob").await;
    let results = results(&ctx).await;
    let ends = results
        .iter()
        .map(|result| (result.outcome(), result.target()));
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            (Outcome::Written, Some(path("c"))),
            (Outcome::Retired, Some(path("a")))
        ]
    );
    assert_eq!(id_in(&memory, "a"), "AKIA000000000BOB", "it is not touched");
    assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_whose_metadata_is_hidden_is_never_replaced() {
    for merge in [true, false] {
        let mut hidden = target("a");
        hidden["merge"] = json!(merge);
        let (memory, ctx) = with_targets(&[hidden]);
        write_by_hand(&memory, "a", &[("DB_PASSWORD", "theirs")]);
        memory.fail("vault-metadata", 100, denied);
        let results = results(&ctx).await;
        assert_eq!(results[0].outcome(), Outcome::Failed, "merge {merge}");
        let reason = results[0].reason();
        assert!(reason.contains("allow read on the metadata"), "{reason}");
        assert_eq!(versions(&memory, "a"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_another_tool_keeps_its_fields_when_the_user_is_gone() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete")]);
    memory.put("alice", &value("AKIA00000000ALIC"), DAY_1);
    store_targets(&memory, &[target("a")]);
    outcomes(&ctx).await;
    write_by_hand(&memory, "a", &[("AWS_ACCESS_KEY_ID", "theirs")]);
    mark_by_hand(&memory, "a", &[("managed-by", "a tool")]);
    memory.delete("alice");
    let results = results(&ctx).await;
    assert_eq!(results[0].outcome(), Outcome::Retired);
    assert!(
        results[0].reason().contains("a tool"),
        "{}",
        results[0].reason()
    );
    assert_eq!(id_in(&memory, "a"), "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_versions_is_nobodys() {
    let (memory, ctx) = with_targets(&[target("a")]);
    mark_by_hand(&memory, "a", &[("managed-by", "a tool")]);
    let invocation = Invocation::new(&ctx, Instant::now() + Duration::from_hours(1), 1);
    let planned = dry_run(
        &invocation,
        Request::new(UserName::parse("alice").unwrap(), ReadStrategy::VAULT_FIRST),
    );
    let action = planned.await[0].plan.action;
    assert_eq!(action, Action::Write(Cas::Version(0)));
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
}

fn in_namespace(namespace: &str) -> Value {
    let mut target = target("a");
    target["namespace"] = json!(namespace);
    target
}

#[tokio::test(start_paused = true)]
async fn results_of_one_path_in_two_namespaces_differ() {
    let (memory, ctx) = with_targets(&[in_namespace("one"), in_namespace("two")]);
    let shown = |results: Vec<SyncResult>| {
        let secrets = results.iter().filter_map(SyncResult::target);
        secrets.collect::<Vec<_>>()
    };
    let both = ["one", "two"].map(|namespace| format!("{namespace}/{}", path("a")));
    assert_eq!(shown(results(&ctx).await), both);
    store_targets(&memory, &[in_namespace("two")]);
    let mut removed = shown(reconciled(&ctx).await);
    removed.sort();
    assert_eq!(removed, both, "also of a removed target");
}

#[tokio::test(start_paused = true)]
async fn secrets_of_one_path_in_two_namespaces_are_remembered_apart() {
    let (memory, ctx) = with_targets(&[in_namespace("one"), in_namespace("two")]);
    memory.fail("s3-save", 1, unavailable);
    assert_eq!(outcomes(&ctx).await, [Outcome::Failed, Outcome::Failed]);
    outcomes(&ctx).await;
    for namespace in ["one", "two"] {
        let secret = format!("{namespace}:{}", path("a"));
        assert_eq!(memory.inner().vault[&secret].len(), 1, "{namespace}");
    }
    assert_eq!(
        outcomes(&ctx).await,
        [Outcome::Unchanged, Outcome::Unchanged]
    );
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_written_is_a_failure_also_of_a_removed_target() {
    let (memory, ctx) = due(&["a", "b"]).await;
    outcomes(&ctx).await;
    store_targets(&memory, &[target("b")]);
    memory.inner().vault.remove(&path("a"));
    memory.fail("s3-save", 1, denied);
    assert_eq!(reconciled(&ctx).await[1].outcome(), Outcome::Failed);
    assert_eq!(reconciled(&ctx).await[1].outcome(), Outcome::Retired);
}

#[tokio::test(start_paused = true)]
async fn refused_marks_are_not_tried_again_for_some_time() {
    let (memory, ctx) = due(&["a", "b"]).await;
    memory.fail("vault-patch_metadata", 100, denied);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written, Outcome::Written]);
    let tried = memory.calls("vault-patch_metadata");
    memory.put("alice", &value("AKIA000000000ALT"), DAY_5);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written, Outcome::Written]);
    assert_eq!(memory.calls("vault-patch_metadata"), tried);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_others_gives_to_another_user_is_not_reported_to_delete() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA00000000ALIC"), DAY_1);
    memory.put("bob", &value("AKIA000000000BOB"), DAY_1);
    store_entries(&memory, &[entry("alice", "bob")]);
    assert_eq!(outcome_of(&ctx, "alice").await, Outcome::Written);
    let others = json!({"mount": "apps", "path": format!("{FOLDER}/{{userName}}")});
    store(&memory, &json!({ "others": others }));
    assert_eq!(outcome_of(&ctx, "bob").await, Outcome::Written);
    assert_eq!(id_in(&memory, "bob"), "AKIA000000000BOB");
    let results = results(&ctx).await;
    let ends = results
        .iter()
        .map(|result| (result.outcome(), result.target(), result.reason()));
    let ends = ends.collect::<Vec<_>>();
    assert_eq!(ends[1].0, Outcome::Retired, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn an_older_document_does_not_replace_the_key_of_another_user() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.inner().lists_metadata = false;
    memory.put("alice", &value("AKIA00000000ALIC"), DAY_1);
    memory.put("bob", &value("AKIA000000000BOB"), DAY_1);
    store_entries(&memory, &[entry("alice", "a"), entry("bob", "b")]);
    for user in ["alice", "bob"] {
        outcome_of(&ctx, user).await;
    }
    // A reconcile run has read the document.
    let run = Invocation::new(&ctx, Instant::now() + Duration::from_hours(1), 3);
    run.targets().await.unwrap();
    store_entries(&memory, &[entry("alice", "b"), entry("bob", "c")]);
    assert_eq!(outcome_of(&ctx, "alice").await, Outcome::Written);
    assert_eq!(id_in(&memory, "b"), "AKIA00000000ALIC");
    let bob = Request::new(UserName::parse("bob").unwrap(), ReadStrategy::VAULT_FIRST);
    sync_user(&run, bob).await;
    assert_eq!(id_in(&memory, "b"), "AKIA00000000ALIC");
}

#[tokio::test(start_paused = true)]
async fn a_removed_target_of_an_unknown_mount_hides_no_lost_race() {
    let (memory, ctx) = due(&["a"]).await;
    // Now the default path is the target, and nothing names the mount of the recorded secret.
    let others = json!({"mount": "secret", "path": "aws/iam-keys/{userName}"});
    store(&memory, &json!({"parameters": [], "others": others}));
    memory.inner().write_by_hand("alice");
    memory.fail("vault-metadata", 100, denied);
    let results = results(&ctx).await;
    let reason = results[0].reason();
    assert!(reason.contains("may not read its metadata"), "{reason}");
    assert_eq!(results[1].outcome(), Outcome::Untargeted);
    assert_eq!(memory.calls("vault-write"), 1, "it is not rejected again");
}

#[tokio::test(start_paused = true)]
async fn a_repetition_reads_the_document_again_only_for_a_secret_of_another_user() {
    let (memory, ctx) = due(&["a"]).await;
    memory.before_call("vault-patch", |inner| {
        inner.push_version(&path("a"), std::collections::BTreeMap::default());
    });
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(memory.calls("vault-patch"), 2);
    assert_eq!(memory.calls("s3-document"), 1);
}
