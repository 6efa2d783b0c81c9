//! The CDK app, deployed into its own stack as users deploy it.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stack::{Stack, checkout};
use crate::test_env::{Key, TestEnv};

/// A stack with the CDK app deployed.
pub struct Deployment {
    /// The stack.
    pub stack: Stack,
    /// Outputs of the CDK app.
    pub outputs: Value,
    package: String,
}

impl Deployment {
    /// Starts a stack and deploys into it. The option `--enforce` makes the emulator enforce the
    /// permissions of the function's role.
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

    /// Deploys again with other inputs.
    pub fn deploy(&self, inputs: &Value) -> Value {
        self.stack
            .command(&format!("deploy {}", self.with_package(inputs)))
    }

    /// Destroys what was deployed with these inputs, without the package; returns what remains.
    pub fn destroy(&self, inputs: &Value) -> Value {
        let mut inputs = inputs.clone();
        inputs["zip"] = json!("missing.zip");
        self.stack.command(&format!("destroy {inputs}"))
    }

    fn with_package(&self, inputs: &Value) -> Value {
        let mut inputs = inputs.clone();
        inputs["zip"] = json!(self.package);
        inputs
    }

    /// Returns an environment with the bucket, the parameters and the Vault folder that are
    /// deployed.
    pub async fn env(&self) -> TestEnv<'_> {
        let mut env = TestEnv::without_token(&self.stack).await;
        env.bucket = self.outputs["BucketName"].as_str().unwrap().into();
        env.prefix = "/iam_users/".into();
        env.folder = "aws/iam-keys".into();
        env
    }

    /// Invokes the function; returns its answer, or the error that it reported.
    pub fn invoke(&self, payload: &Value) -> Result<Value, Value> {
        let mut invocation = self.stack.command(&format!("invoke {payload}"));
        let answer = invocation["answer"].take();
        if invocation["failed"] == true {
            Err(answer)
        } else {
            Ok(answer)
        }
    }

    /// Returns the policy statements of the function's role.
    pub fn statements(&self) -> Vec<Value> {
        self.stack.command("role")["role"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Replaces the policy statements of the role and restarts the function.
    pub fn permit(&self, statements: &[Value]) {
        self.stack
            .command(&format!("role {}", Value::from(statements)));
    }

    /// Returns the configuration of the function and the message counts of the queues.
    pub fn describe(&self) -> Value {
        self.stack.command("look")
    }

    /// Returns how many messages the queues hold, including those in flight.
    pub fn queued_messages(&self) -> u64 {
        let queues = &self.describe()["queues"];
        queues
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_u64)
            .sum()
    }
}

/// Waits until Vault and the state contain these keys.
pub async fn wait_until_synced(env: &TestEnv<'_>, users: &[String], keys: &[Key]) {
    let deadline = Instant::now() + Duration::from_mins(1);
    for (user, key) in users.iter().zip(keys) {
        while !is_in_sync(env, user, key).await {
            let (expected, found) = (&key.id[16..], env.key(user).await);
            assert!(
                Instant::now() < deadline,
                "{user}: expected …{expected}, found {found:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Returns true if Vault and the state contain the key.
pub async fn is_in_sync(env: &TestEnv<'_>, user: &str, key: &Key) -> bool {
    let found = env.key(user).await;
    let state = env.state(user).await;
    let recorded = state.is_some_and(|state| state["accessKeyId"] == key.id.as_str());
    found.is_some_and(|(found, _)| found == *key) && recorded
}
