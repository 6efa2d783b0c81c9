//! The thing that is measured: any command that speaks Lambda's Runtime API, and what `/proc` tells of it.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path as Segments, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

/// How long an invocation may take.
const LASTS: Duration = Duration::from_mins(15);

struct Api {
    waiting: AsyncMutex<mpsc::UnboundedReceiver<(String, String)>>,
    answers: Mutex<HashMap<String, oneshot::Sender<Result<Value, Value>>>>,
    first_poll: Mutex<Option<oneshot::Sender<Instant>>>,
}

/// A running function.
pub struct Function {
    api: Arc<Api>,
    invocations: mpsc::UnboundedSender<(String, String)>,
    count: u64,
    child: Child,
    /// From the start of the process to its first poll for an invocation.
    pub started_in: Duration,
}

impl Function {
    /// Starts a command with exactly this environment, and waits for its first poll.
    pub async fn start(command: &[String], environment: &[(String, String)]) -> Result<Self, String> {
        let (invocations, waiting) = mpsc::unbounded_channel();
        let (polled, first_poll) = oneshot::channel();
        let api = Arc::new(Api {
            waiting: AsyncMutex::new(waiting),
            answers: Mutex::default(),
            first_poll: Mutex::new(Some(polled)),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(api.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        tokio::spawn(axum::serve(listener, routes).into_future());
        let began = Instant::now();
        let child = Command::new(&command[0])
            .args(&command[1..])
            .env_clear()
            .envs(environment.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", command[0]))?;
        let polled = tokio::time::timeout(Duration::from_mins(1), first_poll).await;
        let polled = polled.ok().and_then(Result::ok).ok_or("it did not ask for an invocation within a minute")?;
        Ok(Self { api, invocations, count: 0, child, started_in: polled.duration_since(began) })
    }

    /// Sends a payload; the answer and how long it took.
    pub async fn invoke(&mut self, payload: &Value) -> Result<(Value, Duration), String> {
        self.count += 1;
        let id = format!("8476a536-e9f4-11e8-9739-{:012x}", self.count);
        let (sender, answer) = oneshot::channel();
        self.api.answers.lock().expect("nobody panics with it").insert(id.clone(), sender);
        let began = Instant::now();
        self.invocations.send((id, payload.to_string())).map_err(|_| "its Runtime API has ended")?;
        let answer = tokio::select! {
            answer = tokio::time::timeout(LASTS, answer) => answer,
            status = self.child.wait() => return Err(format!("the process ended: {status:?}")),
        };
        let answer = answer.map_err(|_| "no answer in 15 minutes")?.map_err(|_| "the invocation was forgotten")?;
        answer.map(|answer| (answer, began.elapsed())).map_err(|error| format!("the invocation failed: {error}"))
    }

    /// Stops or continues the process, as Lambda freezes it.
    pub fn freeze(&self, freeze: bool) {
        self.signal(if freeze { "-STOP" } else { "-CONT" });
    }

    /// Ends the process as Lambda does, so that a profiler around it can write down what it saw.
    pub async fn end(mut self) {
        self.signal("-TERM");
        // Whatever is not gone then is killed.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
    }

    fn signal(&self, signal: &str) {
        let sent = std::process::Command::new("kill").args([signal, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the process is ours and runs");
    }

    /// Processor time so far, of all its threads.
    pub fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        let of_task = |path: &Path| -> u64 {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default()
        };
        Duration::from_nanos(tasks.flatten().map(|task| of_task(&task.path())).sum())
    }

    /// Resident memory now and at the most, in bytes.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    if let Some(polled) = api.first_poll.lock().expect("nobody panics with it").take() {
        let _ = polled.send(Instant::now());
    }
    let Some((id, payload)) = api.waiting.lock().await.recv().await else { return std::future::pending().await };
    let deadline = jiff::Timestamp::now() + LASTS;
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.as_millisecond().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:ca-central-1:123456789012:function:bench".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
    ];
    (headers, payload)
}

async fn response(State(api): State<Arc<Api>>, Segments(id): Segments<String>, body: String) {
    settle(&api, &id, Ok(serde_json::from_str(&body).unwrap_or_default()));
}

async fn error(State(api): State<Arc<Api>>, Segments(id): Segments<String>, body: String) {
    settle(&api, &id, Err(serde_json::from_str(&body).unwrap_or_default()));
}

fn settle(api: &Api, id: &str, answer: Result<Value, Value>) {
    if let Some(sender) = api.answers.lock().expect("nobody panics with it").remove(id) {
        let _ = sender.send(answer);
    }
}
