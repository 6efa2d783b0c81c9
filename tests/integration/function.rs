//! The built `lambda` binary behind a Lambda Runtime API.

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::command::profile;
use crate::runtime_api::{Answer, FunctionProcess, Output, Settings};
use crate::test_env::assert_no_secret;

/// Deadline of an invocation, unless a test sets another.
const DEADLINE: Duration = Duration::from_mins(2);

/// A running function. No answer and no line of its log may contain a secret.
pub struct Function(FunctionProcess);

impl Function {
    /// Starts the binary with exactly this environment, and what Lambda itself sets.
    pub async fn start(environment: &[(String, String)]) -> Self {
        Self::start_with_deadline(environment, DEADLINE).await
    }

    /// Starts the binary with another deadline for its invocations.
    pub async fn start_with_deadline(environment: &[(String, String)], deadline: Duration) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lambda"));
        command
            .env_clear()
            .envs(environment.iter().cloned())
            .envs(profile())
            .env("AWS_LAMBDA_FUNCTION_NAME", "test-function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1");
        let inspect = Some(assert_no_secret as fn(&str, &str));
        let settings = Settings {
            deadline,
            output: Output::Collect,
            inspect,
        };
        Self(
            FunctionProcess::start(&mut command, settings)
                .await
                .unwrap(),
        )
    }

    /// Sends a payload; returns the response, or the error that the function reported.
    pub async fn invoke(&self, payload: &Value) -> Answer {
        self.invoke_text(payload.to_string()).await
    }

    /// Sends any text, which may be invalid JSON.
    pub async fn invoke_text(&self, payload: String) -> Answer {
        match self.0.invoke(payload).await {
            Ok((answer, _)) => answer,
            Err(error) => panic!("{error}; the function logged {:#?}", self.lines()),
        }
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Returns the peak resident memory of the process, in KiB.
    pub fn peak_memory(&self) -> u64 {
        self.0.memory().peak / 1024
    }

    /// Returns all lines that the function logged so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lines()
    }

    /// Returns the logged lines once one of them matches; a line can arrive after the answer.
    pub async fn lines_with(&self, matches: impl Fn(&Value) -> bool) -> Vec<Value> {
        for _ in 0..100 {
            let lines = self.lines();
            let lines = lines
                .iter()
                .filter_map(|line| serde_json::from_str(line).ok());
            let lines = lines.collect::<Vec<Value>>();
            if lines.iter().any(&matches) {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no matching line in {:#?}", self.lines());
    }

    /// Returns the logged lines once the message of one of them contains `text`.
    pub async fn lines_with_message(&self, text: &str) -> Vec<Value> {
        self.lines_with(|line| message(line).contains(text)).await
    }
}

/// Returns the message of a logged line; empty where it has none.
pub fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}
