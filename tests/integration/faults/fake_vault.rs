//! A server in front of Vault that returns invalid responses to some requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use futures_util::stream;

use crate::proxy::{cut_connection, serve};
use crate::test_env::TestEnv;

/// Part of every invalid response, which must not appear in any output.
pub const SENTINEL: &str = "hvs.sentinel-of-the-fake-vault";

/// A response that differs from what Vault returns.
#[derive(Clone, Copy, Debug)]
pub enum FakeResponse {
    /// This status with an error body. A redirect also has a location.
    Status(u16),
    /// An HTML page.
    Html,
    /// Ten megabytes of JSON.
    Huge,
    /// A body that never ends, one byte at a time.
    Drip,
    /// A body that never ends, as fast as it is read.
    Flood,
    /// The first half of a body.
    Half,
    /// JSON of another schema.
    OtherSchema,
    /// No response.
    Hang,
    /// A closed connection.
    Cut,
}

struct Inner {
    vault: String,
    redirect_target: String,
    client: reqwest::Client,
    response: Mutex<Option<(&'static str, FakeResponse)>>,
    count: AtomicUsize,
}

/// A running server. It forwards all requests at first.
pub struct FakeVault {
    /// Its address.
    pub url: String,
    inner: Arc<Inner>,
}

impl FakeVault {
    /// Starts a server in front of the Vault of an environment.
    pub async fn start(env: &TestEnv<'_>, redirect_target: &str) -> Self {
        let inner = Arc::new(Inner {
            vault: env.stack.text("/vault/addr"),
            redirect_target: redirect_target.to_owned(),
            client: env.stack.vault_client(),
            response: Mutex::default(),
            count: AtomicUsize::default(),
        });
        let url = serve(Router::new().fallback(answer).with_state(inner.clone())).await;
        Self { url, inner }
    }

    /// Sets the response to every write of a user whose name begins with `faulty`.
    pub fn respond(&self, response: Option<FakeResponse>) {
        self.respond_to("/data/", response);
    }

    /// Sets the response to every write below `kind`, such as `/metadata/`, of a secret whose name
    /// begins with `faulty`.
    pub fn respond_to(&self, kind: &'static str, response: Option<FakeResponse>) {
        *self.inner.response.lock().unwrap() = response.map(|response| (kind, response));
        self.inner.count.store(0, Ordering::Relaxed);
    }

    /// Returns the number of invalid responses since the last call of [`Self::respond`].
    pub fn count(&self) -> usize {
        self.inner.count.load(Ordering::Relaxed)
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path();
    let response = *inner.response.lock().unwrap();
    let is_write = parts.method != Method::GET;
    if let Some((_, response)) =
        response.filter(|(kind, _)| is_write && path.contains(kind) && path.contains("/faulty"))
    {
        inner.count.fetch_add(1, Ordering::Relaxed);
        return fake(response, &inner.redirect_target).await;
    }
    let url = format!("{}{}", inner.vault, parts.uri);
    let forwarded = inner
        .client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body);
    let answer = forwarded.send().await.unwrap();
    let response = Response::builder().status(answer.status());
    response
        .body(Body::from(answer.bytes().await.unwrap()))
        .unwrap()
}

async fn fake(response: FakeResponse, redirect_target: &str) -> Response {
    let json = |text: String| {
        let response = Response::builder().header("content-type", "application/json");
        response.body(Body::from(text)).unwrap()
    };
    match response {
        FakeResponse::Status(status) => Response::builder()
            .status(status)
            .header("location", format!("{redirect_target}/v1/secret"))
            .body(Body::from(format!(r#"{{"errors": ["{SENTINEL}"]}}"#)))
            .unwrap(),
        FakeResponse::Html => json(format!(
            "<html><body>Please log in {SENTINEL}</body></html>"
        )),
        FakeResponse::Huge => json(format!(
            r#"{{"data": "{SENTINEL}{}"}}"#,
            "x".repeat(10_000_000)
        )),
        FakeResponse::Drip => {
            let bytes = stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
            });
            Response::new(Body::from_stream(bytes))
        }
        FakeResponse::Flood => {
            let chunk = Bytes::from(vec![b' '; 1024 * 1024]);
            let chunks = stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
            Response::new(Body::from_stream(chunks))
        }
        FakeResponse::Half => {
            let half = Bytes::from(format!(r#"{{"data": {{"version": 1, "{SENTINEL}""#));
            let chunks = stream::unfold(Some(half), async |half| {
                if let Some(half) = half {
                    return Some((Ok(half), None));
                }
                // Let the first half arrive.
                tokio::time::sleep(Duration::from_millis(200)).await;
                Some((Err(std::io::Error::other("cut")), None))
            });
            Response::new(Body::from_stream(chunks))
        }
        FakeResponse::OtherSchema => json(format!(r#"{{"data": {{"version": "{SENTINEL}"}}}}"#)),
        FakeResponse::Hang => std::future::pending().await,
        FakeResponse::Cut => cut_connection(),
    }
}
