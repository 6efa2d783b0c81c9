//! The built `lambda` binary behind a Lambda Runtime API that the test serves
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use crate::corner::assert_holds_no_secret;

/// How long an invocation may last, unless a test says otherwise.
const LASTS: Duration = Duration::from_mins(2);

type Answer = Result<Value, Value>;

struct Api {
    waiting: AsyncMutex<mpsc::UnboundedReceiver<(String, String)>>,
    answers: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    lasts: Duration,
}

/// A running function.
pub struct Function {
    api: Arc<Api>,
    invocations: mpsc::UnboundedSender<(String, String)>,
    lines: Arc<Mutex<Vec<String>>>,
    /// Ends with the test.
    child: Child,
}

impl Function {
    /// Starts the binary with exactly this environment, and what Lambda itself sets.
    pub async fn start(environment: &[(String, String)]) -> Function {
        Self::start_lasting(environment, LASTS).await
    }

    /// The same, with invocations that may last so long.
    pub async fn start_lasting(environment: &[(String, String)], lasts: Duration) -> Function {
        let (invocations, waiting) = mpsc::unbounded_channel();
        let api = Arc::new(Api {
            waiting: AsyncMutex::new(waiting),
            answers: Mutex::default(),
            lasts,
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(api.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let mut child = Command::new(env!("CARGO_BIN_EXE_lambda"))
            .env_clear()
            .envs(environment.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "test-function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        collect(child.stdout.take().unwrap(), lines.clone());
        collect(child.stderr.take().unwrap(), lines.clone());
        Function {
            api,
            invocations,
            lines,
            child,
        }
    }

    /// Sends a payload; the answer, or the error that the function reported.
    pub async fn invoke(&self, payload: &Value) -> Answer {
        self.invoke_text(payload.to_string()).await
    }

    /// The same with any text, which may not even be JSON.
    pub async fn invoke_text(&self, payload: String) -> Answer {
        let id = format!("request-{:016x}", fastrand::u64(..));
        let (sender, answer) = oneshot::channel();
        self.api.answers.lock().unwrap().insert(id.clone(), sender);
        self.invocations.send((id, payload)).unwrap();
        let lasts = self.api.lasts;
        match tokio::time::timeout(lasts + Duration::from_secs(10), answer).await {
            Ok(answer) => answer.expect("the function answers"),
            Err(tokio::time::error::Elapsed { .. }) => {
                panic!(
                    "no answer in {lasts:?}; the function said: {:#?}",
                    self.lines()
                )
            }
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The most memory that the process ever had, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Everything that the function wrote so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The written lines, once one of them satisfies `wanted`; the log travels beside the answer.
    pub async fn lines_with(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        for _ in 0..100 {
            let lines: Vec<Value> = self
                .lines()
                .iter()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            if lines.iter().any(&wanted) {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no such line in {:#?}", self.lines());
    }
}

/// Whatever a test is about: nothing that the function ever writes holds a secret.
impl Drop for Function {
    fn drop(&mut self) {
        for line in self.lines.lock().unwrap().iter() {
            assert_holds_no_secret("the log", line);
        }
    }
}

fn collect(output: impl AsyncRead + Unpin + Send + 'static, lines: Arc<Mutex<Vec<String>>>) {
    tokio::spawn(async move {
        let mut output = BufReader::new(output).lines();
        while let Ok(Some(line)) = output.next_line().await {
            lines.lock().unwrap().push(line);
        }
    });
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    let Some((id, payload)) = api.waiting.lock().await.recv().await else {
        // The test is over, and its function is about to be.
        return std::future::pending().await;
    };
    let deadline = SystemTime::now() + api.lasts;
    let deadline = deadline
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:ca-central-1:123456789012:function:test".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned(),
        ),
    ];
    (headers, payload)
}

async fn response(State(api): State<Arc<Api>>, Path(id): Path<String>, body: String) {
    answer(&api, &id, Ok(parse(&body)));
}

async fn error(State(api): State<Arc<Api>>, Path(id): Path<String>, body: String) {
    answer(&api, &id, Err(parse(&body)));
}

fn answer(api: &Api, id: &str, answer: Answer) {
    let (Ok(text) | Err(text)) = &answer;
    assert_holds_no_secret("an answer", &text.to_string());
    let sender = api
        .answers
        .lock()
        .unwrap()
        .remove(id)
        .expect("an invocation is answered once");
    let _ = sender.send(answer);
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).expect("the function answers in JSON")
}
