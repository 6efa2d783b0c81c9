//! Sweeps on stores in memory: what they repair, what they leave alone, what they refuse.
//!
//! The known faults of the legacy, and the tests that keep them out:
//! - a run counted as complete although users failed: `users_who_failed_make_the_sweep_incomplete_and_only_they_are_swept_again`
//! - every second night was skipped: `a_nightly_schedule_never_skips_a_night`
//! - any error of Vault was taken for "no key": `basic_mode_takes_no_other_answer_of_vault_for_absence` (in `sync`)
//! - hash and written key could differ: `hash_and_written_key_come_from_one_read`
//! - drift in Vault was never seen: `drift_in_vault_is_repaired_and_counted`
//! - two runs at once lost each other's state: `an_event_in_the_middle_of_a_sweep_loses_no_state`
//! - unchanged users were counted as updated: `the_second_sweep_writes_nothing_and_asks_little`

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::handler::handle;
use crate::snapshot::UserState;
use crate::telemetry::Metrics;
use crate::testing::memory::{Inner, Memory, denied, unavailable, unreachable, value};

async fn sweep_with(
    ctx: &Context<Memory>,
    payload: Value,
    seconds: u64,
) -> (Result<Value, Error>, Value) {
    let mut metrics = Metrics::new("function", "request");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(seconds);
    let id = format!("request-{}", fastrand::u64(..));
    let answer = handle(ctx, payload, &id, deadline, &mut metrics).await;
    (answer, serde_json::from_str(&metrics.to_line()).unwrap())
}

async fn sweep(ctx: &Context<Memory>) -> Result<Value, Error> {
    sweep_with(ctx, json!({"action": "reconcile", "force": true}), 3600)
        .await
        .0
}

/// When the keys of a test were put: two days ago, so that no clock of the service matters.
fn recently(days: i64) -> String {
    (Timestamp::now() - jiff::SignedDuration::from_hours(24 * days)).to_string()
}

/// A ctx with these users, all in step, on the roster.
async fn in_step(users: usize, variables: &[(&str, &str)]) -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(variables);
    for user in (0..users).map(|n| format!("user{n:02}")) {
        memory.put(&user, &value(&format!("KEY-{user}")), &recently(1));
        memory.0.borrow_mut().roster.push(user);
    }
    let report = sweep(&ctx).await.unwrap();
    assert_eq!(report["counts"]["written"], users);
    memory.0.borrow_mut().calls.clear();
    (memory, ctx)
}

fn calls(memory: &Memory, call: &str) -> usize {
    memory
        .0
        .borrow()
        .calls
        .iter()
        .filter(|made| made.starts_with(&format!("{call} ")))
        .count()
}

