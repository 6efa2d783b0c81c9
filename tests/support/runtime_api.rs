//! Runs a function process behind a Lambda Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
//!
//! The integration tests and the benchmarks both include this file with `#[path]`. It depends on
//! axum, `serde_json`, tokio and the standard library only.

#![allow(
    dead_code,
    reason = "each crate that includes this file uses a part of it"
)]

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::{Path as PathSegments, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

/// Time that an invocation may overrun its deadline before [`FunctionProcess::invoke`] gives up.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Time that a process has to exit after SIGTERM.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Inspects everything that the process emits: the kind of output, and its text.
pub type Inspect = fn(kind: &str, text: &str);

/// Result of an invocation: the response, or the error that the function reported.
pub type Answer = Result<Value, Value>;

/// What happens to the standard output and standard error of a process.
#[derive(Clone, Copy, PartialEq)]
pub enum Output {
    /// They are discarded.
    Discard,
    /// Their lines are collected.
    Collect,
    /// They go where the command directs them.
    AsConfigured,
}

/// How a process is run.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Time from the start of an invocation to its deadline.
    pub deadline: Duration,
    /// What happens to standard output and standard error.
    pub output: Output,
    /// Called with each answer that is returned, and with each collected line on drop.
    pub inspect: Option<Inspect>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_mins(15),
            output: Output::Discard,
            inspect: None,
        }
    }
}

/// Why an invocation has no answer.
#[derive(Debug)]
pub enum InvokeError {
    /// The process exited first.
    Exited(Option<ExitStatus>),
    /// The deadline and the grace period passed.
    TimedOut(Duration),
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(Some(status)) => write!(f, "the process exited: {status}"),
            Self::Exited(None) => write!(f, "the process exited"),
            Self::TimedOut(deadline) => write!(f, "no answer within {deadline:?}"),
        }
    }
}

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Current value.
    pub resident: u64,
    /// Highest value so far.
    pub peak: u64,
}

/// Server side of the Runtime API.
struct Api {
    pending: AsyncMutex<mpsc::UnboundedReceiver<(String, String)>>,
    answers: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    first_poll: watch::Sender<Option<Instant>>,
    settings: Settings,
}

/// A running function process. Dropping it kills the process.
pub struct FunctionProcess {
    api: Arc<Api>,
    invocations: mpsc::UnboundedSender<(String, String)>,
    lines: Arc<Mutex<Vec<String>>>,
    child: AsyncMutex<Child>,
    server: AbortHandle,
    pid: u32,
    started: Instant,
}

