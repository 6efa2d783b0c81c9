//! Parameter Store, S3 and DynamoDB throttled, broken, slow, hanging, cut off: what is said, how long it takes at the most,
//! and that everything comes right when it is over.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::microburst::Microburst;
use crate::corner::{Corner, batch};
use crate::function::Function;

/// How long an invocation may last, as deployed.
const LASTS: Duration = Duration::from_mins(1);

/// How long one call to AWS may take with all its repetitions, and what a user may need of them one after the other.
const A_CALL: Duration = Duration::from_secs(10);
const CALLS: u32 = 3;

/// What is wrong, how it is done, and what is said of a user who fails for it; `None` where nobody does.
type Sickness = (&'static str, Value, Option<&'static str>);

fn sicknesses(throttled: &'static str) -> Vec<Sickness> {
    vec![
        (
            "throttled",
            json!({"error": {"code": throttled}}),
            Some(throttled),
        ),
        (
            "failing",
            json!({"error": {"code": "InternalServerError", "status": 500}}),
            Some("InternalServerError"),
        ),
        ("slow", json!({"latency": 1000}), None),
        (
            "hanging",
            json!({"timeout_ms": 60_000}),
            Some("no answer within the time limit"),
        ),
        (
            "resetting",
            json!({"reset": true}),
            Some("the connection broke off"),
        ),
        (
            "cut off",
            json!({"response": {"abort_frac": 0.5}}),
            Some(""),
        ),
        (
            "throttled once",
            json!({"error": {"code": throttled}, "times": 1}),
            None,
        ),
        ("resetting once", json!({"reset": true, "times": 1}), None),
    ]
}

/// Returned messages.
fn returned(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap())
        .collect()
}

/// Goes through all that can be wrong with a service, for a rotation of alice and one of bob; `only` are the requests
/// that are concerned, and `spares` tells whether bob's are not among them.
async fn endures(service: &str, throttled: &'static str, only: Value, spares: bool) {
    let corner = Corner::new().await;
    let microburst = Microburst::before(&corner).await;
    let mut environment = corner.environment_with(&[
        ("AWS_ENDPOINT_URL", &microburst.url),
        ("LOG_LEVEL", "trace"),
    ]);
    if service == "dynamodb" {
        let table = corner.roster(&["alice", "bob"]).await;
        environment.retain(|(name, _)| name != "IAM_USER_TABLE");
        environment.push(("IAM_USER_TABLE".to_owned(), table.to_owned()));
    }
    // Its first answer takes seconds.
    microburst.fail(&json!([])).await;
    let function = Function::start_lasting(&environment, LASTS).await;
    corner.rotate("alice").await;
    corner.rotate("bob").await;
    function
        .invoke(&json!({"action": "sync", "users": ["alice", "bob"]}))
        .await
        .unwrap();

    for (what, mut rule, said) in sicknesses(throttled) {
        let place = format!("{service} {what}");
        rule["service"] = json!(service);
        rule.as_object_mut()
            .unwrap()
            .extend(only.as_object().unwrap().clone());
        // A process that has been frozen for a while: a new one knows nothing, and has to ask for everything.
        let function = Function::start_lasting(&environment, LASTS).await;
        let (alice, bob) = if service == "dynamodb" {
            // The roster is asked when there is no parameter.
            corner.delete("alice").await;
            (
                corner.key("alice").await.unwrap().0,
                corner.rotate("bob").await,
            )
        } else {
            (corner.rotate("alice").await, corner.rotate("bob").await)
        };
        let operation = if service == "dynamodb" {
            "Delete"
        } else {
            "Update"
        };
        let messages = [
            ("of-alice", 1, corner.event(operation, "alice")),
            ("of-bob", 1, corner.event("Update", "bob")),
        ];
        microburst.fail(&json!([rule])).await;
        let began = Instant::now();
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert!(
            began.elapsed() < A_CALL * CALLS,
            "{place}: {:?}",
            began.elapsed()
        );
        assert!(microburst.fired().await > 0, "{place}: it happened");
        let expected = match said {
            None => vec![],
            Some(_) if spares => vec!["of-alice"],
            Some(_) => vec!["of-alice", "of-bob"],
        };
        assert_eq!(
            returned(&answer),
            expected,
            "{place}: {:#?}",
            function.lines()
        );
        if spares {
            assert_eq!(
                corner.key("bob").await.unwrap().0,
                bob,
                "{place}: the others go on"
            );
        }
        if let Some(said) = said {
            let told = |line: &Value| {
                line["user"] == "alice"
                    && line["outcome"] == "failed"
                    && line["reason"].as_str().unwrap().contains(said)
            };
            function.lines_with(told).await;
        }
        // It is over: the same message comes again.
        microburst.fail(&json!([])).await;
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert_eq!(returned(&answer), Vec::<&str>::new(), "{place}: afterwards");
        assert_eq!(
            corner.key("alice").await.unwrap().0,
            alice,
            "{place}: afterwards"
        );
        assert_eq!(
            corner.key("bob").await.unwrap().0,
            bob,
            "{place}: afterwards"
        );
        if service == "dynamodb" {
            corner
                .put("alice", &json!({"current": alice.document()}).to_string())
                .await;
        }
    }
    let report = function
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    assert_eq!(
        (&report["counts"]["unchanged"], &report["counts"]["failed"]),
        (&json!(2), &json!(0)),
        "{report}"
    );
}

