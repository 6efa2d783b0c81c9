//! The process of a measured command, which implements Lambda's Runtime API.

#[path = "../../tests/support/runtime_api.rs"]
mod runtime_api;

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

pub use runtime_api::Memory;
use runtime_api::{FunctionProcess, Output, Settings};

use crate::setup::shorten;

/// A running function.
pub struct Function {
    process: FunctionProcess,
    /// Ends the processes that the process has started, after the process itself.
    _group: ProcessGroup,
    /// The time from the start of the process to its first poll for an invocation.
    pub startup: Duration,
}

impl Function {
    /// Starts a command and waits for its first poll. Each invocation has this deadline.
    pub async fn start(command: &mut Command, deadline: Duration) -> Result<Self, String> {
        let settings = Settings {
            deadline,
            output: Output::AsConfigured,
            inspect: None,
        };
        let process = FunctionProcess::start(command.process_group(0), settings)
            .await
            .map_err(|error| error.to_string())?;
        let group = ProcessGroup(process.pid());
        let startup = process.first_poll().await;
        Ok(Self {
            startup: startup.map_err(|error| format!("wait for the first poll: {error}"))?,
            process,
            _group: group,
        })
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
            .map_err(|error| {
                let error = shorten(&error);
                format!("invoke: the function reported an error: {error}")
            })
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

/// The process group of a command. Dropping it kills all its processes.
struct ProcessGroup(u32);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // Fails if no process is left.
        let _ = std::process::Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", self.0)])
            .stderr(Stdio::null())
            .status();
    }
}
