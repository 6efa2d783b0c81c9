//! One user with several targets.

mod owners;
mod retired;
mod throttled;

use serde_json::{Value, json};

use super::*;
use crate::backends::CustomMetadata;
use crate::config::OnUserDeleted;
use crate::error::Error;
use crate::trigger::SyncUsers;

const FOLDER: &str = "prod/mail/relay/aws-ssm-sync";

/// Returns the path of a target by its name.
fn path(name: &str) -> String {
    format!("apps/{FOLDER}/{name}")
}

fn target(name: &str) -> Value {
    json!({"mount": "apps", "path": format!("{FOLDER}/{name}")})
}

fn store(memory: &Memory, document: &Value) {
    let mut inner = memory.inner();
    let etag = inner.next_etag();
    inner.document = Some((document.to_string(), etag));
}

/// Stores a document in which alice has these targets.
fn store_targets(memory: &Memory, targets: &[Value]) {
    let entry = json!({"name": "/iam_users/alice_keys", "targets": targets});
    store(
        memory,
        &json!({"region": "ca-central-1", "parameters": [entry]}),
    );
}

/// Returns backends on which alice has these targets and a first key, and nothing is written.
fn with_targets(targets: &[Value]) -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    store_targets(&memory, targets);
    memory.put("alice", &value("AKIA000000000OLD"), DAY_1);
    (memory, ctx)
}

/// Returns backends on which the first key of alice is in sync, and the second one is due.
async fn due(names: &[&str]) -> (Memory, Context<Memory>) {
    let targets = names.iter().map(|name| target(name)).collect::<Vec<_>>();
    let (memory, ctx) = with_targets(&targets);
    assert_eq!(outcomes(&ctx).await, vec![Outcome::Written; names.len()]);
    memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    memory.inner().calls.clear();
    (memory, ctx)
}

async fn results(ctx: &Context<Memory>) -> Vec<SyncResult> {
    sync(ctx, vec![request("alice")]).await
}

async fn outcomes(ctx: &Context<Memory>) -> Vec<Outcome> {
    let results = results(ctx).await;
    results.iter().map(SyncResult::outcome).collect()
}

/// Syncs alice as an operator does, and takes over what another tool manages if `adopt`.
async fn by_operator(ctx: &Context<Memory>, adopt: bool) -> Vec<SyncResult> {
    let order = SyncUsers {
        users: vec![UserName::parse("alice").unwrap()],
        adopt,
        dry_run: false,
    };
    sync(ctx, vec![Request::of_operator(&order.users[0], &order)]).await
}

/// Syncs alice from a listing, as a reconcile run does.
async fn reconciled(ctx: &Context<Memory>) -> Vec<SyncResult> {
    let name = ctx
        .config
        .naming
        .parameter_of(&UserName::parse("alice").unwrap());
    let parameter = crate::backends::Parameters::read(&ctx.parameters, &name.unwrap()).await;
    let strategy = ReadStrategy::FromListing {
        parameter,
        vault: std::rc::Rc::default(),
    };
    let request = Request::new(UserName::parse("alice").unwrap(), strategy);
    sync(ctx, vec![request]).await
}

fn field(memory: &Memory, name: &str, field: &str) -> Option<String> {
    let secret = memory.inner().secret(&path(name))?;
    secret.get(field).cloned()
}

fn id_in(memory: &Memory, name: &str) -> String {
    field(memory, name, "AWS_ACCESS_KEY_ID").unwrap_or_else(|| "-".to_owned())
}

fn versions(memory: &Memory, name: &str) -> usize {
    memory.inner().vault.get(&path(name)).map_or(0, Vec::len)
}

