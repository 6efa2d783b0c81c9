//! A proxy that delays each request and records when it was in progress, to count round trips.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;

use crate::faults::fault_injector::{Action, FaultInjector};
use crate::test_env::TestEnv;

/// Delay of each request where round trips are counted; much longer than the services need.
pub const DELAY: Duration = Duration::from_millis(150);

/// One request, with the times of its start and of its response.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: String,
    pub began: Instant,
    pub ended: Instant,
}

/// Proxies in front of AWS and Vault.
pub struct Proxies {
    pub aws: Proxy,
    pub vault: Proxy,
}

impl Proxies {
    /// Starts proxies in front of the stack of an environment.
    pub async fn start(env: &TestEnv<'_>, delay: Duration) -> Proxies {
        Self::with_injector(env, delay, &Arc::default()).await
    }

    /// Starts proxies that inject faults.
    pub async fn with_injector(
        env: &TestEnv<'_>,
        delay: Duration,
        injector: &Arc<FaultInjector>,
    ) -> Proxies {
        let start = |place, authority| {
            Proxy::with_injector(env.stack.text(place), authority, delay, injector.clone())
        };
        Proxies {
            aws: start("/aws/endpoint", None).await,
            vault: start("/vault/addr", Some(env.stack.vault_authority())).await,
        }
    }

    /// Returns the variables that direct the function to the proxies.
    pub fn variables(&self) -> [(&str, &str); 3] {
        [
            ("AWS_ENDPOINT_URL", &self.aws.url),
            ("VAULT_ADDR", &self.vault.url),
            ("VAULT_CACERT", ""),
        ]
    }

    /// Returns the requests to both services since the last call.
    pub fn take(&self) -> Vec<Exchange> {
        self.aws
            .take()
            .into_iter()
            .chain(self.vault.take())
            .collect()
    }
}

struct Inner {
    target: String,
    client: reqwest::Client,
    delay: Duration,
    exchanges: Mutex<Vec<Exchange>>,
    injector: Arc<FaultInjector>,
}

/// A running proxy.
pub struct Proxy {
    /// Its address, `http://127.0.0.1:port`.
    pub url: String,
    inner: Arc<Inner>,
}

impl Proxy {
    /// Starts a proxy in front of `target`, which may have a certificate of the CA `authority`.
    pub async fn start(target: String, authority: Option<Vec<u8>>, delay: Duration) -> Proxy {
        Self::with_injector(target, authority, delay, Arc::default()).await
    }

    async fn with_injector(
        target: String,
        authority: Option<Vec<u8>>,
        delay: Duration,
        injector: Arc<FaultInjector>,
    ) -> Proxy {
        let authority = authority.map(|pem| reqwest::Certificate::from_pem(&pem).unwrap());
        let client = reqwest::Client::builder()
            .tls_certs_only(authority)
            .no_proxy();
        let (client, exchanges) = (client.build().unwrap(), Mutex::default());
        let inner = Arc::new(Inner {
            target,
            client,
            delay,
            exchanges,
            injector,
        });
        let url = serve(Router::new().fallback(forward).with_state(inner.clone())).await;
        Proxy { url, inner }
    }

    /// Returns the requests since the last call.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.inner.exchanges.lock().unwrap())
    }
}

/// Serves HTTP on a free port of the loopback interface; returns the address.
pub async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

async fn forward(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let target = target.unwrap_or_default();
    let request = format!("{} {} {target}", parts.method, parts.uri.path());
    tokio::time::sleep(inner.delay).await;
    let url = format!("{}{}", inner.target, parts.uri);
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let action = inner.injector.decide(&parts, &body);
    if action == Action::CutBefore {
        cut_connection();
    }
    let forwarded = inner
        .client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body);
    let answer = forwarded.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let body = answer.bytes().await.unwrap();
    if action == Action::CutAfter {
        inner.injector.request_took_effect();
        cut_connection();
    }
    inner.exchanges.lock().unwrap().push(Exchange {
        request,
        began,
        ended: Instant::now(),
    });
    response.body(Body::from(body)).unwrap()
}

/// Closes the connection without an answer and without a message: unwinds the connection's task.
pub fn cut_connection() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut"))
}

/// Returns how many requests had to wait for each other: the longest chain in which each request
/// began after the previous one had ended.
pub fn longest_chain(mut exchanges: Vec<Exchange>) -> usize {
    exchanges.sort_by_key(|exchange| exchange.ended);
    let mut chain = 0;
    let mut previous_end = None;
    for exchange in exchanges {
        if previous_end.is_none_or(|end| exchange.began >= end) {
            chain += 1;
            previous_end = Some(exchange.ended);
        }
    }
    chain
}
