//! The measured function: any command that implements Lambda's Runtime API. Processor time and
//! memory are read from `/proc`.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::runtime_api::{INVOCATION_TIMEOUT, RuntimeApi};

/// The time limit from the start of the process to its first poll.
const STARTUP_TIMEOUT: Duration = Duration::from_mins(1);

/// The time limit for a process to exit after SIGTERM.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The current value.
    pub resident: u64,
    /// The highest value since the process started.
    pub peak: u64,
}

/// A running function.
pub struct Function {
    runtime_api: RuntimeApi,
    child: Child,
    /// The time from the start of the process to its first poll for an invocation.
    pub startup: Duration,
}

impl Function {
    /// Starts a command with exactly this environment and waits for its first poll.
    pub async fn start(
        command: &[String],
        environment: &[(String, String)],
    ) -> Result<Self, String> {
        let mut runtime_api = RuntimeApi::start()
            .await
            .map_err(|error| format!("start the Runtime API: {error}"))?;
        let began = Instant::now();
        let child = Command::new(&command[0])
            .args(&command[1..])
            .env_clear()
            .envs(environment.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("start {}: {error}", command[0]))?;
        let polled = tokio::time::timeout(STARTUP_TIMEOUT, &mut runtime_api.first_poll).await;
        let polled = polled.ok().and_then(Result::ok).ok_or_else(|| {
            format!(
                "start {}: no poll for an invocation within {STARTUP_TIMEOUT:?}",
                command[0]
            )
        })?;
        Ok(Self {
            runtime_api,
            child,
            startup: polled.duration_since(began),
        })
    }

    /// Invokes the function. Returns its response and the duration.
    pub async fn invoke(&mut self, payload: &Value) -> Result<(Value, Duration), String> {
        let began = Instant::now();
        let outcome = self.runtime_api.send(payload);
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(INVOCATION_TIMEOUT, outcome) => outcome,
            status = self.child.wait() => return Err(format!("invoke: process exited: {status:?}")),
        };
        let outcome =
            outcome.map_err(|_| format!("invoke: timeout after {INVOCATION_TIMEOUT:?}"))?;
        let outcome = outcome.map_err(|_| "invoke: the Runtime API stopped".to_owned())?;
        outcome
            .map(|response| (response, began.elapsed()))
            .map_err(|error| format!("invoke: the function reported an error: {error}"))
    }

    /// Freezes the process, as Lambda does between invocations.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Continues a frozen process.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Sends SIGTERM and waits for the exit, so that a profiler around the command can write its
    /// output. A process that is still running after ten seconds is killed.
    pub async fn terminate(mut self) {
        self.signal("-TERM");
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.child.wait()).await;
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let status = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "our own process is running"
        );
    }

    /// Returns the processor time so far, summed over all threads.
    pub fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("is running");
        let task_nanos = |path: &Path| -> u64 {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split(' ')
                .next()
                .and_then(|nanos| nanos.parse().ok())
                .unwrap_or_default()
        };
        Duration::from_nanos(tasks.flatten().map(|task| task_nanos(&task.path())).sum())
    }

    /// Returns the resident memory of the process.
    pub fn memory(&self) -> Memory {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("is running");
        let bytes = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default();
            line.trim()
                .trim_end_matches(" kB")
                .parse::<u64>()
                .unwrap_or_default()
                * 1024
        };
        Memory {
            resident: bytes("VmRSS:"),
            peak: bytes("VmHWM:"),
        }
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("not awaited yet")
    }
}
