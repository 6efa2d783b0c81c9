//! The complete path as users deploy it: the CDK app, the rule, the queue, the event source mapping
//! and the function, with the permissions of its role enforced.

use serde_json::json;

use crate::deployment::{Deployment, wait_until_synced};

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
