//! The lease of a killed reconcile run expires when its invocation would have ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::fault_injector::{Fault, FaultInjector};
use crate::function::Function;
use crate::proxy::Proxies;
use crate::test_env::TestEnv;

#[tokio::test]
async fn reconcile_lease_of_a_killed_run_expires() {
    let env = TestEnv::new().await;
    let key = env.rotate("alice").await;
    let injector = Arc::<FaultInjector>::default();
    let proxies = Proxies::with_injector(&env, Duration::ZERO, &injector).await;
    let environment = env.environment_with(&proxies.variables());
    let deadline = Duration::from_secs(6);
    let reconcile = json!({"action": "reconcile"});

    let function = Function::start_with_deadline(&environment, deadline).await;
    let point = ("Vault POST data of alice".to_owned(), 1);
    injector.arm(point, Fault::KillBefore, function.pid());
    tokio::select! {
        biased;
        () = injector.killed.notified() => {}
        answer = function.invoke(&reconcile) => panic!("the function was not killed: {answer:?}"),
    }
    let killed = Instant::now();

    let next = Function::start_with_deadline(&environment, deadline).await;
    let report = loop {
        let error = match next.invoke(&reconcile).await {
            Ok(report) => break report,
            Err(error) => format!("{error:?}"),
        };
        assert!(error.contains("holds the lease until"), "{error}");
        assert!(
            killed.elapsed() < 3 * deadline,
            "the lease did not expire: {error}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(
        killed.elapsed() > Duration::from_secs(1),
        "there was no lease"
    );
    assert_eq!(report["counts"]["written"], 1, "{report}");
    assert_eq!(env.key("alice").await.unwrap().0, key);
    let record = env.json_object("sync-state/last-run.json").await;
    assert!(record["finishedAt"].is_string(), "{record}");
}
