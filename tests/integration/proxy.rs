//! A proxy that makes every request slower and remembers when each was under way, so that round trips can be counted.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;

use crate::corner::Corner;
use crate::faults::meddler::{Meddler, Verdict};

/// What each request takes longer where round trips are counted; far more than what the services themselves need.
pub const DELAY: Duration = Duration::from_millis(150);

/// One request: what it was, when it came, when its answer went back.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub what: String,
    pub began: Instant,
    pub ended: Instant,
}

/// Proxies before all of AWS and before Vault.
pub struct Proxies {
    pub aws: Proxy,
    pub vault: Proxy,
}

impl Proxies {
    /// Starts them before the stack of a corner.
    pub async fn before(corner: &Corner<'_>, delay: Duration) -> Proxies {
        Self::meddling(corner, delay, &Arc::default()).await
    }

    /// Starts them, with somebody who meddles with the requests to both.
    pub async fn meddling(corner: &Corner<'_>, delay: Duration, meddler: &Arc<Meddler>) -> Proxies {
        let authority = std::fs::read(corner.stack.text("/vault/caFile")).unwrap();
        let start = |place, authority| {
            Proxy::start_meddling(corner.stack.text(place), authority, delay, meddler.clone())
        };
        Proxies {
            aws: start("/aws/endpoint", None).await,
            vault: start("/vault/addr", Some(authority)).await,
        }
    }

    /// The variables that lead the function through them.
    pub fn variables(&self) -> [(&str, &str); 3] {
        [
            ("AWS_ENDPOINT_URL", &self.aws.url),
            ("VAULT_ADDR", &self.vault.url),
            ("VAULT_CACERT", ""),
        ]
    }

    /// The requests to both since the last call.
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
    meddler: Arc<Meddler>,
}

/// A running proxy.
pub struct Proxy {
    /// Its address, `http://127.0.0.1:port`.
    pub url: String,
    inner: Arc<Inner>,
}

impl Proxy {
    /// Starts a proxy before `target`, whose certificate is signed by `authority` if it has one.
    pub async fn start(target: String, authority: Option<Vec<u8>>, delay: Duration) -> Proxy {
        Self::start_meddling(target, authority, delay, Arc::default()).await
    }

    async fn start_meddling(
        target: String,
        authority: Option<Vec<u8>>,
        delay: Duration,
        meddler: Arc<Meddler>,
    ) -> Proxy {
        let authorities = authority.map(|pem| reqwest::Certificate::from_pem(&pem).unwrap());
        let client = reqwest::Client::builder()
            .tls_certs_only(authorities)
            .no_proxy()
            .build()
            .unwrap();
        let inner = Arc::new(Inner {
            target,
            client,
            delay,
            exchanges: Mutex::default(),
            meddler,
        });
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
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let what = format!("{} {} {target}", parts.method, parts.uri.path());
    tokio::time::sleep(inner.delay).await;
    let url = format!("{}{}", inner.target, parts.uri);
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let verdict = inner.meddler.judge(&parts, &body);
    if verdict == Verdict::CutBefore {
        cut();
    }
    let answer = inner
        .client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let body = answer.bytes().await.unwrap();
    if verdict == Verdict::CutAfter {
        inner.meddler.after();
        cut();
    }
    inner.exchanges.lock().unwrap().push(Exchange {
        what,
        began,
        ended: Instant::now(),
    });
    response.body(Body::from(body)).unwrap()
}

/// Ends the connection without an answer, and without a message: the connection's task unwinds.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut"))
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