impl FunctionProcess {
    /// Starts `command`, which already has its arguments and environment.
    ///
    /// Adds `AWS_LAMBDA_RUNTIME_API` to the environment.
    pub async fn start(command: &mut Command, settings: Settings) -> std::io::Result<Self> {
        let (invocations, pending) = mpsc::unbounded_channel();
        let api = Arc::new(Api {
            pending: AsyncMutex::new(pending),
            answers: Mutex::default(),
            first_poll: watch::Sender::new(None),
            settings,
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(api.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(axum::serve(listener, routes).into_future());

        match settings.output {
            Output::Discard => command.stdout(Stdio::null()).stderr(Stdio::null()),
            Output::Collect => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
            Output::AsConfigured => command,
        };
        let started = Instant::now();
        let mut child = command
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().expect("the process has not been waited for");
        let lines = Arc::default();
        collect(child.stdout.take(), &lines);
        collect(child.stderr.take(), &lines);
        Ok(Self {
            api,
            invocations,
            lines,
            child: AsyncMutex::new(child),
            server: server.abort_handle(),
            pid,
            started,
        })
    }

    /// Waits for the first poll for an invocation; returns the time since the process started.
    pub async fn first_poll(&self) -> Result<Duration, InvokeError> {
        let mut polled = self.api.first_poll.subscribe();
        let polled = async {
            *polled
                .wait_for(Option::is_some)
                .await
                .expect("the API is running")
        };
        let polled = self.unless_exited(polled, Duration::from_mins(1)).await?;
        Ok(polled.expect("waited for").duration_since(self.started))
    }

    /// Sends a payload; returns the answer and the time it took.
    pub async fn invoke(&self, payload: String) -> Result<(Answer, Duration), InvokeError> {
        // As in Lambda, no two functions ever receive the same id.
        static SEQUENCE: AtomicU64 = AtomicU64::new(0);
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        let id = format!("8476a536-e9f4-11e8-9739-{sequence:012x}");
        let (sender, answer) = oneshot::channel();
        lock(&self.api.answers).insert(id.clone(), sender);
        let began = Instant::now();
        self.invocations
            .send((id, payload))
            .expect("the API is running");
        let limit = self.api.settings.deadline + GRACE_PERIOD;
        let answer = self.unless_exited(answer, limit).await?;
        let answer = answer.map_err(|_| InvokeError::Exited(None))?;
        let elapsed = began.elapsed();
        if let (Some(inspect), Ok(body) | Err(body)) = (self.api.settings.inspect, &answer) {
            inspect("an answer", &body.to_string());
        }
        Ok((answer, elapsed))
    }

    /// Waits for `event` until the process exits or the limit passes.
    async fn unless_exited<T>(
        &self,
        event: impl Future<Output = T>,
        limit: Duration,
    ) -> Result<T, InvokeError> {
        let exit = async { self.child.lock().await.wait().await.ok() };
        tokio::select! {
            biased;
            event = tokio::time::timeout(limit, event) => {
                event.map_err(|_| InvokeError::TimedOut(limit))
            }
            status = exit => Err(InvokeError::Exited(status)),
        }
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the collected lines of standard output and standard error.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.lines).clone()
    }

    /// Stops the process, as Lambda does between invocations.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Continues a stopped process.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Ends the process with SIGTERM, as Lambda does, so that a profiler can write its results.
    ///
    /// Kills the process if it does not exit in time.
    pub async fn terminate(self) {
        self.signal("-TERM");
        let exit = async { self.child.lock().await.wait().await };
        let _ = tokio::time::timeout(EXIT_TIMEOUT, exit).await;
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid.to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill {signal} {pid} failed"
        );
    }

    /// Returns the processor time of all threads so far.
    pub fn processor_time(&self) -> Duration {
        let nanos = |path: &Path| -> u64 {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split(' ')
                .next()
                .and_then(|nanos| nanos.parse().ok())
                .unwrap_or_default()
        };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid));
        let tasks = tasks.expect("the process is running").flatten();
        Duration::from_nanos(tasks.map(|task| nanos(&task.path())).sum())
    }

    /// Returns the memory use.
    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.expect("the process is running");
        let bytes = |name: &str| {
            let value = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default();
            value
                .trim()
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
}

impl Drop for FunctionProcess {
    fn drop(&mut self) {
        self.server.abort();
        if let Some(inspect) = self.api.settings.inspect {
            lock(&self.lines)
                .iter()
                .for_each(|line| inspect("the log", line));
        }
    }
}

/// Locks a mutex, also after a test thread has panicked with it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn collect(
    output: Option<impl AsyncRead + Unpin + Send + 'static>,
    lines: &Arc<Mutex<Vec<String>>>,
) {
    let (Some(output), lines) = (output, lines.clone()) else {
        return;
    };
    tokio::spawn(async move {
        let mut output = BufReader::new(output).lines();
        while let Ok(Some(line)) = output.next_line().await {
            lock(&lines).push(line);
        }
    });
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    api.first_poll.send_if_modified(|polled| {
        let first = polled.is_none();
        polled.get_or_insert_with(Instant::now);
        first
    });
    let Some((id, payload)) = api.pending.lock().await.recv().await else {
        // The process was dropped and is about to be killed.
        return std::future::pending().await;
    };
    let deadline = SystemTime::now() + api.settings.deadline;
    let deadline = deadline
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:ca-central-1:123456789012:function:local".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned(),
        ),
    ];
    (headers, payload)
}

async fn response(
    State(api): State<Arc<Api>>,
    PathSegments(id): PathSegments<String>,
    body: String,
) {
    settle(&api, &id, &body, Ok);
}

async fn error(State(api): State<Arc<Api>>, PathSegments(id): PathSegments<String>, body: String) {
    settle(&api, &id, &body, Err);
}

fn settle(api: &Api, id: &str, body: &str, answer: fn(Value) -> Answer) {
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    if let Some(sender) = lock(&api.answers).remove(id) {
        let _ = sender.send(answer(body));
    }
}
