//! A proxy that makes every request slower and remembers when each was under way, so that round trips can be counted.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;

/// What each request takes longer; far more than what the services themselves need.
const DELAY: Duration = Duration::from_millis(150);

/// One request: what it was, when it came, when its answer went back.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub what: String,
    pub began: Instant,
    pub ended: Instant,
}

struct Inner {
    target: String,
    client: reqwest::Client,
    exchanges: Mutex<Vec<Exchange>>,
}

/// A running proxy.
pub struct Proxy {
    /// Its address, `http://127.0.0.1:port`.
    pub url: String,
    inner: Arc<Inner>,
}

impl Proxy {
    /// Starts a proxy before `target`, whose certificate is signed by `authority` if it has one.
    pub async fn start(target: String, authority: Option<Vec<u8>>) -> Proxy {
        let authorities = authority.map(|pem| reqwest::Certificate::from_pem(&pem).unwrap());
        let client = reqwest::Client::builder().tls_certs_only(authorities).no_proxy().build().unwrap();
        let inner = Arc::new(Inner { target, client, exchanges: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(forward).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Proxy { url, inner }
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.inner.exchanges.lock().unwrap())
    }
}

async fn forward(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default().to_owned();
    let what = format!("{} {} {target}", parts.method, parts.uri.path());
    tokio::time::sleep(DELAY).await;
    let url = format!("{}{}", inner.target, parts.uri);
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer = inner.client.request(parts.method, url).headers(parts.headers).body(body).send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let body = answer.bytes().await.unwrap();
    inner.exchanges.lock().unwrap().push(Exchange { what, began, ended: Instant::now() });
    response.body(Body::from(body)).unwrap()
}

/// How many of the requests had to wait for each other: the longest chain in which each began after the one before it
/// had ended.
pub fn longest_chain(mut exchanges: Vec<Exchange>) -> usize {
    exchanges.sort_by_key(|exchange| exchange.ended);
    let mut chain = 0;
    let mut free_from = None;
    for exchange in exchanges {
        if free_from.is_none_or(|from| exchange.began >= from) {
            chain += 1;
            free_from = Some(exchange.ended);
        }
    }
    chain
}
