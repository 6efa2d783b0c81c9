//! A server before Vault that lies about some users on command, and about nobody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;

use crate::corner::Corner;

/// What is in every lie, and must not show up anywhere.
pub const SENTINEL: &str = "hvs.sentinel-of-the-liar";

/// An answer that is not Vault's.
#[derive(Clone, Copy, Debug)]
pub enum Lie {
    /// This status, with a body as Vault's, and with an address elsewhere where it is a redirect.
    Status(u16),
    /// A page for people.
    Html,
    /// Ten megabytes of JSON.
    Huge,
    /// A body that never ends, a byte at a time.
    Drip,
    /// Half a body.
    Half,
    /// JSON of another shape.
    OtherShape,
    /// No answer.
    Hang,
    /// A closed connection.
    Cut,
}

struct Inner {
    vault: String,
    elsewhere: String,
    client: reqwest::Client,
    lie: Mutex<Option<Lie>>,
    told: AtomicUsize,
}

/// A running liar, truthful at first.
pub struct Liar {
    /// Its address.
    pub url: String,
    inner: Arc<Inner>,
}

impl Liar {
    /// Starts one before the Vault of a corner; its redirects lead to `elsewhere`.
    pub async fn before(corner: &Corner<'_>, elsewhere: &str) -> Self {
        let authority = std::fs::read(corner.stack.text("/vault/caFile")).unwrap();
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .no_proxy()
            .build()
            .unwrap();
        let (vault, elsewhere) = (corner.stack.text("/vault/addr"), elsewhere.to_owned());
        let inner = Arc::new(Inner {
            vault,
            elsewhere,
            client,
            lie: Mutex::default(),
            told: AtomicUsize::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, inner }
    }

    /// Answers so from now on whenever a key is written for a user whose name begins with `lied`.
    pub fn tell(&self, lie: Option<Lie>) {
        *self.inner.lie.lock().unwrap() = lie;
        self.inner.told.store(0, Ordering::Relaxed);
    }

    /// How often it lied since then.
    pub fn told(&self) -> usize {
        self.inner.told.load(Ordering::Relaxed)
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let lie = *inner.lie.lock().unwrap();
    if let Some(lie) =
        lie.filter(|_| parts.uri.path().contains("/data/") && parts.uri.path().contains("/lied"))
    {
        inner.told.fetch_add(1, Ordering::Relaxed);
        return lying(lie, &inner.elsewhere).await;
    }
    let url = format!("{}{}", inner.vault, parts.uri);
    let truth = inner
        .client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let response = Response::builder().status(truth.status());
    response
        .body(Body::from(truth.bytes().await.unwrap()))
        .unwrap()
}

async fn lying(lie: Lie, elsewhere: &str) -> Response {
    let json = |text: String| {
        Response::builder()
            .header("content-type", "application/json")
            .body(Body::from(text))
            .unwrap()
    };
    match lie {
        Lie::Status(status) => Response::builder()
            .status(status)
            .header("location", format!("{elsewhere}/v1/secret"))
            .body(Body::from(format!(r#"{{"errors": ["{SENTINEL}"]}}"#)))
            .unwrap(),
        Lie::Html => json(format!(
            "<html><body>Please log in {SENTINEL}</body></html>"
        )),
        Lie::Huge => json(format!(
            r#"{{"data": "{SENTINEL}{}"}}"#,
            "x".repeat(10_000_000)
        )),
        Lie::Drip => {
            let drops = stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
            });
            Response::new(Body::from_stream(drops))
        }
        Lie::Half => {
            let half = Bytes::from(format!(r#"{{"data": {{"version": 1, "{SENTINEL}""#));
            let chunks = stream::unfold(Some(half), async |half| {
                if let Some(half) = half {
                    return Some((Ok(half), None));
                }
                // What was sent must have arrived.
                tokio::time::sleep(Duration::from_millis(200)).await;
                Some((Err(std::io::Error::other("cut")), None))
            });
            Response::new(Body::from_stream(chunks))
        }
        Lie::OtherShape => json(format!(r#"{{"data": {{"version": "{SENTINEL}"}}}}"#)),
        Lie::Hang => std::future::pending().await,
        Lie::Cut => std::panic::resume_unwind(Box::new("the connection is cut")),
    }
}
