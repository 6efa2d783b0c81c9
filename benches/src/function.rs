//! The measured function: any command that implements Lambda's Runtime API.

#[path = "../../tests/support/runtime_api.rs"]
mod runtime_api;

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

pub use runtime_api::Memory;
use runtime_api::{FunctionProcess, Settings};

/// A running function.
pub struct Function {
    process: FunctionProcess,
    /// The time from the start of the process to its first poll for an invocation.
    pub startup: Duration,
}

impl Function {
    /// Starts a command with exactly this environment and waits for its first poll.
    pub async fn start(
        command: &[String],
        environment: &[(String, String)],
    ) -> Result<Self, String> {
        let mut process = Command::new(&command[0]);
        process
            .args(&command[1..])
            .env_clear()
            .envs(environment.iter().cloned());
        let failed = |error: &dyn std::fmt::Display| format!("start {}: {error}", command[0]);
        let process = FunctionProcess::start(&mut process, Settings::default())
            .await
            .map_err(|error| failed(&error))?;
        let startup = process.first_poll().await.map_err(|error| failed(&error))?;
        Ok(Self { process, startup })
    }

    /// Invokes the function. Returns its response and the duration.
    pub async fn invoke(&mut self, payload: &Value) -> Result<(Value, Duration), String> {
        let (answer, duration) = self
            .process
            .invoke(payload.to_string())
            .await
            .map_err(|error| format!("invoke: {error}"))?;
        answer
            .map(|response| (response, duration))
            .map_err(|error| format!("invoke: the function reported an error: {error}"))
    }

    /// Freezes the process, as Lambda does between invocations.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Continues a frozen process.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Ends the process with SIGTERM, so that a profiler around it can write its output.
    pub async fn terminate(self) {
        self.process.terminate().await;
    }

    /// Returns the processor time so far, summed over all threads.
    pub fn processor_time(&self) -> Duration {
        self.process.processor_time()
    }

    /// Returns the resident memory of the process.
    pub fn memory(&self) -> Memory {
        self.process.memory()
    }
}