fn outcome(report: &Value, user: &str) -> (String, String) {
    let users = report["users"].as_array().unwrap();
    let found = users
        .iter()
        .find(|report| report["user"] == user)
        .unwrap_or_else(|| panic!("no {user} in {report}"));
    (
        found["outcome"].as_str().unwrap().to_owned(),
        found["reason"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test(start_paused = true)]
async fn the_second_sweep_writes_nothing_and_asks_little() {
    for lists_metadata in [true, false] {
        let (memory, ctx) = in_step(25, &[]).await;
        memory.0.borrow_mut().lists_metadata = lists_metadata;
        let report = sweep(&ctx).await.unwrap();
        assert_eq!(
            (&report["counts"]["unchanged"], &report["users"]),
            (&json!(25), &json!([]))
        );
        assert_eq!(
            (calls(&memory, "ssm-page"), calls(&memory, "ssm-read")),
            (3, 0),
            "ten users a page, no more"
        );
        assert_eq!(
            (calls(&memory, "s3-load"), calls(&memory, "s3-save")),
            (25, 0)
        );
        assert_eq!(
            calls(&memory, "vault-metadata"),
            if lists_metadata { 0 } else { 25 }
        );
        assert_eq!(calls(&memory, "vault-write"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_listing_runs_one_page_ahead_of_the_users_and_no_more() {
    let (memory, ctx) = in_step(60, &[("SYNC_CONCURRENCY", "1")]).await;
    sweep(&ctx).await.unwrap();
    let (mut users, mut users_at_page) = (0, Vec::new());
    for call in &memory.0.borrow().calls {
        users += usize::from(call.starts_with("s3-load "));
        if call.starts_with("ssm-page ") {
            users_at_page.push(users);
        }
    }
    assert_eq!(users_at_page.len(), 6);
    for (page, users) in users_at_page.into_iter().enumerate().skip(1) {
        let page_before = 10 * (page - 1)..10 * page;
        assert!(
            page_before.contains(&users),
            "page {page} was asked for when {users} users were begun"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn drift_in_vault_is_repaired_and_counted() {
    for lists_metadata in [true, false] {
        let (memory, ctx) = in_step(4, &[]).await;
        memory.0.borrow_mut().lists_metadata = lists_metadata;
        {
            let vault = &mut memory.0.borrow_mut().vault;
            vault
                .get_mut("secret/aws/iam-keys/user00")
                .unwrap()
                .push(Some(("BY-HAND".into(), "x".into())));
            *vault.get_mut("secret/aws/iam-keys/user01").unwrap() = vec![None];
            vault.remove("secret/aws/iam-keys/user02");
        }
        let (report, metrics) =
            sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
        let report = report.unwrap();
        assert_eq!(
            (&report["counts"]["written"], &report["counts"]["unchanged"]),
            (&json!(3), &json!(1))
        );
        assert_eq!(
            (&metrics["DriftRepaired"], &metrics["SweepCompleted"]),
            (&json!(3), &json!(1))
        );
        assert_eq!(
            memory.history("user00"),
            ["KEY-user00", "BY-HAND", "KEY-user00"]
        );
        assert_eq!(memory.history("user01"), ["-", "KEY-user01"]);
        assert_eq!(memory.history("user02"), ["KEY-user02"]);
        assert_eq!(
            sweep(&ctx).await.unwrap()["counts"]["unchanged"],
            4,
            "and then there is nothing to do"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_event_is_made_good() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory.put("user01", &value("NEW"), &recently(0));
    assert_eq!(outcome(&sweep(&ctx).await.unwrap(), "user01").0, "written");
    assert_eq!(memory.history("user01"), ["KEY-user01", "NEW"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_metadata_is_hidden_sweeps_without_drift_repair() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory.0.borrow_mut().faults = vec![("vault-metadata", denied as fn() -> Error); 3];
    memory.put("user01", &value("NEW"), &recently(0));
    let report = sweep(&ctx).await.unwrap();
    assert_eq!(
        (&report["counts"]["written"], &report["counts"]["unchanged"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn every_disagreement_about_who_is_there_is_told() {
    let (memory, ctx) = in_step(4, &[]).await;
    memory.put("stranger", &value("KEY"), &recently(1));
    memory.put("USER00", &value("KEY"), &recently(1));
    memory.0.borrow_mut().roster.extend([
        "late".into(),
        "jo@x".into(),
        "USER00".into(),
        "not/a name".into(),
    ]);
    let report = sweep(&ctx).await.unwrap();
    assert!(
        outcome(&report, "stranger")
            .1
            .contains("no row on the roster")
    );
    assert!(
        outcome(&report, "user00")
            .1
            .contains("differs from USER00 only in case")
    );
    assert_eq!(outcome(&report, "late").0, "missing");
    let unnameable = outcome(&report, "jo@x");
    assert!(
        unnameable.0 == "missing" && unnameable.1.contains("no parameter name can hold"),
        "{unnameable:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_from_both_is_retired() {
    let (memory, ctx) = in_step(4, &[]).await;
    memory.delete("user03");
    memory.0.borrow_mut().roster.retain(|user| user != "user03");
    assert_eq!(outcome(&sweep(&ctx).await.unwrap(), "user03").0, "retired");
    assert!(memory.state("user03").unwrap().retired_at.is_some());
    assert_eq!(
        memory.history("user03"),
        ["KEY-user03"],
        "retain is the default"
    );
    assert_eq!(
        sweep(&ctx).await.unwrap()["counts"]["unchanged"],
        4,
        "once is enough"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_listing_retires_nobody_unless_that_is_meant() {
    let (memory, ctx) = in_step(3, &[("ON_USER_DELETED", "soft-delete")]).await;
    (0..3).for_each(|n| memory.delete(&format!("user{n:02}")));
    memory.0.borrow_mut().roster.clear();
    let refused = sweep(&ctx).await.unwrap_err();
    assert_eq!(refused.kind(), "PartialFailure");
    assert!((0..3).all(|n| {
        memory
            .state(&format!("user{n:02}"))
            .unwrap()
            .retired_at
            .is_none()
    }));
    assert_eq!(
        memory.history("user00"),
        ["KEY-user00"],
        "force never lifts the brakes"
    );
    let meant = json!({"action": "reconcile", "allowMassRetire": true, "force": true});
    assert_eq!(
        sweep_with(&ctx, meant, 3600).await.0.unwrap()["counts"]["retired"],
        3
    );
    assert_eq!(memory.history("user00"), ["-"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_fifth_of_the_users_are_not_retired_at_once() {
    let (memory, ctx) = in_step(30, &[]).await;
    let retired = |users| {
        (0..users)
            .filter(|n| {
                memory
                    .state(&format!("user{n:02}"))
                    .unwrap()
                    .retired_at
                    .is_some()
            })
            .count()
    };
    for n in 0..7 {
        memory.delete(&format!("user{n:02}"));
        memory
            .0
            .borrow_mut()
            .roster
            .retain(|user| *user != format!("user{n:02}"));
    }
    let dry = json!({"action": "reconcile", "dryRun": true});
    let error = sweep_with(&ctx, dry, 3600).await.0.unwrap_err();
    assert!(
        error.to_string().contains("7 of 30 users"),
        "a dry run tells of the brake as well: {error}"
    );
    let error = sweep(&ctx).await.unwrap_err();
    assert!(error.to_string().contains("7 failed"), "{error}");
    assert_eq!(retired(7), 0);
    memory.0.borrow_mut().roster.push("user06".into());
    assert_eq!(
        sweep(&ctx).await.unwrap()["counts"]["retired"],
        6,
        "a fifth of thirty"
    );
    assert_eq!(retired(7), 6);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_breaks_off_retires_nobody_and_is_incomplete() {
    let (memory, ctx) = in_step(25, &[]).await;
    memory.delete("user24");
    memory.0.borrow_mut().roster.retain(|user| user != "user24");
    // The first page comes; whichever call is the second fails.
    memory.0.borrow_mut().meanwhile.push((
        "ssm-page",
        Box::new(|inner| {
            inner.meanwhile.push((
                "s3-load",
                Box::new(|inner| inner.faults.push(("ssm-page", unavailable))),
            ));
        }),
    ));
    let (answer, metrics) =
        sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    let error = answer.unwrap_err();
    assert!(
        error.to_string().contains("not everybody was listed"),
        "{error}"
    );
    assert_eq!(metrics["SweepCompleted"], 0);
    assert!(memory.state("user24").unwrap().retired_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_roster_out_of_reach_retires_nobody_and_stops_nothing() {
    let (memory, ctx) = in_step(4, &[]).await;
    memory.delete("user03");
    memory.0.borrow_mut().roster.retain(|user| user != "user03");
    memory.0.borrow_mut().faults = vec![("roster-page", denied), ("roster", denied)];
    memory.put("user01", &value("NEW"), &recently(0));
    let report = sweep(&ctx).await.unwrap();
    assert_eq!(outcome(&report, "user01").0, "written");
    assert_eq!(outcome(&report, "user03").0, "missing");
    assert!(memory.state("user03").unwrap().retired_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_complete_sweep_is_not_repeated_and_force_repeats_it() {
    let (memory, ctx) = in_step(2, &[]).await;
    let report = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
        .await
        .0
        .unwrap();
    assert!(
        report["skipped"].as_str().unwrap().contains("complete"),
        "{report}"
    );
    assert_eq!(calls(&memory, "ssm-page"), 0);
    assert!(sweep(&ctx).await.unwrap().get("skipped").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_nightly_schedule_never_skips_a_night() {
    let (memory, ctx) = in_step(2, &[]).await;
    for (hours, due) in [(20, false), (23, true), (24, true)] {
        let began = Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        memory.0.borrow_mut().run.as_mut().unwrap().0.started_at = began;
        let report = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
            .await
            .0
            .unwrap();
        assert_eq!(
            report.get("skipped").is_none(),
            due,
            "{hours} hours after the last"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn users_who_failed_make_the_sweep_incomplete_and_only_they_are_swept_again() {
    let (memory, ctx) = in_step(12, &[]).await;
    memory.put("user05", "no JSON", &recently(0));
    let (answer, metrics) =
        sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    let error = answer.unwrap_err();
    assert_eq!(
        (error.kind(), &metrics["SweepCompleted"]),
        ("PartialFailure", &json!(0))
    );
    assert!(error.to_string().contains("1 failed (user05)"), "{error}");
    assert_eq!(metrics["Unchanged"], 11, "everybody else was done");
    memory.put("user05", &value("MENDED"), &recently(0));
    memory.0.borrow_mut().calls.clear();
    let report = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
        .await
        .0
        .unwrap();
    assert_eq!(
        (
            outcome(&report, "user05").0.as_str(),
            calls(&memory, "ssm-page")
        ),
        ("written", 0)
    );
    let report = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
        .await
        .0
        .unwrap();
    assert!(report["skipped"].is_string(), "now it is complete");
}

#[tokio::test(start_paused = true)]
async fn of_two_sweeps_at_the_same_time_one_does_nothing() {
    let (memory, ctx) = in_step(5, &[]).await;
    memory.0.borrow_mut().run = None;
    let plain = || json!({"action": "reconcile"});
    let ((one, _), (two, _)) = tokio::join!(
        sweep_with(&ctx, plain(), 3600),
        sweep_with(&ctx, plain(), 3600)
    );
    let skipped = [one.unwrap(), two.unwrap()]
        .iter()
        .filter(|report| report["skipped"].is_string())
        .count();
    assert_eq!(skipped, 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_owner_died_expires() {
    let (memory, ctx) = in_step(2, &[]).await;
    for (minutes, due) in [(5, false), (-5, true)] {
        {
            let mut inner = memory.0.borrow_mut();
            let run = &mut inner.run.as_mut().unwrap().0;
            run.finished_at = None;
            run.leased_until = Some(Timestamp::now() + jiff::SignedDuration::from_mins(minutes));
        }
        let report = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
            .await
            .0
            .unwrap();
        assert_eq!(report.get("skipped").is_none(), due);
    }
}

#[tokio::test(start_paused = true)]
async fn with_little_time_left_nobody_new_is_begun_and_the_next_sweep_goes_on() {
    let (memory, ctx) = in_step(40, &[("SYNC_CONCURRENCY", "1")]).await;
    let (answer, _) = sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 40).await;
    let error = answer.unwrap_err();
    assert!(
        error.to_string().contains("no time left to list"),
        "{error}"
    );
    let begun = 40 - memory.0.borrow().run.as_ref().unwrap().0.failed_users.len();
    assert!((1..40).contains(&begun), "{begun} were begun");
    let report = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
        .await
        .0
        .unwrap();
    assert_eq!(report["counts"]["unchanged"], 40);
    // The same by name: those not begun are recorded.
    memory.0.borrow_mut().run.as_mut().unwrap().0.failed_users =
        (0..40).map(|n| format!("user{n:02}")).collect();
    let (answer, _) = sweep_with(&ctx, json!({"action": "reconcile"}), 40).await;
    assert!(answer.unwrap_err().to_string().contains(" not begun ("));
    let left = memory.0.borrow().run.as_ref().unwrap().0.failed_users.len();
    assert!((1..40).contains(&left), "{left} are left");
    assert!(
        sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
            .await
            .0
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory.put("user00", &value("NEW"), &recently(0));
    memory
        .0
        .borrow_mut()
        .vault
        .remove("secret/aws/iam-keys/user01");
    let record = memory.0.borrow().run.clone();
    let report = sweep_with(&ctx, json!({"action": "reconcile", "dryRun": true}), 3600)
        .await
        .0
        .unwrap();
    assert_eq!(
        (
            &report["counts"]["planned-written"],
            &report["counts"]["unchanged"]
        ),
        (&json!(2), &json!(1))
    );
    for call in ["vault-write", "vault-delete", "s3-save", "s3-run-save"] {
        assert_eq!(calls(&memory, call), 0, "{call}");
    }
    assert_eq!(memory.0.borrow().run, record);
}

#[tokio::test(start_paused = true)]
async fn named_users_are_swept_without_guard_or_record() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory
        .0
        .borrow_mut()
        .vault
        .remove("secret/aws/iam-keys/user01");
    let report = sweep_with(
        &ctx,
        json!({"action": "reconcile", "users": ["user01", "user02"]}),
        3600,
    )
    .await
    .0
    .unwrap();
    assert_eq!(
        (&report["counts"]["written"], &report["counts"]["unchanged"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_configured_list_of_users_is_all_that_is_swept() {
    let (memory, _) = in_step(3, &[]).await;
    let ctx = memory.ctx(&[("IAM_USER_LIST", "user00,user02,ghost")]);
    memory.0.borrow_mut().calls.clear();
    let report = sweep(&ctx).await.unwrap();
    assert_eq!(
        (&report["counts"]["unchanged"], &report["counts"]["missing"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (calls(&memory, "ssm-page"), calls(&memory, "ssm-read")),
        (0, 3)
    );
}

/// A user whose key the legacy wrote, and recorded.
fn of_the_legacy_service(memory: &Memory) {
    memory.put("alice", &value("KEY"), &recently(1));
    memory.0.borrow_mut().roster.push("alice".into());
    memory.0.borrow_mut().vault.insert(
        "secret/aws/iam-keys/alice".into(),
        vec![Some(("KEY".into(), "x".into()))],
    );
    let key = crate::keys::AccessKey::new("KEY".into(), "secret-of-KEY".into()).unwrap();
    let state: UserState = serde_json::from_value(json!({
        "userName": "alice", "lastSecretHash": key.fingerprint(), "lastSyncedAt": "2025-12-31T08:00:00.000Z",
    }))
    .unwrap();
    memory.0.borrow_mut().legacy.insert("alice".into(), state);
}

#[tokio::test(start_paused = true)]
async fn the_predecessors_users_are_taken_over_without_a_write() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    of_the_legacy_service(&memory);
    assert_eq!(sweep(&ctx).await.unwrap()["counts"]["unchanged"], 1);
    assert_eq!(calls(&memory, "vault-write"), 0);
    assert_eq!(
        memory.state("alice").unwrap().vault_version,
        Some(1),
        "the state object is made"
    );
}

#[tokio::test(start_paused = true)]
async fn the_clocks_tell_of_keys_that_are_late() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory.put("user00", r#"{"pending_deletion": {}}"#, &recently(1));
    memory.put("user01", &value("OLD"), &recently(5));
    let (report, metrics) =
        sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    let report = report.unwrap();
    assert!(
        outcome(&report, "user01")
            .1
            .contains("not rotated for 5 days")
    );
    let hours = report["users"]
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["user"] == "user00")
        .unwrap();
    assert!((hours["unsyncedHours"].as_f64().unwrap() - 24.0).abs() < 0.1);
    assert!((metrics["OldestUnsyncedHours"].as_f64().unwrap() - 24.0).abs() < 0.1);
    assert_eq!(metrics["StalledRotations"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_always_renews_the_token_and_tells_what_is_left() {
    let (memory, ctx) = in_step(1, &[]).await;
    let (_, metrics) = sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    assert_eq!(calls(&memory, "vault-renew"), 1);
    assert_eq!(metrics["VaultTokenHoursLeft"], 720);
}

#[tokio::test(start_paused = true)]
async fn without_vault_the_sweep_gives_up_on_writes_but_tells_everybody() {
    let (memory, ctx) = in_step(6, &[("SYNC_CONCURRENCY", "1")]).await;
    for n in 0..6 {
        memory.put(&format!("user{n:02}"), &value("NEW"), &recently(0));
    }
    memory.0.borrow_mut().faults = vec![("vault-write", unreachable as fn() -> Error); 100];
    let (answer, metrics) =
        sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    assert_eq!(
        (answer.unwrap_err().kind(), &metrics["Failed"]),
        ("PartialFailure", &json!(6))
    );
    assert_eq!(
        calls(&memory, "vault-write"),
        6,
        "three users, each with one repetition"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_an_outage_does_not_grow_with_the_users() {
    let (memory, ctx) = in_step(30, &[("SYNC_CONCURRENCY", "1")]).await;
    for n in 0..30 {
        memory.put(&format!("user{n:02}"), &value("NEW"), &recently(0));
    }
    memory.0.borrow_mut().faults = vec![("vault-write", unreachable as fn() -> Error); 100];
    let users: Vec<_> = (0..30).map(|n| format!("user{n:02}")).collect();
    let report = sweep_with(&ctx, json!({"action": "sync", "users": users}), 3600)
        .await
        .0
        .unwrap();
    let reasons = report["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["reason"].as_str().unwrap());
    for reason in reasons.skip(1) {
        assert_eq!(reason.matches("found just before").count(), 1, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_runs_into_its_deadline_still_records_who_is_left() {
    for seconds in 6..30 {
        let (memory, ctx) = in_step(4, &[("SYNC_CONCURRENCY", "1")]).await;
        for n in 0..4 {
            memory.put(&format!("user{n:02}"), &value("NEW"), &recently(0));
        }
        memory.0.borrow_mut().lists_metadata = false;
        let order = json!({"action": "reconcile", "force": true});
        let (answer, _) = sweep_with(&ctx, order, seconds).await;
        let run = memory.0.borrow().run.clone().unwrap().0;
        assert!(run.finished_at.is_some(), "{seconds} s: {run:?}");
        assert_eq!(
            answer.is_ok(),
            run.failed_users.is_empty() && !run.needs_full_run,
            "{seconds} s: {run:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_user_who_was_left_over_and_is_gone_is_retired() {
    let (memory, ctx) = in_step(5, &[]).await;
    memory.put("user00", "no JSON", &recently(0));
    sweep(&ctx).await.unwrap_err();
    memory.delete("user00");
    memory.0.borrow_mut().roster.retain(|user| user != "user00");
    let (answer, _) = sweep_with(&ctx, json!({"action": "reconcile"}), 3600).await;
    assert_eq!(answer.unwrap()["counts"]["retired"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_of_a_configured_list_is_retired_when_the_others_were_swept_before() {
    let (memory, _) = in_step(3, &[]).await;
    let ctx = memory.ctx(&[("IAM_USER_LIST", "user00,user01,user02")]);
    for user in ["user00", "user01"] {
        memory.put(user, "no JSON", &recently(0));
    }
    sweep(&ctx).await.unwrap_err();
    for user in ["user00", "user01"] {
        memory.put(user, &value("MENDED"), &recently(0));
    }
    memory.delete("user02");
    memory.0.borrow_mut().roster.retain(|user| user != "user02");
    assert_eq!(sweep(&ctx).await.unwrap()["counts"]["retired"], 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_that_take_a_user_over_the_slower_does_not_take_what_a_hand_wrote_between_them()
{
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    of_the_legacy_service(&memory);
    let hand: fn(&mut Inner) = |inner| {
        inner
            .vault
            .get_mut("secret/aws/iam-keys/alice")
            .unwrap()
            .push(Some(("BY-HAND".into(), "x".into())))
    };
    let faster: fn(&mut Inner) = |inner| {
        let state = UserState {
            vault_version: Some(1),
            ..inner.legacy["alice"].clone()
        };
        inner.states.insert("alice".into(), (state, 1));
    };
    memory.0.borrow_mut().meanwhile = vec![
        ("vault-metadata", Box::new(hand) as Box<dyn Fn(&mut Inner)>),
        ("s3-save", Box::new(faster)),
    ];
    sweep(&ctx).await.unwrap();
    assert_eq!(memory.history("alice"), ["KEY", "BY-HAND", "KEY"]);
    assert_eq!(memory.state("alice").unwrap().vault_version, Some(3));
}

/// The legacy read the parameter twice, so that hash and written key could differ.
#[tokio::test(start_paused = true)]
async fn hash_and_written_key_come_from_one_read() {
    let (memory, ctx) = in_step(1, &[]).await;
    memory.put("user00", &value("NEW"), &recently(0));
    sweep(&ctx).await.unwrap();
    assert_eq!(
        (calls(&memory, "ssm-page"), calls(&memory, "ssm-read")),
        (1, 0)
    );
    let written = memory.0.borrow().vault["secret/aws/iam-keys/user00"]
        .last()
        .cloned()
        .flatten()
        .unwrap();
    let key = crate::keys::AccessKey::new(written.0, written.1.into()).unwrap();
    assert_eq!(
        memory.state("user00").unwrap().last_secret_hash,
        key.fingerprint()
    );
}

/// The legacy kept all states in one object, so that of two runs at once one lost the other's.
#[tokio::test(start_paused = true)]
async fn an_event_in_the_middle_of_a_sweep_loses_no_state() {
    let (memory, ctx) = in_step(20, &[("SYNC_CONCURRENCY", "2")]).await;
    for n in 0..20 {
        memory.put(
            &format!("user{n:02}"),
            &value(&format!("NEW-user{n:02}")),
            &recently(0),
        );
    }
    let users: Vec<_> = (0..20).map(|n| format!("user{n:02}")).collect();
    let events = sweep_with(&ctx, json!({"action": "sync", "users": users}), 3600);
    let (swept, (synced, _)) = tokio::join!(sweep(&ctx), events);
    assert!(swept.is_ok() && synced.is_ok());
    for user in &users {
        let history = memory.history(user);
        assert_eq!(history.last().unwrap(), &format!("NEW-{user}"));
        assert_eq!(
            memory.state(user).unwrap().vault_version,
            Some(history.len() as u64),
            "{user}"
        );
    }
    assert_eq!(sweep(&ctx).await.unwrap()["counts"]["unchanged"], 20);
}

#[tokio::test(start_paused = true)]
async fn a_refused_mass_retirement_stays_refused_however_often_the_sweep_is_repeated() {
    for gone in [2, 10] {
        let (memory, ctx) = in_step(gone, &[]).await;
        (0..gone).for_each(|n| memory.delete(&format!("user{n:02}")));
        memory.0.borrow_mut().roster.clear();
        for payload in [
            json!({"action": "reconcile", "force": true}),
            json!({"action": "reconcile"}),
            json!({"action": "reconcile"}),
        ] {
            let error = sweep_with(&ctx, payload, 3600).await.0.unwrap_err();
            assert!(
                error.to_string().contains(&format!("{gone} failed")),
                "{error}"
            );
        }
        memory.0.borrow_mut().run.as_mut().unwrap().0.started_at -=
            jiff::SignedDuration::from_hours(24);
        sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
            .await
            .0
            .unwrap_err();
        let retired = (0..gone)
            .filter(|n| {
                memory
                    .state(&format!("user{n:02}"))
                    .unwrap()
                    .retired_at
                    .is_some()
            })
            .count();
        assert_eq!(retired, 0, "of {gone}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_configured_list_names_nobody_twice_after_a_failure() {
    let (memory, _) = in_step(3, &[]).await;
    let ctx = memory.ctx(&[("IAM_USER_LIST", "user00,user01")]);
    memory.put("user00", "no JSON", &recently(0));
    for _ in 0..2 {
        let (answer, metrics) =
            sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
        assert!(answer.is_err());
        assert_eq!(metrics["Failed"], 1);
        assert_eq!(
            memory.0.borrow().run.as_ref().unwrap().0.failed_users,
            ["user00"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_of_those_left_over_does_not_speak_for_the_others() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory.put("user00", "no JSON", &recently(0));
    memory.put("user01", r#"{"pending_deletion": {}}"#, &recently(1));
    let (_, metrics) = sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    assert!(metrics["OldestUnsyncedHours"].as_f64().unwrap() > 23.0);
    memory.put("user00", &value("MENDED"), &recently(0));
    let (answer, metrics) = sweep_with(&ctx, json!({"action": "reconcile"}), 3600).await;
    assert_eq!(
        (
            &answer.unwrap()["counts"]["written"],
            &metrics["SweepCompleted"]
        ),
        (&json!(1), &json!(1))
    );
    assert!(
        metrics.get("OldestUnsyncedHours").is_none(),
        "user01 still waits, and this sweep did not look: {metrics}"
    );
}

#[tokio::test(start_paused = true)]
async fn many_users_left_over_do_not_keep_the_listing_from_its_turn() {
    let (memory, ctx) = in_step(60, &[("SYNC_CONCURRENCY", "1")]).await;
    {
        let mut inner = memory.0.borrow_mut();
        let run = &mut inner.run.as_mut().unwrap().0;
        run.failed_users = (0..60).map(|n| format!("user{n:02}")).collect();
        run.needs_full_run = true;
    }
    let _ = sweep_with(&ctx, json!({"action": "reconcile"}), 60).await;
    assert!(
        calls(&memory, "ssm-page") > 0,
        "{:?}",
        memory.0.borrow().calls
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_with_a_dead_token_is_no_complete_sweep() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory.0.borrow_mut().tokens.0 = "another".into();
    let (answer, metrics) =
        sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    assert_eq!(
        (answer.unwrap_err().kind(), &metrics["SweepCompleted"]),
        ("PartialFailure", &json!(0))
    );
    // A good token is stored, and the same process sees drift again.
    memory.0.borrow_mut().tokens.1 = "another".into();
    memory
        .0
        .borrow_mut()
        .vault
        .remove("secret/aws/iam-keys/user01");
    let report = sweep(&ctx).await.unwrap();
    assert_eq!(report["counts"]["written"], 1, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_night_with_nothing_due_says_that_the_last_sweep_was_complete_but_not_beside_another() {
    let (memory, ctx) = in_step(3, &[]).await;
    let (answer, metrics) = sweep_with(&ctx, json!({"action": "reconcile"}), 3600).await;
    assert!(
        answer.unwrap()["skipped"]
            .as_str()
            .unwrap()
            .contains("was complete")
    );
    assert_eq!(
        metrics["SweepCompleted"], 1,
        "an operator may have swept, and nobody is overdue: {metrics}"
    );
    assert!(
        metrics.get("OldestUnsyncedHours").is_none(),
        "nobody was looked at: {metrics}"
    );
    {
        let mut inner = memory.0.borrow_mut();
        let run = &mut inner.run.as_mut().unwrap().0;
        run.finished_at = None;
        run.leased_until = Some(Timestamp::now() + jiff::SignedDuration::from_mins(5));
    }
    let (answer, metrics) = sweep_with(&ctx, json!({"action": "reconcile"}), 3600).await;
    assert!(
        answer.unwrap()["skipped"]
            .as_str()
            .unwrap()
            .contains("under way")
    );
    assert!(metrics.get("SweepCompleted").is_none(), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_token_was_not_renewed_is_repeated_although_nobody_failed() {
    let (memory, ctx) = in_step(3, &[]).await;
    memory.0.borrow_mut().faults = vec![("vault-renew", unavailable as fn() -> Error); 2];
    let (answer, metrics) =
        sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    assert_eq!(
        (answer.unwrap_err().kind(), &metrics["SweepCompleted"]),
        ("PartialFailure", &json!(0))
    );
    assert_eq!(
        (&metrics["Unchanged"], &metrics["Failed"]),
        (&json!(3), &json!(0))
    );
    // The retry of the same night is not told that all was done.
    let (answer, metrics) = sweep_with(&ctx, json!({"action": "reconcile"}), 3600).await;
    assert_eq!(
        (
            &answer.unwrap()["counts"]["unchanged"],
            &metrics["SweepCompleted"]
        ),
        (&json!(3), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_beside_a_key_that_vault_has_is_not_taken_for_a_missing_key() {
    let (memory, ctx) = in_step(2, &[]).await;
    memory.0.borrow_mut().faults = vec![("vault-metadata", unavailable as fn() -> Error); 4];
    let (answer, metrics) =
        sweep_with(&ctx, json!({"action": "reconcile", "force": true}), 3600).await;
    assert!(answer.is_err());
    assert!(metrics.get("OldestUnsyncedHours").is_none(), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn users_retired_long_ago_cost_no_call_to_parameter_store() {
    let (memory, ctx) = in_step(8, &[]).await;
    memory.delete("user07");
    memory.0.borrow_mut().roster.retain(|user| user != "user07");
    sweep(&ctx).await.unwrap();
    memory.0.borrow_mut().calls.clear();
    assert_eq!(sweep(&ctx).await.unwrap()["counts"]["unchanged"], 8);
    assert_eq!(calls(&memory, "ssm-read"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_was_lost_is_still_ours() {
    let (memory, ctx) = in_step(2, &[]).await;
    // The write takes effect, and its repetition by the SDK loses against it.
    memory
        .0
        .borrow_mut()
        .meanwhile
        .push(("s3-run-save", Box::new(|inner| inner.lose_answer = true)));
    assert!(sweep(&ctx).await.unwrap().get("skipped").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_is_not_due_still_looks_after_the_token() {
    let (memory, ctx) = in_step(1, &[]).await;
    let report = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
        .await
        .0
        .unwrap();
    assert!(
        report["skipped"].is_string() && calls(&memory, "vault-renew") == 1,
        "{report}"
    );
    memory.0.borrow_mut().tokens.0 = "another".into();
    let error = sweep_with(&ctx, json!({"action": "reconcile"}), 3600)
        .await
        .0
        .unwrap_err();
    assert!(error.to_string().contains("token"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_does_not_renew_the_token() {
    let (memory, ctx) = in_step(1, &[]).await;
    memory.0.borrow_mut().ttl = 60;
    sweep_with(&ctx, json!({"action": "reconcile", "dryRun": true}), 3600)
        .await
        .0
        .unwrap();
    assert_eq!(calls(&memory, "vault-renew"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_is_stopped_finishes_who_was_begun_and_the_next_goes_on() {
    for named in [false, true] {
        let (memory, ctx) = in_step(40, &[("SYNC_CONCURRENCY", "4")]).await;
        let users = (0..40).map(|n| format!("user{n:02}")).collect::<Vec<_>>();
        for user in &users {
            memory.put(user, &value(&format!("NEW-{user}")), &recently(0));
        }
        let named = named.then(|| {
            users
                .iter()
                .map(|user| UserName::parse(user).unwrap())
                .collect()
        });
        let order = Reconcile {
            force: true,
            users: named,
            ..Reconcile::default()
        };
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_hours(1);
        let (cancel, mut done) = (CancellationToken::new(), 0);
        let progress = |progress: Progress<'_>| {
            done += usize::from(matches!(progress, Progress::User(_)));
            if done == 10 {
                cancel.cancel();
            }
        };
        let deadlines = Deadlines::until(deadline);
        let run = reconcile(&ctx, &order, "request-1", deadlines, &cancel, progress)
            .await
            .unwrap();
        let written = users
            .iter()
            .filter(|user| memory.history(user).len() == 2)
            .count();
        assert!((10..30).contains(&written), "{written} were begun");
        assert_eq!(
            run.report.counts[&Outcome::Written],
            written as u64,
            "nobody was left half done"
        );
        assert_eq!(run.report.counts[&Outcome::Failed], 0);
        assert_eq!(
            run.not_started.len(),
            40 - written,
            "the others are named as left"
        );
        assert!(!run.problems.is_empty());
        sweep(&ctx).await.unwrap();
        assert!(
            users.iter().all(|user| memory.history(user).len() == 2),
            "the next sweep goes on with them"
        );
    }
}
