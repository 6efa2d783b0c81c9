//! Whole payloads on backends in memory: answers, messages to redeliver, and metrics.

mod deletions;
mod login;

use std::time::Duration;

use super::*;
use crate::testing::memory::{Memory, denied, key_id, unavailable, unreachable, value};

const DAY_1: &str = "2026-01-01T00:00:00Z";
const DAY_3: &str = "2026-01-03T00:00:00Z";

async fn answer_with_metrics(
    ctx: &Context<Memory>,
    payload: Value,
) -> (Result<Value, Error>, Value) {
    let mut metrics = Metrics::new("function", "request");
    let deadline = Instant::now() + Duration::from_hours(1);
    let answer = handle(ctx, payload, "request", deadline, &mut metrics).await;
    (answer, serde_json::from_str(&metrics.to_line()).unwrap())
}

async fn answer(ctx: &Context<Memory>, payload: Value) -> Result<Value, Error> {
    answer_with_metrics(ctx, payload).await.0
}

fn event(operation: &str, user: &str, time: &str) -> Value {
    json!({
        "version": "0", "id": "1", "source": "aws.ssm", "detail-type": "Parameter Store Change",
        "time": time, "account": "123456789012", "region": "ca-central-1", "resources": [],
        "detail": {
            "operation": operation, "name": format!("/iam_users/{user}_keys"),
            "type": "SecureString",
        },
    })
}

fn message(id: &str, delivery: u32, body: &Value) -> Value {
    let attributes = json!({"ApproximateReceiveCount": delivery.to_string()});
    json!({
        "messageId": id, "eventSource": "aws:sqs", "attributes": attributes,
        "body": body.to_string(),
    })
}

