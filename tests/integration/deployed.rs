//! The complete path as users deploy it: the CDK app, the rule, the queue, the event source mapping
//! and the function, with the permissions of its role enforced.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::deployment::{Deployment, wait_until_synced};
use crate::test_env::{Key, TestEnv};

#[tokio::test]
async fn deployment_syncs_parameter_changes_to_vault() {
    let deployment = Deployment::start(&["--enforce"], &json!({}));
    let env = deployment.env().await;

    let users = (0..20).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let mut keys = Vec::new();
    for user in &users {
        keys.push(env.rotate(user).await);
    }
    wait_until_synced(&env, &users, &keys).await;
    for (user, key) in users.iter().zip(&mut keys) {
        *key = env.rotate_in_two_puts(user, key).await;
    }
    wait_until_synced(&env, &users, &keys).await;
    for user in &users {
        let state = env.state(user).await.unwrap();
        assert_eq!(
            state["vaultVersion"],
            env.key(user).await.unwrap().1,
            "{user}"
        );
    }
    let report = deployment.invoke(&json!({"action": "reconcile"})).unwrap();
    assert_eq!(report["counts"]["unchanged"], users.len(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_pause_by_its_input_loses_no_rotation() {
    // With the delay, the two puts of a rotation become one sync, as in production.
    let inputs = |enabled| json!({"enabled": enabled, "queueDelaySeconds": 1});
    let deployment = Arc::new(Deployment::start(&[], &inputs(true)));
    let env = deployment.env().await;
    let users = (0..8).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let is_over = AtomicBool::new(false);

    let stream = rotate_until(&env, &users, &is_over);
    let operator = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        deploy(&deployment, inputs(false)).await;
        assert_states(&deployment, "Disabled", "DISABLED");
        let at_first = settled_versions(&env, &users).await;
        let queued = deployment.queued_messages();
        assert!(at_first.iter().any(|version| *version > 0), "{at_first:?}");
        // A later deployment does not end the pause.
        let mut resized = inputs(false);
        resized["memoryMib"] = json!(512);
        deploy(&deployment, resized).await;
        assert_states(&deployment, "Disabled", "DISABLED");
        assert_eq!(versions(&env, &users).await, at_first);
        assert!(deployment.queued_messages() > queued, "{queued}");
        deploy(&deployment, inputs(true)).await;
        assert_states(&deployment, "Enabled", "ENABLED");
        is_over.store(true, Ordering::Relaxed);
    };
    let (keys, ()) = tokio::join!(stream, operator);

    let keys = users.iter().map(|user| keys[user].clone());
    wait_until_synced(&env, &users, &keys.collect::<Vec<_>>()).await;
    let report = deployment.invoke(&json!({"action": "reconcile"})).unwrap();
    assert_eq!(report["counts"]["unchanged"], users.len(), "{report}");
}

/// Rotates the users in turn until `is_over`. Returns their last keys.
async fn rotate_until(
    env: &TestEnv<'_>,
    users: &[String],
    is_over: &AtomicBool,
) -> HashMap<String, Key> {
    let mut keys = HashMap::new();
    while !is_over.load(Ordering::Relaxed) {
        for user in users {
            let old = keys.remove(user).unwrap_or_else(Key::new);
            keys.insert(user.clone(), env.rotate_in_two_puts(user, &old).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    keys
}

/// Deploys beside the other futures of this task.
async fn deploy(deployment: &Arc<Deployment>, inputs: Value) {
    let deployment = Arc::clone(deployment);
    let deployed = tokio::task::spawn_blocking(move || deployment.deploy(&inputs));
    deployed.await.unwrap();
}

fn assert_states(deployment: &Deployment, mapping: &str, schedule: &str) {
    let description = deployment.describe();
    assert_eq!(description["mappings"], json!([mapping]));
    assert_eq!(description["schedules"], json!([schedule, schedule]));
}

/// Waits until batches in flight have ended; returns the version of each user's secret.
async fn settled_versions(env: &TestEnv<'_>, users: &[String]) -> Vec<u64> {
    let mut before = versions(env, users).await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = versions(env, users).await;
        if now == before {
            return now;
        }
        before = now;
    }
    panic!("keys are still written during the pause");
}

/// Returns the version of each user's secret, 0 without one.
async fn versions(env: &TestEnv<'_>, users: &[String]) -> Vec<u64> {
    let mut versions = Vec::new();
    for user in users {
        versions.push(env.key(user).await.map_or(0, |(_, version)| version));
    }
    versions
}
