//! Reconcile runs on backends in memory: what they repair, leave alone and reject.
//!
//! The known faults of the legacy service, and the tests that prevent them:
//! - A run counted as complete although users failed:
//!   `failed_users_make_a_run_incomplete_and_are_repeated`.
//! - Every second nightly run was skipped: `a_run_is_due_an_eighth_of_the_interval_early` (in
//!   `due`).
//! - Any error of Vault was taken for "no key": `basic_mode_never_takes_an_error_for_absence` (in
//!   `sync`).
//! - Hash and written key could differ: `hash_and_written_key_come_from_one_read`.
//! - Drift in Vault was never noticed: `drift_in_vault_is_repaired_and_counted`.
//! - Of two runs at the same time one lost the state of the other:
//!   `an_event_during_a_run_loses_no_state`.
//! - Unchanged users were counted as updated: `a_second_run_writes_nothing_and_makes_few_calls`.

mod hostile;
mod targets;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::handler::handle;
use crate::keys::AccessKey;
use crate::observe::ReadStrategy;
use crate::plan::Outcome;
use crate::snapshot::{ReconcileRecord, SecretRecord};
use crate::sync::Request;
use crate::telemetry::Metrics;
use crate::testing::memory::{
    Inner, Memory, denied, key_id, state_of, throttled, unavailable, unreachable, value,
};

/// Returns the answer and the metrics of an invocation that may take so many seconds.
async fn run_with(
    ctx: &Context<Memory>,
    payload: Value,
    seconds: u64,
) -> (Result<Value, Error>, Value) {
    let mut metrics = Metrics::new("function", "request");
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let id = format!("request-{}", fastrand::u64(..));
    let answer = handle(ctx, payload, &id, deadline, &mut metrics).await;
    (answer, serde_json::from_str(&metrics.to_line()).unwrap())
}

fn forced() -> Value {
    json!({"action": "reconcile", "force": true})
}

/// Runs whether or not a run is due.
async fn run(ctx: &Context<Memory>) -> Result<Value, Error> {
    run_with(ctx, forced(), 3600).await.0
}

async fn run_and_measure(ctx: &Context<Memory>) -> (Result<Value, Error>, Value) {
    run_with(ctx, forced(), 3600).await
}

/// Runs if a run is due.
async fn run_if_due(ctx: &Context<Memory>) -> (Result<Value, Error>, Value) {
    run_with(ctx, json!({"action": "reconcile"}), 3600).await
}

async fn dry_run(ctx: &Context<Memory>) -> Result<Value, Error> {
    let payload = json!({"action": "reconcile", "dryRun": true});
    run_with(ctx, payload, 3600).await.0
}

fn days_ago(days: i64) -> String {
    (Timestamp::now() - SignedDuration::from_hours(24 * days)).to_string()
}

fn names(users: usize) -> Vec<String> {
    (0..users).map(|n| format!("user{n:02}")).collect()
}

/// Returns a context with these users, all in sync and on the roster, and no calls recorded.
async fn in_sync(users: usize, variables: &[(&str, &str)]) -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(variables);
    for user in names(users) {
        memory.put(&user, &value(&key_id("KEY", &user)), &days_ago(1));
        memory.inner().roster.push(user);
    }
    assert_eq!(run(&ctx).await.unwrap()["counts"]["written"], users);
    memory.inner().calls.clear();
    (memory, ctx)
}

/// Puts a new key for each of these users.
fn rotate(memory: &Memory, users: &[String]) {
    for user in users {
        memory.put(user, &value(&key_id("NEW", user)), &days_ago(0));
    }
}

fn change_record(memory: &Memory, change: impl FnOnce(&mut ReconcileRecord)) {
    change(&mut memory.inner().record.as_mut().unwrap().0);
}

fn record(memory: &Memory) -> ReconcileRecord {
    memory.inner().record.clone().unwrap().0
}

/// Returns a user's entry in a report.
fn entry<'a>(report: &'a Value, user: &str) -> &'a Value {
    let mut users = report["users"].as_array().unwrap().iter();
    let found = users.find(|entry| entry["user"] == user);
    found.unwrap_or_else(|| panic!("no {user} in {report}"))
}

fn outcome<'a>(report: &'a Value, user: &str) -> &'a str {
    entry(report, user)["outcome"].as_str().unwrap()
}

fn reason<'a>(report: &'a Value, user: &str) -> &'a str {
    entry(report, user)["reason"].as_str().unwrap()
}

fn is_skipped(answer: &Result<Value, Error>, because: &str) -> bool {
    let skipped = answer.as_ref().unwrap()["skipped"].as_str();
    skipped.is_some_and(|reason| reason.contains(because))
}

