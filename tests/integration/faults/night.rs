//! A sweep that was killed holds its claim no longer than its invocation could have lasted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::meddler::{Meddler, Meddling};
use crate::corner::Corner;
use crate::function::Function;
use crate::proxy::Proxies;

#[tokio::test]
async fn after_a_killed_sweep_the_next_one_is_due_as_soon_as_its_claim_has_run_out() {
    let corner = Corner::new().await;
    let key = corner.rotate("alice").await;
    let meddler = Arc::<Meddler>::default();
    let proxies = Proxies::meddling(&corner, Duration::ZERO, &meddler).await;
    let environment = corner.environment_with(&proxies.variables());
    let lasts = Duration::from_secs(6);
    let sweep = json!({"action": "reconcile"});

    let function = Function::start_lasting(&environment, lasts).await;
    meddler.await_point(
        ("Vault POST data of alice".to_owned(), 1),
        Meddling::KillBefore,
        function.pid(),
    );
    tokio::select! {
        answer = function.invoke(&sweep) => panic!("not killed: {answer:?}"),
        () = meddler.killed.notified() => {}
    }
    let killed = Instant::now();

    // Nobody forces anything.
    let next = Function::start_lasting(&environment, lasts).await;
    let report = loop {
        let report = next.invoke(&sweep).await.unwrap();
        let Some(reason) = report["skipped"].as_str() else {
            break report;
        };
        assert!(reason.contains("under way"), "{reason}");
        assert!(killed.elapsed() < 3 * lasts, "still not due: {reason}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(report["counts"]["written"], 1, "{report}");
    assert_eq!(corner.key("alice").await.unwrap().0, key);
    let record: Value =
        serde_json::from_str(&corner.object("sync-state/last-run.json").await.unwrap()).unwrap();
    assert!(record["finishedAt"].is_string(), "{record}");
}
