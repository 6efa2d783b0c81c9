//! Whole payloads on stores in memory: which answer, which messages go back, which metrics.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::testing::memory::{Memory, unavailable, unreachable, value};

async fn answer_with_metrics(
    ctx: &Context<Memory>,
    payload: Value,
) -> (Result<Value, Error>, Value) {
    let mut metrics = Metrics::new("function", "request");
    let deadline = tokio::time::Instant::now() + Duration::from_hours(1);
    let answer = handle(ctx, payload, "request", deadline, &mut metrics).await;
    (answer, serde_json::from_str(&metrics.to_line()).unwrap())
}

async fn answer(ctx: &Context<Memory>, payload: Value) -> Result<Value, Error> {
    answer_with_metrics(ctx, payload).await.0
}

fn event(operation: &str, user: &str, time: &str) -> Value {
    json!({
        "version": "0", "id": "1", "source": "aws.ssm", "detail-type": "Parameter Store Change", "time": time,
        "account": "123456789012", "region": "ca-central-1", "resources": [],
        "detail": {"operation": operation, "name": format!("/iam_users/{user}_keys"), "type": "SecureString"},
    })
}

fn message(id: &str, delivery: u32, body: &Value) -> Value {
    let attributes = json!({"ApproximateReceiveCount": delivery.to_string()});
    json!({"messageId": id, "eventSource": "aws:sqs", "attributes": attributes, "body": body.to_string()})
}

fn batch(messages: &[Value]) -> Value {
    json!({ "Records": messages })
}

fn returned(answer: Result<Value, Error>) -> Vec<String> {
    let answer = answer.unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned())
        .collect()
}

const DAY_1: &str = "2026-01-01T00:00:00Z";
const DAY_3: &str = "2026-01-03T00:00:00Z";

