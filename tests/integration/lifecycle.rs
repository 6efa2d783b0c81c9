//! What becomes of messages and state when the deployment changes, and when it goes.

use serde_json::json;

use crate::deployment::{Deployment, arrive};

#[tokio::test(flavor = "multi_thread")]
async fn an_update_loses_no_change_and_destroying_keeps_bucket_and_key() {
    let kept = json!({"removalPolicy": "retain"});
    let deployment = Deployment::start(&[], &kept);
    let corner = deployment.corner().await;
    let users: Vec<String> = (0..12).map(|n| format!("user{n}")).collect();
    let (early, late) = users.split_at(6);
    let mut keys = Vec::new();

    // While Vault is sealed nobody can finish a message: they pend, and go on arriving during the update.
    deployment.stack.command("vault seal");
    for user in early {
        keys.push(corner.rotate(user).await);
    }
    let changed = json!({"removalPolicy": "retain", "memoryMib": 512, "maxConcurrency": 3, "onUserDeleted": "soft-delete"});
    let put = async {
        for user in late {
            keys.push(corner.rotate(user).await);
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    };
    let update = async { tokio::task::block_in_place(|| deployment.deploy(&changed)) };
    tokio::join!(put, update);
    let look = deployment.look();
    assert_eq!(
        (&look["memoryMib"], &look["variables"]["ON_USER_DELETED"]),
        (&json!(512), &json!("soft-delete"))
    );
    let waiting = look["queues"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum::<u64>();
    assert_eq!(waiting, 12, "{look}");

    deployment.stack.command("vault unseal");
    arrive(&corner, &users, &keys).await;

    let left = deployment.destroy(&changed);
    assert_eq!(
        (&left["functions"], &left["queues"]),
        (&json!([]), &json!([]))
    );
    assert!(
        left["buckets"]
            .as_array()
            .unwrap()
            .contains(&deployment.outputs["BucketName"]),
        "{left}"
    );
    let key =
        json!({"arn": deployment.outputs["KmsKeyArn"], "state": "Enabled", "manager": "CUSTOMER"});
    assert!(left["keys"].as_array().unwrap().contains(&key), "{left}");
    assert!(corner.object("vault-token.json").await.is_some());
    for (user, key) in users.iter().zip(&keys) {
        assert_eq!(
            corner.state(user).await.unwrap()["accessKeyId"],
            key.id.as_str()
        );
    }
    let told = deployment.outputs["KeptWhenDestroyed"].as_str().unwrap();
    assert!(
        told.contains("bucket") && told.contains("KMS key"),
        "{told}"
    );
}
