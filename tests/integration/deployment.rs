//! The CDK app, deployed into a stack of its own, as users deploy it.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::corner::{Corner, Key};
use crate::stack::{Stack, checkout};

/// A stack in which the CDK app is deployed.
pub struct Deployment {
    /// The stack.
    pub stack: Stack,
    /// The CDK app's outputs.
    pub outputs: Value,
    package: String,
}

impl Deployment {
    /// Starts a stack and deploys into it. With `enforce` the function may do what its role says, and nothing else.
    pub fn start(options: &[&str], inputs: &Value) -> Deployment {
        let stack = Stack::start(options);
        let package = format!("{}/package.zip", stack.text("/dir"));
        let packed = Command::new(checkout().join("local/package.py"))
            .arg(env!("CARGO_BIN_EXE_lambda"))
            .arg(&package)
            .status()
            .unwrap();
        assert!(packed.success());
        let mut deployment = Deployment {
            stack,
            outputs: Value::Null,
            package,
        };
        deployment.outputs = deployment.deploy(inputs);
        deployment
    }

    /// Deploys again, with other inputs.
    pub fn deploy(&self, inputs: &Value) -> Value {
        self.stack
            .command(&format!("deploy {}", self.with_package(inputs)))
    }

    /// Destroys what was deployed with these inputs; what is left.
    pub fn destroy(&self, inputs: &Value) -> Value {
        self.stack
            .command(&format!("destroy {}", self.with_package(inputs)))
    }

    fn with_package(&self, inputs: &Value) -> Value {
        let mut inputs = inputs.clone();
        inputs["zip"] = json!(self.package);
        inputs
    }

    /// The deployment's own bucket, parameters and folder in Vault.
    pub async fn corner(&self) -> Corner<'_> {
        let mut corner = Corner::without_token(&self.stack).await;
        corner.bucket = self.outputs["BucketName"].as_str().unwrap().into();
        corner.prefix = "/iam_users/".into();
        corner.folder = "aws/iam-keys".into();
        corner
    }

    /// Invokes the function; its answer, or the error that it reported.
    pub fn invoke(&self, payload: &Value) -> Result<Value, Value> {
        let mut answered = self.stack.command(&format!("invoke {payload}"));
        let answer = answered["answer"].take();
        if answered["failed"] == true {
            Err(answer)
        } else {
            Ok(answer)
        }
    }

    /// The statements of the function's role.
    pub fn statements(&self) -> Vec<Value> {
        self.stack.command("role")["role"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Gives the role these statements, and starts the function anew.
    pub fn permit(&self, statements: &[Value]) {
        self.stack
            .command(&format!("role {}", Value::from(statements)));
    }

    /// The function's configuration, and the messages in the queues.
    pub fn look(&self) -> Value {
        self.stack.command("look")
    }
}

/// Waits until Vault has these keys and the state tells of them.
pub async fn arrive(corner: &Corner<'_>, users: &[String], keys: &[Key]) {
    let deadline = Instant::now() + Duration::from_mins(1);
    for (user, key) in users.iter().zip(keys) {
        while !is_in_step(corner, user, key).await {
            assert!(
                Instant::now() < deadline,
                "{user}: expected …{}, found {:?}",
                &key.id[16..],
                corner.key(user).await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether Vault has the key and the state tells of it.
pub async fn is_in_step(corner: &Corner<'_>, user: &str, key: &Key) -> bool {
    let found = corner.key(user).await;
    let recorded = corner
        .state(user)
        .await
        .is_some_and(|state| state["accessKeyId"] == key.id.as_str());
    found.is_some_and(|(found, _)| found == *key) && recorded
}
