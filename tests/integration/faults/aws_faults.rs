//! Parameter Store, S3 and DynamoDB throttle, fail, hang or cut connections: what is reported, how
//! long it takes at most, and that the service recovers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::microburst::Microburst;
use super::returned;
use crate::function::Function;
use crate::test_env::{Key, TestEnv, batch};

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

/// A service whose requests fail.
struct Service {
    name: &'static str,
    /// Error code of a throttled request.
    throttled: &'static str,
    /// Selects the requests.
    scope: Value,
    /// Whether `scope` selects no request for bob.
    spares_bob: bool,
}

impl Service {
    fn is_roster(&self) -> bool {
        self.name == "dynamodb"
    }

    /// Injects all faults, each during a rotation of alice and bob.
    async fn assert_faults_are_tolerated(&self) {
        let env = TestEnv::new().await;
        let microburst = Microburst::start(&env).await;
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", &*microburst.url),
            ("LOG_LEVEL", "trace"),
        ];
        if self.is_roster() {
            variables.push(("IAM_USER_TABLE", env.roster(&["alice", "bob"]).await));
        }
        let environment = env.environment_with(&variables);
        let function = Function::start_with_deadline(&environment, DEADLINE).await;
        env.rotate("alice").await;
        env.rotate("bob").await;
        let sync = json!({"action": "sync", "users": ["alice", "bob"]});
        let report = function.invoke(&sync).await.unwrap();
        assert_eq!(report["counts"]["written"], 2, "{}: {report}", self.name);
        for (fault, rule, reason) in aws_faults(self.throttled) {
            let case = format!("{} {fault}", self.name);
            // A new process has no cache, so it makes every request.
            let function = Function::start_with_deadline(&environment, DEADLINE).await;
            let rotation = Rotation::new(&env, self.is_roster()).await;
            microburst.inject(&json!([self.limited(rule)])).await;
            let began = Instant::now();
            let answer = function.invoke(&rotation.payload).await.unwrap();
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
                Some(_) if self.spares_bob => vec!["alice"],
                Some(_) => vec!["alice", "bob"],
            };
            assert_eq!(
                returned(&answer),
                expected,
                "{case}: {:#?}",
                function.lines()
            );
            if self.spares_bob {
                assert_eq!(
                    env.key("bob").await.unwrap().0,
                    rotation.bob,
                    "{case}: bob is synced"
                );
            }
            if let Some(reason) = reason {
                function.lines_with(|line| fails(line, reason)).await;
            }
            microburst.inject(&json!([])).await;
            rotation.assert_recovers(&env, &function, &case).await;
            if self.is_roster() {
                let value = json!({"current": rotation.alice.document()});
                env.put("alice", &value.to_string()).await;
            }
        }
        let reconcile = json!({"action": "reconcile", "force": true});
        let report = function.invoke(&reconcile).await.unwrap();
        for (outcome, count) in [("unchanged", 2), ("failed", 0)] {
            assert_eq!(report["counts"][outcome], count, "{outcome}: {report}");
        }
    }

    /// Returns a rule for the requests of this service.
    fn limited(&self, mut rule: Value) -> Value {
        rule["service"] = json!(self.name);
        let scope = self.scope.as_object().unwrap().clone();
        rule.as_object_mut().unwrap().extend(scope);
        rule
    }
}

/// Returns true for the failure of alice with this reason.
fn fails(line: &Value, reason: &str) -> bool {
    line["user"] == "alice"
        && line["outcome"] == "failed"
        && line["reason"].as_str().unwrap().contains(reason)
}

/// A rotation of alice and bob, with its messages.
struct Rotation {
    alice: Key,
    bob: Key,
    payload: Value,
}

impl Rotation {
    /// Rotates alice and bob. With `delete`, alice's parameter is deleted instead: without a
    /// parameter, the roster is read.
    async fn new(env: &TestEnv<'_>, delete: bool) -> Self {
        let alice = if delete {
            env.delete("alice").await;
            env.key("alice").await.unwrap().0
        } else {
            env.rotate("alice").await
        };
        let bob = env.rotate("bob").await;
        let operation = if delete { "Delete" } else { "Update" };
        let (of_alice, of_bob) = (env.event(operation, "alice"), env.event("Update", "bob"));
        Self {
            alice,
            bob,
            payload: batch(&[("alice", 1, of_alice), ("bob", 1, of_bob)]),
        }
    }

    /// Delivers the messages again, after the fault.
    async fn assert_recovers(&self, env: &TestEnv<'_>, function: &Function, case: &str) {
        let mut answer = json!(null);
        for _delivery in 0..3 {
            answer = function.invoke(&self.payload).await.unwrap();
            if returned(&answer).is_empty() {
                break;
            }
        }
        assert_eq!(returned(&answer), [""; 0], "{case}: after recovery");
        assert_eq!(
            env.key("alice").await.unwrap().0,
            self.alice,
            "{case}: after recovery"
        );
        assert_eq!(
            env.key("bob").await.unwrap().0,
            self.bob,
            "{case}: after recovery"
        );
    }
}

#[tokio::test]
async fn parameter_store_faults_are_tolerated() {
    let service = Service {
        name: "ssm",
        throttled: "ThrottlingException",
        scope: json!({"body": "contains(Name, 'alice')"}),
        spares_bob: true,
    };
    service.assert_faults_are_tolerated().await;
}

#[tokio::test]
async fn bucket_faults_are_tolerated() {
    let service = Service {
        name: "s3",
        throttled: "SlowDown",
        scope: json!({}),
        spares_bob: false,
    };
    service.assert_faults_are_tolerated().await;
}

#[tokio::test]
async fn roster_faults_are_tolerated() {
    let service = Service {
        name: "dynamodb",
        throttled: "ProvisionedThroughputExceededException",
        scope: json!({}),
        spares_bob: true,
    };
    service.assert_faults_are_tolerated().await;
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