/// Writes fields to the secret of a target, as a person or another tool does.
fn write_by_hand(memory: &Memory, name: &str, fields: &[(&str, &str)]) {
    let mut inner = memory.inner();
    let mut secret = inner.secret(&path(name)).unwrap_or_default();
    let fields = fields.iter();
    secret.extend(fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    inner.push_version(&path(name), secret);
}

fn mark_by_hand(memory: &Memory, name: &str, entries: &[(&str, &str)]) {
    let entries = entries.iter();
    let entries = entries.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let entries = entries.collect::<CustomMetadata>();
    memory.inner().custom_metadata.insert(path(name), entries);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_of_any_number_of_targets_takes_three_sequential_round_trips() {
    for count in [1, 3, 10] {
        let names = (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
        let names = names.iter().map(String::as_str).collect::<Vec<_>>();
        let (memory, ctx) = due(&names).await;
        let (results, trips) = round_trips(results(&ctx)).await;
        assert_eq!(results.len(), count);
        assert_eq!(trips, 3, "{:?}", memory.inner().calls);
        for name in &names {
            assert_eq!(id_in(&memory, name), "AKIA000000000NEW");
        }
        for (call, expected) in [
            ("ssm-read", 1),
            ("s3-load", 1),
            ("s3-document", 1),
            ("vault-patch", count),
            ("vault-patch_metadata", count),
            ("s3-save", 1),
        ] {
            assert_eq!(memory.calls(call), expected, "{call} of {count} targets");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_neither_stops_its_siblings_nor_is_it_repeated_with_them() {
    let (memory, ctx) = due(&["a", "b", "c"]).await;
    memory.fail("vault-patch", 1, denied);
    let first = results(&ctx).await;
    let failed = first
        .iter()
        .filter(|result| result.outcome() == Outcome::Failed);
    assert_eq!(failed.count(), 1);
    assert!(first.iter().any(|result| result.should_redeliver(1)));
    memory.inner().calls.clear();
    let second = results(&ctx).await;
    let written = second
        .iter()
        .filter(|result| result.outcome() == Outcome::Written);
    assert_eq!((written.count(), memory.calls("vault-patch")), (1, 1));
    for name in ["a", "b", "c"] {
        assert_eq!(id_in(&memory, name), "AKIA000000000NEW");
        assert_eq!(versions(&memory, name), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn racing_processes_write_each_target_once() {
    let (memory, ctx) = due(&["a", "b"]).await;
    let other = memory.ctx(&[]);
    let (one, two) = tokio::join!(results(&ctx), results(&other));
    for result in one.iter().chain(&two) {
        let outcome = result.outcome();
        assert!(
            matches!(outcome, Outcome::Written | Outcome::Unchanged),
            "{outcome:?}"
        );
    }
    for name in ["a", "b"] {
        assert_eq!(versions(&memory, name), 2);
        assert_eq!(id_in(&memory, name), "AKIA000000000NEW");
    }
    assert_eq!(
        outcomes(&ctx).await,
        [Outcome::Unchanged, Outcome::Unchanged]
    );
}

#[tokio::test(start_paused = true)]
async fn fields_of_others_are_kept_and_former_fields_are_removed() {
    let (memory, ctx) = with_targets(&[target("a")]);
    write_by_hand(&memory, "a", &[("DATABASE_URL", "postgres://x")]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(
        field(&memory, "a", "AWS_DEFAULT_REGION").unwrap(),
        "ca-central-1"
    );
    let changed = json!({
        "mount": "apps", "path": format!("{FOLDER}/a"),
        "fields": {"KEY": "{accessKeyId}", "PASSWORD": "{sesSmtpPassword}"},
    });
    store_targets(&memory, &[changed]);
    let results = results(&ctx).await;
    assert!(
        results[0].reason().contains("redefined"),
        "{}",
        results[0].reason()
    );
    let secret = memory.inner().secret(&path("a")).unwrap();
    let names = secret.keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(names, ["DATABASE_URL", "KEY", "PASSWORD"]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_a_neighbour_costs_one_write_per_run() {
    let (memory, ctx) = due(&["a"]).await;
    outcomes(&ctx).await;
    write_by_hand(&memory, "a", &[("DATABASE_URL", "postgres://x")]);
    let repaired = reconciled(&ctx).await;
    assert_eq!(repaired[0].outcome(), Outcome::Written);
    assert!(
        !repaired[0].is_rewritten(),
        "not the sign of another writer of the key"
    );
    assert_eq!(field(&memory, "a", "DATABASE_URL").unwrap(), "postgres://x");
    assert_eq!(reconciled(&ctx).await[0].outcome(), Outcome::Unchanged);
    assert_eq!(versions(&memory, "a"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_secret_keeps_no_other_field() {
    let replaced = json!({"mount": "apps", "path": format!("{FOLDER}/a"), "merge": false});
    let (memory, ctx) = with_targets(&[replaced]);
    write_by_hand(&memory, "a", &[("DATABASE_URL", "postgres://x")]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(field(&memory, "a", "DATABASE_URL"), None);
    assert_eq!(memory.calls("vault-patch"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_another_tool_is_written_only_after_it_is_adopted() {
    let (memory, ctx) = with_targets(&[target("a"), target("b")]);
    write_by_hand(&memory, "a", &[("AWS_ACCESS_KEY_ID", "theirs")]);
    mark_by_hand(&memory, "a", &[("managed-by", "external-secrets")]);
    for _ in 0..2 {
        let results = results(&ctx).await;
        assert_eq!(results[0].outcome(), Outcome::Foreign);
        assert!(
            results[0].reason().contains("external-secrets"),
            "{}",
            results[0].reason()
        );
        assert!(!results[0].should_redeliver(1));
    }
    assert_eq!(
        (id_in(&memory, "a").as_str(), versions(&memory, "a")),
        ("theirs", 1)
    );
    assert_eq!(
        by_operator(&ctx, false).await[0].outcome(),
        Outcome::Foreign
    );
    assert_eq!(by_operator(&ctx, true).await[0].outcome(), Outcome::Written);
    assert_eq!(id_in(&memory, "a"), "AKIA000000000OLD");
    let managed_by = memory.inner().custom_metadata[&path("a")]["managed-by"].clone();
    assert_eq!(managed_by, "nr-iam-key-sync");
    assert_eq!(
        outcomes(&ctx).await,
        [Outcome::Unchanged, Outcome::Unchanged]
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_marked_with_the_current_version_is_adopted_unwritten() {
    for (version, written) in [("1", 0), ("7", 1)] {
        let (memory, ctx) = with_targets(&[target("a")]);
        let theirs = [
            ("AWS_ACCESS_KEY_ID", "AKIA000000000OLD"),
            ("OWNER", "a person"),
        ];
        write_by_hand(&memory, "a", &theirs);
        mark_by_hand(&memory, "a", &[("aws_parameter_version", version)]);
        outcomes(&ctx).await;
        assert_eq!(versions(&memory, "a"), 1 + written, "marked with {version}");
        assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
        memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
        assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
        assert_eq!(field(&memory, "a", "OWNER").unwrap(), "a person");
        let mark = memory.inner().custom_metadata[&path("a")].clone();
        assert_eq!(
            mark["aws_parameter_version"], "2",
            "the other tool skips it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_another_tool_is_written_once_when_it_is_adopted_whatever_its_mark() {
    let (memory, ctx) = with_targets(&[target("a")]);
    write_by_hand(&memory, "a", &[("AWS_ACCESS_KEY_ID", "theirs")]);
    let mark = [("managed-by", "a tool"), ("aws_parameter_version", "1")];
    mark_by_hand(&memory, "a", &mark);
    assert_eq!(outcomes(&ctx).await, [Outcome::Foreign]);
    assert_eq!(by_operator(&ctx, true).await[0].outcome(), Outcome::Written);
    assert_eq!(id_in(&memory, "a"), "AKIA000000000OLD");
    let managed_by = memory.inner().custom_metadata[&path("a")]["managed-by"].clone();
    assert_eq!(managed_by, "nr-iam-key-sync");
    assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
}

#[tokio::test(start_paused = true)]
async fn a_mark_does_not_prove_fields_of_another_form() {
    let target = json!({
        "mount": "apps", "path": format!("{FOLDER}/a"), "fields": {"KEY": "{accessKeyId}"},
    });
    let (memory, ctx) = with_targets(&[target]);
    write_by_hand(&memory, "a", &[("AWS_ACCESS_KEY_ID", "AKIA000000000OLD")]);
    mark_by_hand(&memory, "a", &[("aws_parameter_version", "1")]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(field(&memory, "a", "KEY").unwrap(), "AKIA000000000OLD");
}

#[tokio::test(start_paused = true)]
async fn marks_that_are_refused_fail_no_sync() {
    let (memory, ctx) = due(&["a", "b"]).await;
    memory.fail("vault-patch_metadata", 10, denied);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written, Outcome::Written]);
    assert_eq!(
        outcomes(&ctx).await,
        [Outcome::Unchanged, Outcome::Unchanged]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_without_patch_fails_merges_and_names_the_remedy() {
    let replaced = json!({"mount": "apps", "path": format!("{FOLDER}/b"), "merge": false});
    let (memory, ctx) = with_targets(&[target("a"), replaced]);
    write_by_hand(&memory, "a", &[("OWNER", "a person")]);
    memory.inner().without_patch = true;
    let results = results(&ctx).await;
    assert_eq!(results[0].outcome(), Outcome::Failed);
    let reason = results[0].reason();
    for part in ["answers PATCH with 405", "\"merge\": false"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(results[1].outcome(), Outcome::Written);
    assert_eq!(versions(&memory, "a"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_vanished_or_was_deleted_is_written_anew() {
    for deletes in [false, true] {
        let (memory, ctx) = due(&["a"]).await;
        if deletes {
            *memory
                .inner()
                .vault
                .get_mut(&path("a"))
                .unwrap()
                .last_mut()
                .unwrap() = None;
        } else {
            memory.inner().vault.remove(&path("a"));
        }
        assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
        assert_eq!(id_in(&memory, "a"), "AKIA000000000NEW");
        assert_eq!(versions(&memory, "a"), if deletes { 2 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_document_fails_users_until_it_is_repaired() {
    let (memory, ctx) = due(&["a"]).await;
    let entry = json!({"name": "/iam_users/alice_keys", "targets": [target("a")]});
    let refused = json!({"parameters": [entry], "regoin": "x"});
    store(&memory, &refused);
    let result = &results(&ctx).await[0];
    assert_eq!(result.outcome(), Outcome::Failed);
    let reason = result.reason();
    assert!(
        reason.contains("s3://bucket/targets.json") && reason.contains("regoin"),
        "{reason}"
    );
    assert_eq!(versions(&memory, "a"), 1);
    store_targets(&memory, &[target("a")]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
}

#[tokio::test(start_paused = true)]
async fn a_document_that_disappears_publishes_no_key_elsewhere() {
    let (memory, ctx) = due(&["a"]).await;
    memory.inner().document = None;
    for _ in 0..2 {
        let result = &results(&ctx).await[0];
        assert_eq!(result.outcome(), Outcome::Failed);
        let reason = result.reason();
        assert!(
            reason.contains("targets import") && reason.contains("others"),
            "{reason}"
        );
    }
    assert_eq!(memory.history("alice").len(), 0);
    // An operator who means it says so.
    let others = json!({"mount": "secret", "path": "aws/iam-keys/{userName}"});
    store(&memory, &json!({"parameters": [], "others": others}));
    let results = results(&ctx).await;
    let outcomes = results.iter().map(SyncResult::outcome).collect::<Vec<_>>();
    assert_eq!(outcomes, [Outcome::Written, Outcome::Untargeted]);
}

#[tokio::test(start_paused = true)]
async fn a_document_in_the_form_without_one_rewrites_nothing() {
    let (memory, ctx) = warm().await;
    let others = json!({
        "mount": "secret", "path": "aws/iam-keys/{userName}", "merge": false,
        "fields": {
            "accessKeyId": "{accessKeyId}", "secretAccessKey": "{secretAccessKey}",
            "userName": "{userName}", "syncedAt": "{syncedAt}",
        },
    });
    store(&memory, &json!({"parameters": [], "others": others}));
    assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
    assert_eq!(memory.history("alice").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_removed_target_is_reported_until_its_secret_is_deleted() {
    // A segment may have any character that a targets document accepts.
    let (memory, ctx) = due(&["a key & more", "b"]).await;
    outcomes(&ctx).await;
    store_targets(&memory, &[target("b")]);
    for _ in 0..2 {
        let results = reconciled(&ctx).await;
        assert_eq!(results[0].outcome(), Outcome::Unchanged);
        assert_eq!(results[1].outcome(), Outcome::Untargeted);
        assert_eq!(results[1].target(), Some(path("a key & more")));
    }
    assert_eq!(versions(&memory, "a key & more"), 2, "it is not touched");
    memory.inner().vault.remove(&path("a key & more"));
    assert_eq!(reconciled(&ctx).await[1].outcome(), Outcome::Retired);
    assert_eq!(reconciled(&ctx).await.len(), 1);
    // The target comes back.
    store_targets(&memory, &[target("a key & more"), target("b")]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written, Outcome::Unchanged]);
    assert_eq!(id_in(&memory, "a key & more"), "AKIA000000000NEW");
}

#[tokio::test(start_paused = true)]
async fn a_user_without_a_target_is_untargeted() {
    let (memory, ctx) = with_targets(&[target("a")]);
    memory.put("bob", &value("AKIA000000000BOB"), DAY_1);
    let result = sync_one(&ctx, request("bob")).await;
    assert_eq!(result.outcome(), Outcome::Untargeted);
    assert!(!result.should_redeliver(1));
    assert!(memory.state("bob").is_none());
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_retired_user_leave_each_target_and_neighbours_stay() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete")]);
    assert_eq!(ctx.config.on_user_deleted, OnUserDeleted::SoftDelete);
    let replaced = json!({"mount": "apps", "path": format!("{FOLDER}/b"), "merge": false});
    store_targets(&memory, &[target("a"), replaced]);
    memory.put("alice", &value("AKIA000000000OLD"), DAY_1);
    write_by_hand(&memory, "a", &[("OWNER", "a person")]);
    outcomes(&ctx).await;
    memory.delete("alice");
    assert_eq!(outcomes(&ctx).await, [Outcome::Retired, Outcome::Retired]);
    let secret = memory.inner().secret(&path("a")).unwrap();
    assert_eq!(secret.keys().collect::<Vec<_>>(), ["OWNER"]);
    assert_eq!(memory.inner().vault[&path("b")], [None], "deleted");
    assert_eq!(
        outcomes(&ctx).await,
        [Outcome::Unchanged, Outcome::Unchanged]
    );
    // The user comes back.
    memory.put("alice", &value("AKIA000000000NEW"), DAY_5);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written, Outcome::Written]);
    assert_eq!(id_in(&memory, "a"), "AKIA000000000NEW");
}

#[tokio::test(start_paused = true)]
async fn the_mark_is_the_record_in_basic_mode() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token"), ("TARGETS_FILE", "targets.json")]);
    store_targets(&memory, &[target("a")]);
    memory.put("alice", &value("AKIA000000000OLD"), DAY_1);
    memory.fail("vault-read", 100, denied);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
    memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
    write_by_hand(&memory, "a", &[("AWS_ACCESS_KEY_ID", "changed")]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written], "drift");
    assert_eq!(id_in(&memory, "a"), "AKIA000000000NEW");
    let mut in_other_region = target("a");
    in_other_region["region"] = json!("us-east-1");
    store_targets(&memory, &[in_other_region]);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written], "changed target");
    let region = field(&memory, "a", "AWS_DEFAULT_REGION").unwrap();
    assert_eq!(region, "us-east-1");
    assert_eq!(outcomes(&ctx).await, [Outcome::Unchanged]);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_written_is_written_for_all_targets_by_the_next_sync() {
    let (memory, ctx) = due(&["a", "b"]).await;
    memory.fail("s3-save", 10, unavailable);
    assert_eq!(outcomes(&ctx).await, [Outcome::Failed, Outcome::Failed]);
    memory.inner().faults.clear();
    assert_eq!(
        outcomes(&ctx).await,
        [Outcome::Unchanged, Outcome::Unchanged]
    );
    for name in ["a", "b"] {
        assert_eq!(versions(&memory, name), 2, "each key is written once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_replaced_counts_with_the_next_event() {
    let (memory, ctx) = due(&["a"]).await;
    memory.before_call("vault-patch", |inner| {
        let entry = json!({"name": "/iam_users/alice_keys", "targets": [target("b")]});
        let etag = inner.next_etag();
        let text = json!({"parameters": [entry]}).to_string();
        inner.document = Some((text, etag));
    });
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
    assert_eq!(id_in(&memory, "a"), "AKIA000000000NEW");
    assert_eq!(
        outcomes(&ctx).await,
        [Outcome::Written, Outcome::Untargeted]
    );
    assert_eq!(id_in(&memory, "b"), "AKIA000000000NEW");
}

#[tokio::test(start_paused = true)]
async fn a_document_that_cannot_be_read_fails_users() {
    let (memory, ctx) = due(&["a"]).await;
    memory.fail("s3-document", 1, unavailable);
    let result = &results(&ctx).await[0];
    assert!(matches!(
        &result.snapshot.assignment,
        crate::snapshot::Assignment::Unreadable(Error::Unavailable { .. })
    ));
    assert_eq!(result.outcome(), Outcome::Failed);
    assert_eq!(outcomes(&ctx).await, [Outcome::Written]);
}
