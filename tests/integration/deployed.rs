//! The whole chain as users deploy it: the CDK app, the rule, the queue, the mapping, the function, which may do what its
//! role says and nothing else.

use serde_json::json;

use crate::deployment::{Deployment, arrive};

#[tokio::test]
async fn a_parameter_change_reaches_vault_through_rule_queue_and_mapping() {
    let deployment = Deployment::start(&["--enforce"], &json!({}));
    let corner = deployment.corner().await;

    let users: Vec<String> = (0..20).map(|n| format!("user{n}")).collect();
    let mut keys = Vec::new();
    for user in &users {
        keys.push(corner.rotate(user).await);
    }
    arrive(&corner, &users, &keys).await;
    for (user, key) in users.iter().zip(&mut keys) {
        *key = corner.rotate_twice_put(user, key).await;
    }
    arrive(&corner, &users, &keys).await;
    for user in &users {
        let state = corner.state(user).await.unwrap();
        assert_eq!(
            state["vaultVersion"],
            corner.key(user).await.unwrap().1,
            "{user}"
        );
    }
    let report = deployment.invoke(&json!({"action": "reconcile"})).unwrap();
    assert_eq!(report["counts"]["unchanged"], users.len(), "{report}");
}