/// Returns the ids of the messages that a batch returns to the queue.
fn returned(answer: Result<Value, Error>) -> Vec<String> {
    let answer = answer.unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap().iter();
    let ids = failures.map(|failure| failure["itemIdentifier"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

async fn returned_of(ctx: &Context<Memory>, messages: &[Value]) -> Vec<String> {
    returned(answer(ctx, json!({ "Records": messages })).await)
}

/// Returns a context with a key of alice that was written.
async fn with_alice(variables: &[(&str, &str)]) -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(variables);
    memory.put("alice", &value("AKIA000000000KEY"), DAY_1);
    answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    memory.inner().calls.clear();
    (memory, ctx)
}

#[tokio::test(start_paused = true)]
async fn a_direct_event_is_answered_with_the_report() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000KEY"), DAY_1);
    let report = answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
    assert_eq!(report["trigger"], "event");
    let user = &report["users"][0];
    assert_eq!(
        (&user["user"], &user["outcome"]),
        (&json!("alice"), &json!("written"))
    );
    assert_eq!(report["counts"]["written"], 1);
    memory.put("alice", "no JSON", DAY_3);
    let error = answer(&ctx, event("Update", "alice", DAY_3))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "SyncFailed");
    assert!(
        error.to_string().starts_with("alice: BadParameter: "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_returns_exactly_the_messages_to_redeliver() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("good", &value("AKIA000000000KEY"), DAY_1);
    memory.put("bad", "no JSON", DAY_1);
    memory.put("held", r#"{"pending_deletion": {}}"#, DAY_1);
    let records = [
        message("good", 1, &event("Create", "good", DAY_1)),
        message("bad-1", 1, &event("Create", "bad", DAY_1)),
        message("bad-2", 7, &event("Update", "bad", DAY_1)),
        message("held", 3, &event("Update", "held", DAY_1)),
        message("label", 1, &event("LabelParameterVersion", "good", DAY_1)),
        message("malformed", 1, &json!("malformed")),
    ];
    let (answer, metrics) = answer_with_metrics(&ctx, json!({ "Records": records })).await;
    assert_eq!(returned(answer), ["bad-1", "bad-2", "held"]);
    let counts = ["Written", "Failed", "Held", "BadEvents"].map(|name| &metrics[name]);
    assert_eq!(counts, [1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn several_events_of_one_user_are_one_sync() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000KEY"), DAY_1);
    let messages = ["a", "b", "c"].map(|id| message(id, 1, &event("Update", "alice", DAY_1)));
    assert!(returned_of(&ctx, &messages).await.is_empty());
    assert_eq!(memory.calls("ssm-read"), 1);
    assert_eq!(memory.history("alice"), ["AKIA000000000KEY"]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_returns_its_message_once() {
    let (memory, ctx) = with_alice(&[]).await;
    let later = event("Update", "alice", DAY_3);
    assert_eq!(returned_of(&ctx, &[message("m", 1, &later)]).await, ["m"]);
    memory.inner().calls.clear();
    assert!(
        returned_of(&ctx, &[message("m", 2, &later)])
            .await
            .is_empty()
    );
    assert_eq!(
        memory.calls("ssm-read"),
        1,
        "a redelivered message has waited long enough"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_deletion_and_record_is_repaired() {
    let (memory, ctx) = with_alice(&[("ON_USER_DELETED", "soft-delete")]).await;
    memory.delete("alice");
    memory.fail("s3-save", 1, unavailable);
    let deletion = [message("m", 1, &event("Delete", "alice", DAY_3))];
    assert_eq!(returned_of(&ctx, &deletion).await, ["m"]);
    assert!(memory.history("alice") == ["-"] && !memory.is_retired("alice"));
    assert!(returned_of(&ctx, &deletion).await.is_empty());
    assert!(memory.history("alice") == ["-"] && memory.is_retired("alice"));
}

#[tokio::test(start_paused = true)]
async fn a_late_delete_event_syncs_a_recreated_parameter() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
    let report = answer(&ctx, event("Delete", "alice", DAY_1)).await.unwrap();
    assert_eq!(report["users"][0]["outcome"], "written");
}

#[test]
fn the_newest_event_counts_and_of_one_second_the_put() {
    use crate::trigger::Operation::{Delete, Put};
    let change = |operation, time: &str| Change {
        user: UserName::parse("alice").unwrap(),
        operation,
        at: Some(time.parse().unwrap()),
    };
    for (first, second, deleted) in [
        ((Put, DAY_1), (Delete, DAY_3), true),
        ((Put, DAY_3), (Delete, DAY_1), false),
        ((Put, DAY_3), (Delete, DAY_3), false),
    ] {
        let (first, second) = (change(first.0, first.1), change(second.0, second.1));
        for changes in [[first.clone(), second.clone()], [second, first]] {
            let request = merge(&changes.map(|change| (change, true))).unwrap();
            assert_eq!(request.event.unwrap().deleted, deleted, "{request:?}");
        }
    }
    assert!(merge(&[]).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_operators_sync_reports_users_who_failed() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.put("good", &value("AKIA000000000KEY"), DAY_1);
    memory.put("bad", "no JSON", DAY_1);
    let payload = json!({"action": "sync", "users": ["good", "bad", "jo@x"]});
    let report = answer(&ctx, payload).await.unwrap();
    let outcomes = [0, 1, 2].map(|n| &report["users"][n]["outcome"]);
    assert_eq!(outcomes, ["written", "failed", "missing"]);
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_an_operators_sync_has_a_limited_size() {
    let ctx = Memory::default().ctx(&[]);
    let users = (0..501).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let payload = json!({"action": "sync", "users": users});
    let report = answer(&ctx, payload).await.unwrap();
    assert_eq!(report["users"].as_array().map(Vec::len), Some(500));
    assert_eq!(report["truncated"], true);
    assert_eq!(report["counts"]["missing"], 501);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_or_bad_payload_makes_no_call() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    let label = event("LabelParameterVersion", "alice", DAY_1);
    assert!(answer(&ctx, label).await.unwrap()["ignored"].is_string());
    let (rejected, metrics) = answer_with_metrics(&ctx, json!({"hello": "world"})).await;
    assert_eq!(rejected.unwrap_err().kind(), "BadEvent");
    assert_eq!(metrics["BadEvents"], 1);
    assert!(memory.inner().calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn refresh_token_renews_and_does_not_show_the_token() {
    let ctx = Memory::default().ctx(&[]);
    let status = answer(&ctx, json!({"action": "refresh-token"}))
        .await
        .unwrap();
    assert_eq!(status["renewed"], true);
    assert_eq!(status["ttlSeconds"], 720 * 3600);
    assert!(status.get("token").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_soon_is_renewed_during_a_sync() {
    for (faults, renewed) in [(0, 1), (2, 2)] {
        let memory = Memory::default();
        let ctx = memory.ctx(&[]);
        memory.inner().ttl = 3600;
        memory.fail("vault-renew", faults, unreachable);
        memory.put("alice", &value("AKIA000000000KEY"), DAY_1);
        let report = answer(&ctx, event("Create", "alice", DAY_1)).await.unwrap();
        assert_eq!(
            report["users"][0]["outcome"], "written",
            "a failed renewal stops no sync"
        );
        assert_eq!(memory.calls("vault-renew"), renewed);
    }
    let (memory, ctx) = with_alice(&[]).await;
    answer(&ctx, event("Update", "alice", DAY_1)).await.unwrap();
    assert_eq!(
        (memory.calls("vault-renew"), memory.calls("vault-lookup")),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_roster_that_was_readable_and_is_denied_retires_no_user() {
    let (memory, ctx) = with_alice(&[("ON_USER_DELETED", "soft-delete")]).await;
    memory.inner().roster.push("alice".to_owned());
    memory.delete("alice");
    let deletion = [message("m", 2, &event("Delete", "alice", DAY_3))];
    assert!(
        returned_of(&ctx, &deletion).await.is_empty(),
        "listed: missing"
    );
    memory.fail("roster", 1, denied);
    assert_eq!(returned_of(&ctx, &deletion).await, ["m"]);
    assert_eq!(memory.history("alice"), ["AKIA000000000KEY"]);
}

#[tokio::test(start_paused = true)]
async fn a_sync_of_named_users_keeps_to_the_rate_of_parameter_store() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[("SSM_MAX_CALLS_PER_SECOND", "1"), ("IAM_USER_TABLE", "-")]);
    memory.inner().latencies = vec![0];
    let users = (0..20).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let started = Instant::now();
    answer(&ctx, json!({"action": "sync", "users": users}))
        .await
        .unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(18),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_with_a_use_limit_is_warned_of() {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.inner().alter = Some(|facts| facts.use_limited = true);
    let status = answer(&ctx, json!({"action": "refresh-token"}))
        .await
        .unwrap();
    let warnings = status["warnings"].to_string();
    assert!(warnings.contains("limited number of uses"), "{status}");
}
