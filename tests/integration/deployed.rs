//! The whole chain as users deploy it: the CDK app, the rule, the queue, the mapping, the function.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::corner::{Corner, Key};
use crate::stack::{Stack, checkout};

#[tokio::test]
async fn a_parameter_change_reaches_vault_through_rule_queue_and_mapping() {
    let stack = Stack::start(&[]);
    let package = format!("{}/package.zip", stack.text("/dir"));
    let packed = Command::new(checkout().join("local/package.py"))
        .arg(env!("CARGO_BIN_EXE_lambda"))
        .arg(&package)
        .status()
        .unwrap();
    assert!(packed.success());
    let outputs = stack.command(&format!("deploy {package}"));
    let mut corner = Corner::without_token(&stack).await;
    corner.bucket = outputs["BucketName"].as_str().unwrap().to_owned();
    corner.prefix = "/iam_users/".to_owned();
    corner.folder = "aws/iam-keys".to_owned();

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
        assert_eq!(state["vaultVersion"], corner.key(user).await.unwrap().1, "{user}");
    }
}

/// Waits until Vault has these keys and the state tells of them.
async fn arrive(corner: &Corner<'_>, users: &[String], keys: &[Key]) {
    let deadline = Instant::now() + Duration::from_mins(1);
    for (user, key) in users.iter().zip(keys) {
        loop {
            let found = corner.key(user).await;
            let recorded = corner.state(user).await.is_some_and(|state| state["accessKeyId"] == key.id.as_str());
            if found.as_ref().is_some_and(|(found, _)| found == key) && recorded {
                break;
            }
            assert!(Instant::now() < deadline, "{user}: expected …{}, found {found:?}", &key.id[16..]);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