#[tokio::test(start_paused = true)]
async fn a_second_run_writes_nothing_and_makes_few_calls() {
    for (lists_metadata, metadata_calls) in [(true, 0), (false, 25)] {
        let (memory, ctx) = in_sync(25, &[]).await;
        memory.inner().lists_metadata = lists_metadata;
        let report = run(&ctx).await.unwrap();
        assert_eq!(
            (&report["counts"]["unchanged"], &report["users"]),
            (&json!(25), &json!([]))
        );
        for (call, times) in [
            // Ten users a page.
            ("ssm-page", 3),
            ("ssm-read", 0),
            ("s3-load", 25),
            ("s3-save", 0),
            ("vault-metadata", metadata_calls),
            ("vault-write", 0),
        ] {
            assert_eq!(memory.calls(call), times, "{call}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_listing_stays_one_page_ahead_of_the_users() {
    let (memory, ctx) = in_sync(60, &[("SYNC_CONCURRENCY", "1")]).await;
    run(&ctx).await.unwrap();
    let (mut users, mut users_at_page) = (0, Vec::new());
    for call in &memory.inner().calls {
        users += usize::from(call.starts_with("s3-load "));
        if call.starts_with("ssm-page ") {
            users_at_page.push(users);
        }
    }
    assert_eq!(users_at_page.len(), 6);
    for (page, users) in users_at_page.into_iter().enumerate().skip(1) {
        let of_page_before = 10 * (page - 1)..10 * page;
        assert!(
            of_page_before.contains(&users),
            "page {page} was read at user {users}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn drift_in_vault_is_repaired_and_counted() {
    for lists_metadata in [true, false] {
        let (memory, ctx) = in_sync(4, &[]).await;
        memory.inner().lists_metadata = lists_metadata;
        memory.inner().write_by_hand("user00");
        *memory.inner().versions("user01") = vec![None];
        memory.inner().vault.remove("secret/aws/iam-keys/user02");
        let (report, metrics) = run_and_measure(&ctx).await;
        let counts = &report.unwrap()["counts"];
        assert_eq!(
            (&counts["written"], &counts["unchanged"]),
            (&json!(3), &json!(1))
        );
        assert_eq!(
            (&metrics["DriftRepaired"], &metrics["SweepCompleted"]),
            (&json!(3), &json!(1))
        );
        assert_eq!(
            memory.history("user00"),
            ["AKIA000KEYUSER00", "BY-HAND", "AKIA000KEYUSER00"]
        );
        assert_eq!(memory.history("user01"), ["-", "AKIA000KEYUSER01"]);
        assert_eq!(memory.history("user02"), ["AKIA000KEYUSER02"]);
        assert_eq!(run(&ctx).await.unwrap()["counts"]["unchanged"], 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_event_is_repaired() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.put("user01", &value("AKIA000000000NEW"), &days_ago(0));
    assert_eq!(outcome(&run(&ctx).await.unwrap(), "user01"), "written");
    assert_eq!(
        memory.history("user01"),
        ["AKIA000KEYUSER01", "AKIA000000000NEW"]
    );
}

#[tokio::test(start_paused = true)]
async fn hidden_metadata_prevents_drift_repair_only() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.fail("vault-metadata", 3, denied);
    memory.put("user01", &value("AKIA000000000NEW"), &days_ago(0));
    let counts = &run(&ctx).await.unwrap()["counts"];
    assert_eq!(
        (&counts["written"], &counts["unchanged"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn users_that_the_sources_disagree_on_are_reported() {
    let (memory, ctx) = in_sync(4, &[]).await;
    memory.put("stranger", &value("AKIA000000000KEY"), &days_ago(1));
    memory.put("USER00", &value("AKIA000000000KEY"), &days_ago(1));
    let rows = ["late", "jo@x", "USER00", "not/a name"].map(str::to_owned);
    memory.inner().roster.extend(rows);
    let report = run(&ctx).await.unwrap();
    assert!(reason(&report, "stranger").contains("no row on the roster"));
    assert!(reason(&report, "user00").contains("differs from USER00 only in case"));
    assert_eq!(outcome(&report, "late"), "missing");
    assert_eq!(outcome(&report, "jo@x"), "missing");
    assert!(
        reason(&report, "jo@x").contains("no parameter name can contain"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_without_parameter_and_roster_row_is_retired() {
    let (memory, ctx) = in_sync(4, &[]).await;
    memory.remove_user("user03");
    assert_eq!(outcome(&run(&ctx).await.unwrap(), "user03"), "retired");
    assert!(memory.is_retired("user03"));
    assert_eq!(
        memory.history("user03"),
        ["AKIA000KEYUSER03"],
        "retain is the default"
    );
    memory.inner().calls.clear();
    assert_eq!(run(&ctx).await.unwrap()["counts"]["unchanged"], 4);
    assert_eq!(
        memory.calls("ssm-read"),
        0,
        "a retired user costs no call to Parameter Store"
    );
}

#[tokio::test(start_paused = true)]
async fn the_mass_retire_limit_holds_until_it_is_lifted() {
    let (memory, ctx) = in_sync(3, &[("ON_USER_DELETED", "soft-delete")]).await;
    for user in names(3) {
        memory.remove_user(&user);
    }
    let error = dry_run(&ctx).await.unwrap_err();
    assert!(error.to_string().contains("3 of 3 users"), "{error}");
    let error = run(&ctx).await.unwrap_err();
    assert!(error.to_string().contains("3 failed"), "{error}");
    for days in [0, 0, 1] {
        change_record(&memory, |record| {
            record.started_at -= SignedDuration::from_hours(24 * days);
        });
        let error = run_if_due(&ctx).await.0.unwrap_err();
        assert_eq!(error.kind(), "PartialFailure");
    }
    for user in names(3) {
        assert!(
            !memory.is_retired(&user) && memory.history(&user) != ["-"],
            "{user}"
        );
    }
    let lifted = json!({"action": "reconcile", "allowMassRetire": true, "force": true});
    let report = run_with(&ctx, lifted, 3600).await.0.unwrap();
    assert_eq!(report["counts"]["retired"], 3);
    assert_eq!(memory.history("user00"), ["-"]);
}

#[tokio::test(start_paused = true)]
async fn made_up_states_stop_retirements_and_are_named() {
    let (memory, ctx) = in_sync(10, &[]).await;
    let forged = |n: usize| {
        let user = format!("forged{n}");
        let state = SecretRecord {
            user_name: user.clone(),
            ..memory.state("user00").unwrap()
        };
        (user, (state_of(state), 1))
    };
    let states = (0..40).map(forged).collect::<Vec<_>>();
    memory.inner().states.extend(states);
    memory.remove_user("user09");
    let error = run(&ctx).await.unwrap_err().to_string();
    assert!(!memory.is_retired("user09"), "{error}");
    assert!(error.contains("state objects"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_listing_retires_no_user() {
    let (memory, ctx) = in_sync(25, &[]).await;
    memory.remove_user("user24");
    // The first page is read; a later one fails.
    memory.before_call("ssm-page", |inner| {
        let fail: fn(&mut Inner) = |inner| inner.faults.push(("ssm-page", unavailable));
        inner.before_call.push(("s3-load", Box::new(fail)));
    });
    let (answer, metrics) = run_and_measure(&ctx).await;
    let error = answer.unwrap_err();
    assert!(
        error.to_string().contains("not all users were listed"),
        "{error}"
    );
    assert_eq!(metrics["SweepCompleted"], 0);
    assert!(!memory.is_retired("user24"));
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_leads_back_to_a_former_page_ends() {
    // Without a list of the roster, each user is looked up there by name.
    for (listing, completed) in [("ssm-page", 0), ("s3-page", 0), ("roster-page", 1)] {
        let (memory, ctx) = in_sync(12, &[]).await;
        memory.remove_user("user11");
        memory.inner().calls.clear();
        memory.inner().endless_listing = Some(listing);
        let (_, metrics) = run_and_measure(&ctx).await;
        assert_eq!(metrics["SweepCompleted"], completed, "{listing}");
        assert_eq!(memory.is_retired("user11"), completed == 1, "{listing}");
        let calls = &memory.inner().calls;
        let pages = calls.iter().filter(|call| call.starts_with(listing));
        assert!(pages.count() <= 4, "{listing}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_inaccessible_roster_retires_no_user_and_stops_no_sync() {
    let (memory, ctx) = in_sync(4, &[]).await;
    memory.remove_user("user03");
    memory.fail("roster-page", 1, denied);
    memory.fail("roster", 2, denied);
    memory.put("user01", &value("AKIA000000000NEW"), &days_ago(0));
    let report = run(&ctx).await.unwrap();
    assert_eq!(outcome(&report, "user01"), "written");
    assert_eq!(outcome(&report, "user03"), "missing");
    assert!(!memory.is_retired("user03"));
}

#[tokio::test(start_paused = true)]
async fn failed_users_make_a_run_incomplete_and_are_repeated() {
    let (memory, ctx) = in_sync(12, &[]).await;
    memory.put("user05", "no JSON", &days_ago(0));
    let (answer, metrics) = run_and_measure(&ctx).await;
    let error = answer.unwrap_err();
    assert_eq!(
        (error.kind(), &metrics["SweepCompleted"]),
        ("PartialFailure", &json!(0))
    );
    assert!(error.to_string().contains("1 failed (user05)"), "{error}");
    assert_eq!(metrics["Unchanged"], 11, "all other users were covered");
    memory.put("user05", &value("AKIA0000000FIXED"), &days_ago(0));
    memory.inner().calls.clear();
    let report = run_if_due(&ctx).await.0.unwrap();
    assert_eq!(
        (outcome(&report, "user05"), memory.calls("ssm-page")),
        ("written", 0)
    );
    assert!(is_skipped(&run_if_due(&ctx).await.0, "was complete"));
}

#[tokio::test(start_paused = true)]
async fn of_two_concurrent_runs_one_fails_and_is_retried_by_its_trigger() {
    let (memory, ctx) = in_sync(5, &[]).await;
    memory.inner().record = None;
    let ((one, _), (two, _)) = tokio::join!(run_if_due(&ctx), run_if_due(&ctx));
    let errors = [one, two].into_iter().filter_map(Result::err);
    let errors = errors.collect::<Vec<_>>();
    assert!(
        matches!(&errors[..], [error] if error.to_string().contains("holds the lease until")),
        "{errors:?}"
    );
    assert!(is_skipped(&run_if_due(&ctx).await.0, "was complete"));
}

#[tokio::test(start_paused = true)]
async fn a_conflicting_write_of_the_record_is_not_another_run() {
    let (memory, ctx) = in_sync(2, &[]).await;
    // S3 may reject both of two writes at the same moment.
    memory.before_call("s3-run-save", |inner| {
        let etag = inner.next_etag();
        inner.record.as_mut().unwrap().1 = etag;
    });
    assert_eq!(run(&ctx).await.unwrap()["counts"]["unchanged"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_its_run_lives() {
    for loses_answer in [false, true] {
        let (memory, ctx) = in_sync(40, &[("SYNC_CONCURRENCY", "1")]).await;
        // The user before the first renewal.
        memory.before_call("vault-metadata", move |inner| {
            inner.lose_answer = loses_answer;
        });
        memory.inner().lists_metadata = false;
        assert!(run(&ctx).await.is_ok(), "loses_answer: {loses_answer}");
        let saved = memory.calls("s3-run-save");
        assert!(saved >= 4, "acquired, renewed and released: {saved}");
        assert!(record(&memory).finished_at.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_read_its_record_ends_in_time() {
    let (memory, ctx) = in_sync(1, &[]).await;
    memory.inner().latencies = vec![250];
    let started = Instant::now();
    let error = run_with(&ctx, forced(), 60).await.0.unwrap_err();
    assert!(started.elapsed() <= Duration::from_mins(1));
    assert!(
        error.to_string().contains("the reconcile record"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn runs_with_too_little_time_reach_each_user_in_turn() {
    for listed in [true, false] {
        let list = names(40).join(",");
        let variables = [("SYNC_CONCURRENCY", "1"), ("IAM_USER_LIST", &list)];
        let variables = if listed {
            &variables[..1]
        } else {
            &variables[..]
        };
        let (memory, ctx) = in_sync(40, variables).await;
        rotate(&memory, &names(40));
        let mut runs = 0;
        while names(40).iter().any(|user| memory.history(user).len() == 1) {
            // Each run has time for few users, and the first ones are rotated all the time.
            rotate(&memory, &names(8));
            let _ = run_with(&ctx, forced(), 70).await;
            runs += 1;
            assert!(
                runs < 20,
                "listed: {listed}: {:?}",
                record(&memory).failed_users
            );
        }
        assert!(runs > 2, "there was time for all users");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_that_are_written_again_in_each_run_show_another_writer() {
    let (memory, ctx) = in_sync(3, &[]).await;
    for (run, expected) in [(1, 0), (2, 1), (3, 1)] {
        memory.inner().write_by_hand("user01");
        let (answer, metrics) = run_and_measure(&ctx).await;
        assert_eq!(metrics["RewrittenAgain"], expected, "run {run}");
        let report = answer.unwrap();
        let is_said = reason(&report, "user01").contains("another process writes");
        assert_eq!(is_said, expected == 1, "run {run}: {report}");
    }
    run(&ctx).await.unwrap();
    memory.inner().write_by_hand("user01");
    assert_eq!(run_and_measure(&ctx).await.1["RewrittenAgain"], 0);
}

#[tokio::test(start_paused = true)]
async fn two_prefixes_on_one_bucket_show_another_writer() {
    let (memory, ctx) = in_sync(2, &[]).await;
    let other = memory.ctx(&[("VAULT_PATH_PREFIX", "aws/other")]);
    let mut counts = Vec::new();
    for _ in 0..2 {
        for ctx in [&other, &ctx] {
            counts.push(run_and_measure(ctx).await.1["RewrittenAgain"].clone());
        }
    }
    assert_eq!(counts, [0, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_run_without_time_leaves_users_to_the_next_run() {
    let (memory, ctx) = in_sync(40, &[("SYNC_CONCURRENCY", "1")]).await;
    let error = run_with(&ctx, forced(), 40).await.0.unwrap_err();
    assert!(
        error.to_string().contains("no time left to list"),
        "{error}"
    );
    let left_over = record(&memory).failed_users.len();
    assert!(
        (1..40).contains(&left_over),
        "{left_over} users are left over"
    );
    assert_eq!(run_if_due(&ctx).await.0.unwrap()["counts"]["unchanged"], 40);
    // In a run by name, the users who were not started are recorded.
    change_record(&memory, |record| record.failed_users = names(40));
    let (answer, _) = run_with(&ctx, json!({"action": "reconcile"}), 40).await;
    let error = answer.unwrap_err();
    assert!(error.to_string().contains(" not started ("), "{error}");
    let left_over = record(&memory).failed_users.len();
    assert!(
        (1..40).contains(&left_over),
        "{left_over} users are left over"
    );
    assert!(run_if_due(&ctx).await.0.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_reports_and_writes_nothing() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.put("user00", &value("AKIA000000000NEW"), &days_ago(0));
    memory.inner().vault.remove("secret/aws/iam-keys/user01");
    memory.inner().ttl = 60;
    let before = record(&memory);
    let counts = &dry_run(&ctx).await.unwrap()["counts"];
    assert_eq!(
        (&counts["planned-written"], &counts["unchanged"]),
        (&json!(2), &json!(1))
    );
    for call in [
        "vault-write",
        "vault-delete",
        "vault-renew",
        "s3-save",
        "s3-run-save",
    ] {
        assert_eq!(memory.calls(call), 0, "{call}");
    }
    assert_eq!(record(&memory), before);
}

#[tokio::test(start_paused = true)]
async fn a_run_of_named_users_needs_no_lease() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.inner().vault.remove("secret/aws/iam-keys/user01");
    let named = json!({"action": "reconcile", "users": ["user01", "user02"]});
    let counts = &run_with(&ctx, named, 3600).await.0.unwrap()["counts"];
    assert_eq!(
        (&counts["written"], &counts["unchanged"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (memory.calls("s3-run"), memory.calls("s3-run-save")),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_configured_list_is_all_that_a_run_covers() {
    let (memory, _) = in_sync(3, &[]).await;
    let ctx = memory.ctx(&[("IAM_USER_LIST", "user00,user02,ghost")]);
    let counts = &run(&ctx).await.unwrap()["counts"];
    assert_eq!(
        (&counts["unchanged"], &counts["missing"]),
        (&json!(2), &json!(1))
    );
    assert_eq!((memory.calls("ssm-page"), memory.calls("ssm-read")), (0, 3));
}

/// Returns a context with alice, whose key the legacy service wrote and recorded.
fn with_legacy_user() -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000KEY"), &days_ago(1));
    memory.inner().roster.push("alice".into());
    memory
        .inner()
        .versions("alice")
        .push(Some(("AKIA000000000KEY".into(), "x".into())));
    let key = AccessKey::new(
        "AKIA000000000KEY".into(),
        "secret-of-AKIA000000000KEY".into(),
    )
    .unwrap();
    let state = json!({
        "userName": "alice", "lastSecretHash": key.fingerprint(),
        "lastSyncedAt": "2025-12-31T08:00:00.000Z",
    });
    let state = serde_json::from_value(state).unwrap();
    memory.inner().legacy.insert("alice".into(), state);
    (memory, ctx)
}

#[tokio::test(start_paused = true)]
async fn a_user_of_the_legacy_service_is_adopted_without_a_write() {
    let (memory, ctx) = with_legacy_user();
    assert_eq!(run(&ctx).await.unwrap()["counts"]["unchanged"], 1);
    assert_eq!(memory.calls("vault-write"), 0);
    assert_eq!(
        memory.state("alice").unwrap().vault_version,
        Some(1),
        "the state is recorded"
    );
}

#[tokio::test(start_paused = true)]
async fn two_runs_that_adopt_a_user_keep_no_key_written_by_hand() {
    let (memory, ctx) = with_legacy_user();
    memory.before_call("vault-metadata", |inner| inner.write_by_hand("alice"));
    memory.before_call("s3-save", |inner| {
        let state = SecretRecord {
            vault_version: Some(1),
            ..inner.legacy["alice"].clone()
        };
        inner.states.insert("alice".into(), (state_of(state), 1));
    });
    run(&ctx).await.unwrap();
    assert_eq!(
        memory.history("alice"),
        ["AKIA000000000KEY", "BY-HAND", "AKIA000000000KEY"]
    );
    assert_eq!(memory.state("alice").unwrap().vault_version, Some(3));
}

#[tokio::test(start_paused = true)]
async fn late_keys_and_stalled_rotations_are_measured() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.put("user00", r#"{"pending_deletion": {}}"#, &days_ago(1));
    memory.put("user01", &value("AKIA000000000OLD"), &days_ago(5));
    let (report, metrics) = run_and_measure(&ctx).await;
    let report = report.unwrap();
    assert!(reason(&report, "user01").contains("not rotated for 5 days"));
    for hours in [
        &entry(&report, "user00")["unsyncedHours"],
        &metrics["OldestUnsyncedHours"],
    ] {
        assert!((hours.as_f64().unwrap() - 24.0).abs() < 0.1, "{hours}");
    }
    assert_eq!(metrics["StalledRotations"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_breaker_fails_the_remaining_users() {
    let (memory, ctx) = in_sync(6, &[("SYNC_CONCURRENCY", "1")]).await;
    rotate(&memory, &names(6));
    memory.fail("vault-write", 100, unreachable);
    let (answer, metrics) = run_and_measure(&ctx).await;
    let kind = answer.unwrap_err().kind();
    assert_eq!((kind, &metrics["Failed"]), ("PartialFailure", &json!(6)));
    assert_eq!(
        memory.calls("vault-write"),
        6,
        "three users, each with one repetition"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_delays_users_and_never_opens_the_breaker() {
    let (memory, ctx) = in_sync(6, &[]).await;
    rotate(&memory, &names(6));
    memory.fail("vault-write", 40, throttled);
    let (answer, metrics) = run_and_measure(&ctx).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(metrics["Written"], json!(6));
    assert_eq!(memory.calls("vault-write"), 46);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_that_leaves_no_time_is_the_cause() {
    let (memory, ctx) = in_sync(1, &[]).await;
    rotate(&memory, &names(1));
    memory.fail("vault-write", 10_000, throttled);
    let invocation = Invocation::new(&ctx, Instant::now() + Duration::from_mins(1), 1);
    let user = UserName::parse("user00").unwrap();
    let request = Request::new(user, ReadStrategy::VAULT_FIRST);
    let result = &crate::sync::sync_user(&invocation, request).await[0];
    assert!(result.reason().contains("Vault returned 429"), "{result:?}");
    let calls = memory.calls("vault-write");
    assert!((10..60).contains(&calls), "{calls} calls in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_run_cut_short_by_its_deadline_is_recorded() {
    for seconds in 6..30 {
        let (memory, ctx) = in_sync(4, &[("SYNC_CONCURRENCY", "1")]).await;
        rotate(&memory, &names(4));
        let (answer, _) = run_with(&ctx, forced(), seconds).await;
        let record = record(&memory);
        assert!(record.finished_at.is_some(), "{seconds} s: {record:?}");
        let is_complete = record.failed_users.is_empty() && !record.needs_full_run;
        assert_eq!(answer.is_ok(), is_complete, "{seconds} s: {record:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_left_over_user_who_is_gone_is_retired_by_a_full_run() {
    let (memory, ctx) = in_sync(5, &[]).await;
    memory.put("user00", "no JSON", &days_ago(0));
    run(&ctx).await.unwrap_err();
    memory.remove_user("user00");
    let error = run_if_due(&ctx).await.0.unwrap_err();
    assert!(
        error.to_string().contains("a full run retires them"),
        "{error}"
    );
    assert!(!memory.is_retired("user00"));
    assert_eq!(run_if_due(&ctx).await.0.unwrap()["counts"]["retired"], 1);
}

#[tokio::test(start_paused = true)]
async fn left_over_users_count_for_the_mass_retire_limit() {
    let (memory, _) = in_sync(3, &[]).await;
    let ctx = memory.ctx(&[("IAM_USER_LIST", "user00,user01,user02")]);
    for user in names(2) {
        memory.put(&user, "no JSON", &days_ago(0));
    }
    run(&ctx).await.unwrap_err();
    rotate(&memory, &names(2));
    memory.remove_user("user02");
    assert_eq!(run(&ctx).await.unwrap()["counts"]["retired"], 1);
}

/// The legacy service read the parameter twice.
#[tokio::test(start_paused = true)]
async fn hash_and_written_key_come_from_one_read() {
    let (memory, ctx) = in_sync(1, &[]).await;
    memory.put("user00", &value("AKIA000000000NEW"), &days_ago(0));
    run(&ctx).await.unwrap();
    assert_eq!((memory.calls("ssm-page"), memory.calls("ssm-read")), (1, 0));
    let (id, secret) = memory
        .inner()
        .versions("user00")
        .last()
        .cloned()
        .flatten()
        .unwrap();
    let written = AccessKey::new(id, secret.into()).unwrap();
    assert_eq!(
        memory.state("user00").unwrap().last_secret_hash,
        written.fingerprint()
    );
}

/// The legacy service stored all states in one object.
#[tokio::test(start_paused = true)]
async fn an_event_during_a_run_loses_no_state() {
    let (memory, ctx) = in_sync(20, &[("SYNC_CONCURRENCY", "2")]).await;
    let users = names(20);
    rotate(&memory, &users);
    let sync = run_with(&ctx, json!({"action": "sync", "users": users}), 3600);
    let (reconciled, (synced, _)) = tokio::join!(run(&ctx), sync);
    assert!(reconciled.is_ok() && synced.is_ok());
    for user in &users {
        let (history, state) = (memory.history(user), memory.state(user).unwrap());
        assert_eq!(history.last(), Some(&key_id("NEW", user)));
        assert_eq!(state.vault_version, Some(history.len() as u64), "{user}");
    }
    assert_eq!(run(&ctx).await.unwrap()["counts"]["unchanged"], 20);
}

#[tokio::test(start_paused = true)]
async fn a_failed_user_of_a_configured_list_is_recorded_once() {
    let (memory, _) = in_sync(3, &[]).await;
    let ctx = memory.ctx(&[("IAM_USER_LIST", "user00,user01")]);
    memory.put("user00", "no JSON", &days_ago(0));
    for _ in 0..2 {
        let (answer, metrics) = run_and_measure(&ctx).await;
        assert!(answer.is_err());
        assert_eq!(metrics["Failed"], 1);
        assert_eq!(record(&memory).failed_users, ["user00"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_of_left_over_users_measures_no_oldest_key() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.put("user00", "no JSON", &days_ago(0));
    memory.put("user01", r#"{"pending_deletion": {}}"#, &days_ago(1));
    let (_, metrics) = run_and_measure(&ctx).await;
    assert!(metrics["OldestUnsyncedHours"].as_f64().unwrap() > 23.0);
    memory.put("user00", &value("AKIA0000000FIXED"), &days_ago(0));
    let (answer, metrics) = run_if_due(&ctx).await;
    assert_eq!(answer.unwrap()["counts"]["written"], 1);
    assert_eq!(metrics["SweepCompleted"], 1);
    let oldest = metrics.get("OldestUnsyncedHours");
    assert_eq!(
        oldest, None,
        "the run did not cover user01, who still waits"
    );
}

#[tokio::test(start_paused = true)]
async fn many_left_over_users_leave_time_for_the_listing() {
    let (memory, ctx) = in_sync(60, &[("SYNC_CONCURRENCY", "1")]).await;
    change_record(&memory, |record| {
        record.failed_users = names(60);
        record.needs_full_run = true;
    });
    let _ = run_with(&ctx, json!({"action": "reconcile"}), 60).await;
    assert!(memory.calls("ssm-page") > 0, "{:?}", memory.inner().calls);
}

#[tokio::test(start_paused = true)]
async fn a_run_with_an_invalid_token_is_incomplete() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.inner().tokens.0 = "another".into();
    let (answer, metrics) = run_and_measure(&ctx).await;
    let kind = answer.unwrap_err().kind();
    assert_eq!(
        (kind, &metrics["SweepCompleted"]),
        ("PartialFailure", &json!(0))
    );
    // A valid token is stored, and the same process repairs drift again.
    memory.inner().tokens.1 = "another".into();
    memory.inner().vault.remove("secret/aws/iam-keys/user01");
    assert_eq!(run(&ctx).await.unwrap()["counts"]["written"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_token_is_named_once_beside_other_causes() {
    for listing in [None, Some("ssm-page")] {
        let (memory, ctx) = in_sync(12, &[]).await;
        memory.inner().tokens.0 = "another".into();
        memory.inner().endless_listing = listing;
        let error = run(&ctx).await.unwrap_err().to_string();
        let named = error.matches("renewing the Vault token failed").count();
        assert_eq!(named, 1, "{error}");
        let other = error.contains("already listed");
        assert_eq!(other, listing.is_some(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_run_for_all_users_that_writes_counts_as_completed() {
    let (_, ctx) = in_sync(3, &[]).await;
    for member in [
        json!({"users": ["user01"]}),
        json!({"dryRun": true}),
        json!({}),
    ] {
        let mut payload = forced();
        payload
            .as_object_mut()
            .unwrap()
            .extend(member.as_object().unwrap().clone());
        let (answer, metrics) = run_with(&ctx, payload, 3600).await;
        let is_full = member == json!({});
        assert_eq!(metrics.get("SweepCompleted").is_some(), is_full, "{member}");
        let millis = answer.unwrap()["millis"].as_u64().unwrap();
        assert!(millis >= 1000, "each call takes a second: {millis}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_not_due_repeats_how_the_last_one_ended() {
    let (memory, ctx) = in_sync(3, &[]).await;
    let (answer, metrics) = run_if_due(&ctx).await;
    assert!(is_skipped(&answer, "was complete"));
    assert_eq!(memory.calls("ssm-page"), 0);
    assert_eq!(metrics["SweepCompleted"], 1, "an operator may have run it");
    assert_eq!(metrics.get("OldestUnsyncedHours"), None, "no user was read");
    change_record(&memory, |record| {
        record.finished_at = None;
        record.leased_until = Some(Timestamp::now() + SignedDuration::from_mins(5));
    });
    let (answer, metrics) = run_if_due(&ctx).await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), "PartialFailure");
    assert!(
        error.to_string().contains("holds the lease until"),
        "{error}"
    );
    assert_eq!(metrics.get("SweepCompleted"), None);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_did_not_renew_the_token_is_repeated() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.fail("vault-renew", 2, unavailable);
    let (answer, metrics) = run_and_measure(&ctx).await;
    let kind = answer.unwrap_err().kind();
    assert_eq!(
        (kind, &metrics["SweepCompleted"]),
        ("PartialFailure", &json!(0))
    );
    assert_eq!(
        (&metrics["Unchanged"], &metrics["Failed"]),
        (&json!(3), &json!(0))
    );
    let (answer, metrics) = run_if_due(&ctx).await;
    assert_eq!(answer.unwrap()["counts"]["unchanged"], 3);
    assert_eq!(metrics["SweepCompleted"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_token_is_renewed_whether_or_not_a_run_is_due() {
    let (memory, ctx) = in_sync(1, &[]).await;
    let (_, metrics) = run_and_measure(&ctx).await;
    assert_eq!(memory.calls("vault-renew"), 1);
    assert_eq!(metrics["VaultTokenHoursLeft"], 720);
    assert!(is_skipped(&run_if_due(&ctx).await.0, "was complete"));
    assert_eq!(memory.calls("vault-renew"), 2);
    memory.inner().tokens.0 = "another".into();
    let error = run_if_due(&ctx).await.0.unwrap_err();
    assert!(error.to_string().contains("token"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_answer_was_lost_is_granted() {
    let (memory, ctx) = in_sync(2, &[]).await;
    // The write takes effect, and its repetition by the SDK fails because of it.
    memory.before_call("s3-run-save", |inner| inner.lose_answer = true);
    assert!(run(&ctx).await.unwrap().get("skipped").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_finishes_the_users_in_flight() {
    for by_name in [false, true] {
        let (memory, ctx) = in_sync(40, &[("SYNC_CONCURRENCY", "4")]).await;
        let users = names(40);
        rotate(&memory, &users);
        let parsed = users.iter().map(|user| UserName::parse(user).unwrap());
        let order = Reconcile {
            force: true,
            users: by_name.then(|| parsed.collect()),
            ..Reconcile::default()
        };
        let (cancel, mut done) = (CancellationToken::new(), 0);
        let progress = |progress: Progress<'_>| {
            done += usize::from(matches!(progress, Progress::User(_)));
            if done == 10 {
                cancel.cancel();
            }
        };
        let deadlines = Deadlines::until(Instant::now() + Duration::from_hours(1));
        let result = reconcile(&ctx, &order, "request-1", deadlines, &cancel, progress).await;
        let result = result.unwrap();
        let written = users
            .iter()
            .filter(|user| memory.history(user).len() == 2)
            .count();
        assert!((10..30).contains(&written), "{written} users were started");
        let counts = &result.report.counts;
        assert_eq!(
            counts[&Outcome::Written],
            written as u64,
            "started users are finished"
        );
        assert_eq!(counts[&Outcome::Failed], 0);
        assert_eq!(result.not_started.len(), 40 - written);
        assert!(!result.problems.is_empty());
        run(&ctx).await.unwrap();
        let is_written = |user: &String| memory.history(user).len() == 2;
        assert!(
            users.iter().all(is_written),
            "the next run continues with the other users"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_without_a_lease_states_why() {
    let (memory, ctx) = in_sync(1, &[]).await;
    memory.inner().slow = Some(("s3-run", 7200));
    for (is_cancelled, expected) in [(true, "stopped before it started"), (false, "no answer")] {
        let cancel = CancellationToken::new();
        if is_cancelled {
            cancel.cancel();
        }
        let deadlines = Deadlines::until(Instant::now() + Duration::from_hours(1));
        let order = Reconcile::default();
        let result = reconcile(&ctx, &order, "request-1", deadlines, &cancel, |_| ()).await;
        let error = result.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_in_basic_mode_makes_no_key_look_outdated() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token"), ("IAM_USER_TABLE", "-")]);
    for user in names(4) {
        memory.put(&user, &value(&key_id("KEY", &user)), &days_ago(1));
    }
    assert_eq!(run(&ctx).await.unwrap()["counts"]["written"], 4);
    memory.fail("vault-read", 99, unreachable);
    let (_, metrics) = run_and_measure(&ctx).await;
    assert!(metrics["OldestUnsyncedHours"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_of_a_list_names_each_user_once() {
    let list = names(8).join(",");
    let (memory, ctx) = in_sync(8, &[("IAM_USER_LIST", &list), ("SYNC_CONCURRENCY", "1")]).await;
    change_record(&memory, |record| {
        record.failed_users = ["user05", "user06", "user07"].map(str::to_owned).to_vec();
        record.needs_full_run = true;
    });
    let order = Reconcile {
        force: true,
        ..Reconcile::default()
    };
    let cancel = CancellationToken::new();
    let mut done = Vec::new();
    let progress = |progress: Progress<'_>| {
        if let Progress::User(result) = progress {
            done.push(result[0].user.to_string());
            cancel.cancel();
        }
    };
    let deadlines = Deadlines::until(Instant::now() + Duration::from_mins(10));
    let run = reconcile(&ctx, &order, "request", deadlines, &cancel, progress)
        .await
        .unwrap();
    let mut names: Vec<_> = run
        .not_started
        .iter()
        .map(ToString::to_string)
        .chain(done)
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(all, names.len());
}

#[tokio::test(start_paused = true)]
async fn retirements_end_with_the_deadline() {
    let (memory, ctx) = in_sync(120, &[("SSM_MAX_CALLS_PER_SECOND", "1")]).await;
    for user in names(120).iter().skip(1) {
        memory.remove_user(user);
    }
    let started = Instant::now();
    let payload = json!({"action": "reconcile", "force": true, "allowMassRetire": true});
    let _ = run_with(&ctx, payload, 90).await;
    assert!(started.elapsed() <= Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_does_not_check_the_mass_retire_limit() {
    let list = names(40).join(",");
    let (memory, ctx) = in_sync(40, &[("IAM_USER_LIST", &list), ("SYNC_CONCURRENCY", "1")]).await;
    for user in names(4) {
        memory.remove_user(&user);
    }
    let order = Reconcile {
        force: true,
        ..Reconcile::default()
    };
    let cancel = CancellationToken::new();
    let mut users = 0;
    let mut failed = Vec::new();
    let progress = |progress: Progress<'_>| {
        if let Progress::User(result) = progress {
            users += 1;
            if result[0].outcome() == Outcome::Failed {
                failed.push(result[0].reason());
            }
            if users == 5 {
                cancel.cancel();
            }
        }
    };
    let deadlines = Deadlines::until(Instant::now() + Duration::from_mins(10));
    let result = reconcile(&ctx, &order, "request", deadlines, &cancel, progress)
        .await
        .unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(!result.not_started.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_user_without_time_keeps_the_age_of_the_key() {
    let (memory, ctx) = in_sync(1, &[]).await;
    memory.inner().write_by_hand("user00");
    rotate(&memory, &names(1));
    memory.put("user00", &value("AKIA0000000NEWER"), &days_ago(1));
    let invocation = Invocation::new(&ctx, Instant::now() + Duration::from_millis(2600), 1);
    let result = crate::sync::sync_user(
        &invocation,
        Request {
            event: Some(crate::snapshot::Event {
                time: Some(Timestamp::now()),
                deleted: false,
            }),
            ..Request::new(UserName::parse("user00").unwrap(), ReadStrategy::Optimistic)
        },
    )
    .await;
    assert!(result[0].unsynced_for(Timestamp::now()).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_between_failures_resets_the_breaker() {
    let (memory, ctx) = in_sync(6, &[("SYNC_CONCURRENCY", "1")]).await;
    rotate(&memory, &names(6));
    for _ in 0..2 {
        memory.fail("vault-write", 2, unreachable);
        memory.fail("vault-write", 1, denied);
    }
    memory.fail("vault-write", 2, unreachable);
    let _ = run_and_measure(&ctx).await;
    assert_eq!(memory.history("user05").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_vault_is_not_called_again_in_basic_mode() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("VAULT_TOKEN", "token"), ("IAM_USER_TABLE", "-")]);
    memory.put("user00", &value("AKIA000000000KEY"), &days_ago(1));
    memory.fail("vault-metadata", 99, unreachable);
    memory.fail("vault-read", 99, unreachable);
    let invocation = Invocation::new(&ctx, Instant::now() + Duration::from_mins(10), 1);
    let request = Request::new(
        UserName::parse("user00").unwrap(),
        ReadStrategy::VAULT_FIRST,
    );
    crate::sync::sync_user(&invocation, request).await;
    assert_eq!(memory.calls("vault-read"), 0);
}
