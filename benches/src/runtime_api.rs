//! Serves the Lambda Runtime API to one function process
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

/// The time limit of an invocation.
pub const INVOCATION_TIMEOUT: Duration = Duration::from_mins(15);

/// The response of an invocation, or the error that the function reported.
pub type Outcome = Result<Value, Value>;

/// A running Runtime API.
pub struct RuntimeApi {
    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub address: SocketAddr,
    /// Resolves at the first request for an invocation.
    pub first_poll: oneshot::Receiver<Instant>,
    shared: Arc<Shared>,
    invocations: mpsc::UnboundedSender<(String, String)>,
    count: u64,
}

struct Shared {
    pending: AsyncMutex<mpsc::UnboundedReceiver<(String, String)>>,
    outcomes: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    first_poll: Mutex<Option<oneshot::Sender<Instant>>>,
}

impl RuntimeApi {
    /// Starts the server on a free loopback port.
    pub async fn start() -> Result<Self, std::io::Error> {
        let (invocations, pending) = mpsc::unbounded_channel();
        let (polled, first_poll) = oneshot::channel();
        let shared = Arc::new(Shared {
            pending: AsyncMutex::new(pending),
            outcomes: Mutex::default(),
            first_poll: Mutex::new(Some(polled)),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(axum::serve(listener, routes).into_future());
        Ok(Self {
            address,
            first_poll,
            shared,
            invocations,
            count: 0,
        })
    }

    /// Queues an invocation. The receiver resolves when the function reports its outcome.
    pub fn send(&mut self, payload: &Value) -> oneshot::Receiver<Outcome> {
        self.count += 1;
        let id = format!("8476a536-e9f4-11e8-9739-{:012x}", self.count);
        let (sender, outcome) = oneshot::channel();
        self.shared
            .outcomes
            .lock()
            .expect("not poisoned")
            .insert(id.clone(), sender);
        // Without a receiver the server is gone; the outcome's sender is dropped with it.
        let _ = self.invocations.send((id, payload.to_string()));
        outcome
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    if let Some(polled) = shared.first_poll.lock().expect("not poisoned").take() {
        let _ = polled.send(Instant::now());
    }
    let Some((id, payload)) = shared.pending.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let deadline = jiff::Timestamp::now() + INVOCATION_TIMEOUT;
    let arn = "arn:aws:lambda:ca-central-1:123456789012:function:bench";
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millisecond().to_string(),
        ),
        ("lambda-runtime-invoked-function-arn", arn.to_owned()),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned(),
        ),
    ];
    (headers, payload)
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) {
    settle(
        &shared,
        &id,
        Ok(serde_json::from_str(&body).unwrap_or_default()),
    );
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) {
    settle(
        &shared,
        &id,
        Err(serde_json::from_str(&body).unwrap_or_default()),
    );
}

fn settle(shared: &Shared, id: &str, outcome: Outcome) {
    if let Some(sender) = shared.outcomes.lock().expect("not poisoned").remove(id) {
        let _ = sender.send(outcome);
    }
}