#[tokio::test]
async fn a_sick_parameter_store_is_endured() {
    endures(
        "ssm",
        "ThrottlingException",
        json!({"body": "contains(Name, 'alice')"}),
        true,
    )
    .await;
}

#[tokio::test]
async fn a_sick_bucket_is_endured() {
    endures("s3", "SlowDown", json!({}), false).await;
}

#[tokio::test]
async fn a_sick_roster_is_endured() {
    endures(
        "dynamodb",
        "ProvisionedThroughputExceededException",
        json!({}),
        true,
    )
    .await;
}

/// A sweep that gets no answer ends before its time does, and the next one does what it left.
#[tokio::test]
async fn a_sweep_ends_in_time_whichever_service_hangs() {
    for service in ["ssm", "s3", "dynamodb"] {
        let corner = Corner::new().await;
        let microburst = Microburst::before(&corner).await;
        let table = corner.roster(&["alice", "bob"]).await;
        let variables = [
            ("AWS_ENDPOINT_URL", microburst.url.as_str()),
            ("IAM_USER_TABLE", table),
        ];
        let lasts = Duration::from_secs(40);
        let function = Function::start_lasting(&corner.environment_with(&variables), lasts).await;
        let (alice, bob) = (corner.rotate("alice").await, corner.rotate("bob").await);
        microburst
            .fail(&json!([{"service": service, "timeout_ms": 120_000}]))
            .await;
        let began = Instant::now();
        let answer = function
            .invoke(&json!({"action": "reconcile", "force": true}))
            .await;
        assert!(began.elapsed() < lasts, "{service}: {:?}", began.elapsed());
        assert!(microburst.fired().await > 0, "{service}");
        if service == "dynamodb" {
            // Nobody's key hangs on the roster.
            assert_eq!(answer.unwrap()["counts"]["written"], 2);
            let warned = |line: &Value| {
                line["message"]
                    .as_str()
                    .unwrap_or_default()
                    .contains("reading the roster")
            };
            function.lines_with(warned).await;
        } else {
            let message = answer.unwrap_err()["errorMessage"].to_string();
            assert!(
                message.contains("no answer within the time limit"),
                "{service}: {message}"
            );
        }
        microburst.fail(&json!([])).await;
        let report = function
            .invoke(&json!({"action": "reconcile", "force": true}))
            .await
            .unwrap();
        assert_eq!(report["counts"]["failed"], 0, "{service}: {report}");
        assert_eq!(
            (
                corner.key("alice").await.unwrap().0,
                corner.key("bob").await.unwrap().0
            ),
            (alice, bob),
            "{service}"
        );
    }
}
