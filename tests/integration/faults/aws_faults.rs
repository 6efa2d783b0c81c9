//! Parameter Store, S3 and DynamoDB throttle, fail, hang or cut connections: what is reported, how
//! long it takes at most, and that the service recovers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::microburst::Microburst;
use super::returned;
use crate::function::Function;
use crate::test_env::{TestEnv, batch};

/// Deadline of an invocation, as deployed.
const DEADLINE: Duration = Duration::from_mins(1);

/// Maximum duration of a call to AWS with all its retries.
const MAX_CALL: Duration = Duration::from_secs(10);

/// Maximum number of consecutive calls for a user.
const CALLS: u32 = 3;

/// Name of a fault, its rule, and a part of the reason of a user who fails; `None` if no user does.
type AwsFault = (&'static str, Value, Option<&'static str>);

fn aws_faults(throttled: &'static str) -> Vec<AwsFault> {
    let error = json!({"error": {"code": "InternalServerError", "status": 500}});
    vec![
        (
            "throttling",
            json!({"error": {"code": throttled}}),
            Some(throttled),
        ),
        ("failing", error, Some("InternalServerError")),
        ("slow", json!({"latency": 1000}), None),
        ("hanging", json!({"timeout_ms": 60_000}), Some("time limit")),
        ("resetting", json!({"reset": true}), Some("connection")),
        (
            "truncating",
            json!({"response": {"abort_frac": 0.5}}),
            Some(""),
        ),
        (
            "throttling once",
            json!({"error": {"code": throttled}, "times": 1}),
            None,
        ),
        ("resetting once", json!({"reset": true, "times": 1}), None),
    ]
}

/// Injects all faults of a service, each during a rotation of alice and bob.
///
/// `scope` selects the requests. `spares_bob` is true if it selects none for bob.
async fn tolerates(service: &str, throttled: &'static str, scope: Value, spares_bob: bool) {
    let env = TestEnv::new().await;
    let microburst = Microburst::start(&env).await;
    let roster = service == "dynamodb";
    let table = if roster {
        env.roster(&["alice", "bob"]).await
    } else {
        "-"
    };
    let environment = env.environment_with(&[
        ("AWS_ENDPOINT_URL", &microburst.url),
        ("IAM_USER_TABLE", table),
        ("LOG_LEVEL", "trace"),
    ]);
    let function = Function::start_with_deadline(&environment, DEADLINE).await;
    env.rotate("alice").await;
    env.rotate("bob").await;
    let sync = json!({"action": "sync", "users": ["alice", "bob"]});
    let report = function.invoke(&sync).await.unwrap();
    assert_eq!(report["counts"]["written"], 2, "{service}: {report}");

    for (fault, mut rule, reason) in aws_faults(throttled) {
        let case = format!("{service} {fault}");
        rule["service"] = json!(service);
        rule.as_object_mut()
            .unwrap()
            .extend(scope.as_object().unwrap().clone());
        // A new process has no cache, so it makes every request.
        let function = Function::start_with_deadline(&environment, DEADLINE).await;
        let alice = if roster {
            // The roster is read when there is no parameter.
            env.delete("alice").await;
            env.key("alice").await.unwrap().0
        } else {
            env.rotate("alice").await
        };
        let bob = env.rotate("bob").await;
        let operation = if roster { "Delete" } else { "Update" };
        let messages = [
            ("alice", 1, env.event(operation, "alice")),
            ("bob", 1, env.event("Update", "bob")),
        ];
        microburst.inject(&json!([rule])).await;
        let began = Instant::now();
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert!(
            began.elapsed() < MAX_CALL * CALLS,
            "{case}: {:?}",
            began.elapsed()
        );
        assert!(
            microburst.count().await > 0,
            "{case}: no fault was injected"
        );
        let expected = match reason {
            None => vec![],
            Some(_) if spares_bob => vec!["alice"],
            Some(_) => vec!["alice", "bob"],
        };
        assert_eq!(
            returned(&answer),
            expected,
            "{case}: {:#?}",
            function.lines()
        );
        if spares_bob {
            assert_eq!(
                env.key("bob").await.unwrap().0,
                bob,
                "{case}: bob is synced"
            );
        }
        if let Some(reason) = reason {
            let failed = |line: &Value| {
                line["user"] == "alice"
                    && line["outcome"] == "failed"
                    && line["reason"].as_str().unwrap().contains(reason)
            };
            function.lines_with(failed).await;
        }
        // The fault is over, and the messages are delivered again.
        microburst.inject(&json!([])).await;
        let mut answer = json!(null);
        for _delivery in 0..3 {
            answer = function.invoke(&batch(&messages)).await.unwrap();
            if returned(&answer).is_empty() {
                break;
            }
        }
        assert_eq!(returned(&answer), [""; 0], "{case}: after recovery");
        assert_eq!(
            env.key("alice").await.unwrap().0,
            alice,
            "{case}: after recovery"
        );
        assert_eq!(
            env.key("bob").await.unwrap().0,
            bob,
            "{case}: after recovery"
        );
        if roster {
            env.put("alice", &json!({"current": alice.document()}).to_string())
                .await;
        }
    }
    let report = function
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    for (outcome, count) in [("unchanged", 2), ("failed", 0)] {
        assert_eq!(report["counts"][outcome], count, "{outcome}: {report}");
    }
}

#[tokio::test]
async fn parameter_store_faults_are_tolerated() {
    let alice = json!({"body": "contains(Name, 'alice')"});
    tolerates("ssm", "ThrottlingException", alice, true).await;
}

#[tokio::test]
async fn bucket_faults_are_tolerated() {
    tolerates("s3", "SlowDown", json!({}), false).await;
}

#[tokio::test]
async fn roster_faults_are_tolerated() {
    tolerates(
        "dynamodb",
        "ProvisionedThroughputExceededException",
        json!({}),
        true,
    )
    .await;
}

#[tokio::test]
async fn reconcile_ends_in_time_when_an_aws_service_hangs() {
    for service in ["ssm", "s3", "dynamodb"] {
        let env = TestEnv::new().await;
        let microburst = Microburst::start(&env).await;
        let table = env.roster(&["alice", "bob"]).await;
        let variables = [
            ("AWS_ENDPOINT_URL", microburst.url.as_str()),
            ("IAM_USER_TABLE", table),
        ];
        let deadline = Duration::from_secs(40);
        let environment = env.environment_with(&variables);
        let function = Function::start_with_deadline(&environment, deadline).await;
        let (alice, bob) = (env.rotate("alice").await, env.rotate("bob").await);
        let reconcile = json!({"action": "reconcile", "force": true});
        microburst
            .inject(&json!([{"service": service, "timeout_ms": 120_000}]))
            .await;
        let began = Instant::now();
        let answer = function.invoke(&reconcile).await;
        assert!(
            began.elapsed() < deadline,
            "{service}: {:?}",
            began.elapsed()
        );
        assert!(microburst.count().await > 0, "{service}");
        if service == "dynamodb" {
            // Keys are synced without the roster.
            assert_eq!(answer.unwrap()["counts"]["written"], 2);
            function.lines_with_message("reading the roster").await;
        } else {
            let message = answer.unwrap_err()["errorMessage"].to_string();
            assert!(message.contains("time limit"), "{service}: {message}");
        }
        microburst.inject(&json!([])).await;
        let report = function.invoke(&reconcile).await.unwrap();
        assert_eq!(report["counts"]["failed"], 0, "{service}: {report}");
        let keys = (
            env.key("alice").await.unwrap().0,
            env.key("bob").await.unwrap().0,
        );
        assert_eq!(keys, (alice, bob), "{service}");
    }
}
