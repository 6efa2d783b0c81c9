//! In-memory fakes of Parameter Store, S3, DynamoDB and Vault. They add a latency to each call and
//! record it.
//!
//! They implement only what the function needs of these services. The function's tests check its
//! behaviour against more complete implementations.

mod aws_json;
mod outcome;
mod s3;
mod vault;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::calls::Call;
use crate::tls::TlsIdentity;
use crate::wire::{CountingListener, Wire};

/// The name of the function's bucket.
pub const BUCKET: &str = "bench";

const PARAMETER_PREFIX: &str = "/iam_users/";
const PARAMETER_SUFFIX: &str = "_keys";

/// The number of requests that are remembered if the fakes do not serve them.
const MAX_UNSERVED: usize = 5;

struct Parameter {
    access_key_id: String,
    secret_access_key: String,
    version: i64,
    /// Seconds since 1970.
    modified: f64,
    /// True if it has been read since the last calls were taken.
    was_read: bool,
}

struct Object {
    body: Bytes,
    etag: String,
}

#[derive(Default)]
struct Secret {
    version: u64,
    fields: Map<String, Value>,
    custom_metadata: Option<BTreeMap<String, String>>,
}

#[derive(Default)]
struct Data {
    parameters: BTreeMap<String, Parameter>,
    objects: BTreeMap<String, Object>,
    /// The secrets, by mount and path.
    secrets: HashMap<String, Secret>,
    last_etag: u64,
    added_latency: Duration,
    vault_quota: Option<usize>,
    /// The second that the quota counts, and its calls.
    counted: Option<(Instant, usize)>,
    calls: Vec<Call>,
    /// Requests that the fakes do not serve.
    unserved: BTreeSet<String>,
}

/// The running fakes.
#[derive(Clone)]
pub struct Services {
    data: Arc<Mutex<Data>>,
    /// The traffic of all services.
    pub wire: Arc<Wire>,
    /// The URL of all AWS services.
    pub aws: String,
    /// The URL of Vault.
    pub vault: String,
}

impl Services {
    /// Starts the fakes on free loopback ports.
    pub async fn start(identity: &TlsIdentity) -> Self {
        let (data, wire) = (Arc::<Mutex<Data>>::default(), Arc::<Wire>::default());
        let aws = CountingListener::bind(identity, wire.clone()).await;
        let vault = CountingListener::bind(identity, wire.clone()).await;
        let services = Self {
            data: data.clone(),
            wire,
            aws: aws.url(),
            vault: vault.url(),
        };
        let routes = Router::new().fallback(answer).with_state(data);
        tokio::spawn(axum::serve(aws, routes.clone()).into_future());
        tokio::spawn(axum::serve(vault, routes).into_future());
        services
    }

    /// Deletes all data, stores a Vault token, and sets the latency added to each call and the quota
    /// of Vault.
    pub fn reset(&self, added_latency: Duration, vault_quota: Option<usize>) {
        let mut data = lock(&self.data);
        *data = Data {
            added_latency,
            vault_quota,
            ..Data::default()
        };
        let token = json!({
            "token": "hvs.bench",
            "createdAt": "2026-01-01T00:00:00Z",
            "expiresAt": "2036-01-01T00:00:00Z",
            "renewable": true,
            "ttl": 259_200,
        });
        data.store("vault-token.json".to_owned(), token.to_string().into());
    }

    /// Stores a new key of a user in Parameter Store.
    pub fn rotate(&self, user: &str) {
        let mut data = lock(&self.data);
        let name = format!("{PARAMETER_PREFIX}{user}{PARAMETER_SUFFIX}");
        let version = data
            .parameters
            .get(&name)
            .map_or(1, |found| found.version + 2);
        data.parameters.insert(
            name,
            Parameter {
                access_key_id: format!("AKIA{version:016}"),
                secret_access_key: format!("{user:0>32}{version:08}"),
                version,
                modified: jiff::Timestamp::now().as_millisecond() as f64 / 1000.0,
                was_read: false,
            },
        );
    }

    /// Stores the targets document.
    pub fn store_targets(&self, document: String) {
        lock(&self.data).store("targets.json".to_owned(), document.into());
    }

    /// Returns the calls recorded since the previous use of this function, and records anew which
    /// parameters are read.
    pub fn take_calls(&self) -> Vec<Call> {
        let mut data = lock(&self.data);
        for parameter in data.parameters.values_mut() {
            parameter.was_read = false;
        }
        std::mem::take(&mut data.calls)
    }
}

impl Data {
    fn version(&self, secret: &str) -> u64 {
        self.secrets.get(secret).map_or(0, |secret| secret.version)
    }
}

fn lock(data: &Mutex<Data>) -> MutexGuard<'_, Data> {
    data.lock().expect("not poisoned")
}

async fn answer(State(data): State<Arc<Mutex<Data>>>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let added_latency = lock(&data).added_latency;
    if !added_latency.is_zero() {
        tokio::time::sleep(added_latency).await;
    }
    let mut data = lock(&data);
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let path = parts.uri.path();
    let (kind, response) = match (target, path.strip_prefix("/v1/")) {
        (Some(target), _) => data.aws_json(target, &body),
        (None, Some(path)) => data.vault(&parts.method, path, &parts.headers, &body),
        (None, None) => {
            let query = parts.uri.query().unwrap_or_default();
            data.s3(&parts.method, path, query, &parts.headers, body)
        }
    };
    if kind == "unknown" && data.unserved.len() < MAX_UNSERVED {
        let target = target.map_or_else(|| path.to_owned(), str::to_owned);
        data.unserved.insert(format!("{} {target}", parts.method));
    }
    data.calls.push(Call {
        kind,
        began,
        ended: Instant::now(),
    });
    response
}
