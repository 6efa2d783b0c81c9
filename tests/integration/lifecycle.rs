//! Messages and state when the deployment is updated, and when it is destroyed.

use std::time::Duration;

use serde_json::json;

use crate::deployment::{Deployment, wait_until_synced};

#[tokio::test(flavor = "multi_thread")]
async fn deployment_update_loses_nothing_and_destroy_retains() {
    let retain = json!({"removalPolicy": "retain"});
    let deployment = Deployment::start(&[], &retain);
    let env = deployment.env().await;
    let users = (0..12).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let (before, during) = users.split_at(6);
    let mut keys = Vec::new();

    // While Vault is sealed, no message can be processed. More messages arrive during the update.
    deployment.stack.command("vault seal");
    for user in before {
        keys.push(env.rotate(user).await);
    }
    let changed = json!({
        "removalPolicy": "retain", "memoryMib": 512, "maxConcurrency": 3,
        "onUserDeleted": "soft-delete",
    });
    let rotate = async {
        for user in during {
            keys.push(env.rotate(user).await);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let update = async { tokio::task::block_in_place(|| deployment.deploy(&changed)) };
    tokio::join!(rotate, update);
    let description = deployment.describe();
    assert_eq!(description["memoryMib"], 512);
    assert_eq!(description["variables"]["ON_USER_DELETED"], "soft-delete");
    assert_eq!(deployment.queued_messages(), 12, "{description}");

    deployment.stack.command("vault unseal");
    wait_until_synced(&env, &users, &keys).await;

    let remaining = deployment.destroy(&changed);
    assert_eq!(
        (&remaining["functions"], &remaining["queues"]),
        (&json!([]), &json!([]))
    );
    let contains = |kind: &str, item| remaining[kind].as_array().unwrap().contains(item);
    assert!(
        contains("buckets", &deployment.outputs["BucketName"]),
        "{remaining}"
    );
    let arn = &deployment.outputs["KmsKeyArn"];
    let key = json!({"arn": arn, "state": "Enabled", "manager": "CUSTOMER"});
    assert!(contains("keys", &key), "{remaining}");
    assert!(env.object("vault-token.json").await.is_some());
    for (user, key) in users.iter().zip(&keys) {
        assert_eq!(
            env.state(user).await.unwrap()["accessKeyId"],
            key.id.as_str()
        );
    }
    let retained = deployment.outputs["KeptWhenDestroyed"].as_str().unwrap();
    assert!(
        retained.contains("bucket") && retained.contains("KMS key"),
        "{retained}"
    );
}