#[tokio::test(start_paused = true)]
async fn a_direct_event_is_answered_with_the_report() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("KEY"), DAY_1);
    let report = answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    assert_eq!(report["trigger"], "event");
    assert_eq!(
        (&report["users"][0]["user"], &report["users"][0]["outcome"]),
        (&json!("alice"), &json!("written"))
    );
    assert_eq!(report["counts"]["written"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_direct_event_fails_when_its_user_failed() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", "no JSON", DAY_1);
    let error = answer(&ctx, event("Create", "alice", DAY_1))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "SyncFailed");
    assert!(
        error.to_string().starts_with("alice: BadParameter: "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn exactly_the_messages_to_be_retried_go_back() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("good", &value("KEY"), DAY_1);
    memory.put("bad", "no JSON", DAY_1);
    memory.put("between", r#"{"pending_deletion": {}}"#, DAY_1);
    let payload = batch(&[
        message("good", 1, &event("Create", "good", DAY_1)),
        message("bad-1", 1, &event("Create", "bad", DAY_1)),
        message("bad-2", 7, &event("Update", "bad", DAY_1)),
        message("between", 3, &event("Update", "between", DAY_1)),
        message("label", 1, &event("LabelParameterVersion", "good", DAY_1)),
        message("junk", 1, &json!("junk")),
    ]);
    let (answer, metrics) = answer_with_metrics(&ctx, payload).await;
    assert_eq!(returned(answer), ["bad-1", "bad-2", "between"]);
    let counts =
        ["Written", "Failed", "Held", "BadEvents"].map(|name| metrics[name].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn several_events_of_one_user_are_one_sync() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("KEY"), DAY_1);
    let events = ["a", "b", "c"].map(|id| message(id, 1, &event("Update", "alice", DAY_1)));
    assert!(returned(answer(&ctx, batch(&events)).await).is_empty());
    let reads = memory
        .0
        .borrow()
        .calls
        .iter()
        .filter(|call| call.starts_with("ssm-read"))
        .count();
    assert_eq!(reads, 1);
    assert_eq!(memory.history("alice"), ["KEY"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_handed_back_once_for_a_read_that_looks_stale() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("KEY"), DAY_1);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    let late = event("Update", "alice", DAY_3);
    assert_eq!(
        returned(answer(&ctx, batch(&[message("m", 1, &late)])).await),
        ["m"]
    );
    memory.0.borrow_mut().calls.clear();
    assert!(returned(answer(&ctx, batch(&[message("m", 2, &late)])).await).is_empty());
    let reads = memory
        .0
        .borrow()
        .calls
        .iter()
        .filter(|call| call.starts_with("ssm-read"))
        .count();
    assert_eq!(
        reads, 1,
        "a redelivered message waited long enough: no more waiting"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_vault_goes_back_whole() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    let messages: Vec<_> = (0..10)
        .map(|n| {
            memory.put(&format!("user{n}"), &value("KEY"), DAY_1);
            message(
                &format!("m{n}"),
                1,
                &event("Create", &format!("user{n}"), DAY_1),
            )
        })
        .collect();
    memory.0.borrow_mut().faults = vec![("vault-write", unreachable as fn() -> Error); 20];
    assert_eq!(returned(answer(&ctx, batch(&messages)).await).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_user_off_the_roster_is_retired_and_the_key_stays() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("KEY"), DAY_1);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    memory.delete("alice");
    let report = answer(&ctx, event("Delete", "alice", DAY_3)).await.unwrap();
    assert_eq!(report["users"][0]["outcome"], "retired");
    assert_eq!(memory.history("alice"), ["KEY"]);
    assert!(memory.state("alice").unwrap().retired_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_user_loses_the_latest_version_where_that_is_asked_for() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete"), ("IAM_USER_TABLE", "-")]);
    memory.put("alice", &value("KEY"), DAY_1);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    memory.delete("alice");
    let report = answer(&ctx, event("Delete", "alice", DAY_3)).await.unwrap();
    assert_eq!(report["users"][0]["outcome"], "retired");
    assert_eq!(memory.history("alice"), ["-"]);
}

#[tokio::test(start_paused = true)]
async fn a_death_between_the_deletion_in_vault_and_its_record_heals() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("ON_USER_DELETED", "soft-delete")]);
    memory.put("alice", &value("KEY"), DAY_1);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    memory.delete("alice");
    memory.0.borrow_mut().faults.push(("s3-save", unavailable));
    let deletion = || batch(&[message("m", 1, &event("Delete", "alice", DAY_3))]);
    assert_eq!(returned(answer(&ctx, deletion()).await), ["m"]);
    assert!(
        memory.history("alice") == ["-"] && memory.state("alice").unwrap().retired_at.is_none()
    );
    assert!(returned(answer(&ctx, deletion()).await).is_empty());
    assert!(
        memory.history("alice") == ["-"] && memory.state("alice").unwrap().retired_at.is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_delete_event_of_a_parameter_that_is_there_again_syncs_it() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("NEW"), DAY_3);
    let report = answer(&ctx, event("Delete", "alice", DAY_1)).await.unwrap();
    assert_eq!(report["users"][0]["outcome"], "written");
}

#[tokio::test(start_paused = true)]
async fn of_a_deletion_and_a_put_in_the_same_second_the_put_counts() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("IAM_USER_TABLE", "-")]);
    memory.put("alice", &value("KEY"), DAY_1);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    memory.delete("alice");
    let events = ["Create", "Delete"]
        .map(|operation| message(operation, 2, &event(operation, "alice", DAY_3)));
    answer(&ctx, batch(&events)).await.unwrap();
    assert!(memory.state("alice").unwrap().retired_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn sync_answers_with_the_report_even_when_a_user_failed() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("good", &value("KEY"), DAY_1);
    memory.put("bad", "no JSON", DAY_1);
    let report = answer(
        &ctx,
        json!({"action": "sync", "users": ["good", "bad", "jo@x"]}),
    )
    .await
    .unwrap();
    let outcomes = report["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["outcome"].as_str().unwrap());
    assert_eq!(
        outcomes.collect::<Vec<_>>(),
        ["written", "failed", "missing"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_none_of_ours_is_ignored_or_a_bad_event() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    let ignored = answer(&ctx, event("LabelParameterVersion", "alice", DAY_1))
        .await
        .unwrap();
    assert!(ignored["ignored"].is_string());
    let (refused, metrics) = answer_with_metrics(&ctx, json!({"hello": "ctx"})).await;
    assert_eq!(refused.unwrap_err().kind(), "BadEvent");
    assert_eq!(metrics["BadEvents"], 1);
    assert!(memory.0.borrow().calls.is_empty(), "nothing was asked");
}

#[tokio::test(start_paused = true)]
async fn refresh_token_renews_and_answers_without_the_token() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    let status = answer(&ctx, json!({"action": "refresh-token"}))
        .await
        .unwrap();
    assert_eq!(
        (&status["renewed"], &status["ttlSeconds"]),
        (&json!(true), &json!(720 * 3600))
    );
    assert!(status.get("token").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_token_with_little_left_is_renewed_beside_the_sync() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.0.borrow_mut().ttl = 3600;
    memory.put("alice", &value("KEY"), DAY_1);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    assert!(
        memory
            .0
            .borrow()
            .calls
            .iter()
            .any(|call| call.starts_with("vault-renew"))
    );
    memory.0.borrow_mut().calls.clear();
    answer(&ctx, event("Update", "alice", DAY_1)).await.unwrap();
    assert!(
        !memory
            .0
            .borrow()
            .calls
            .iter()
            .any(|call| call.starts_with("vault-renew") || call.starts_with("vault-lookup"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_of_a_valid_token_does_not_stop_the_sync() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.0.borrow_mut().ttl = 3600;
    memory.0.borrow_mut().faults = vec![("vault-renew", unreachable as fn() -> Error); 2];
    memory.put("alice", &value("KEY"), DAY_1);
    let report = answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    assert_eq!(report["users"][0]["outcome"], "written");
}

#[test]
fn the_answer_to_sqs_names_exactly_the_messages_that_go_back() {
    let answer = |ids: &[&str]| json!(batch_response(ids.iter().map(|id| (*id).to_owned())));
    let expected =
        json!({ "batchItemFailures": [{ "itemIdentifier": "m-1" }, { "itemIdentifier": "m-3" }] });
    assert_eq!(answer(&["m-1", "m-3"]), expected);
    assert_eq!(answer(&[]), json!({ "batchItemFailures": [] }));
}
