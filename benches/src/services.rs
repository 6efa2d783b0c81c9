//! Stand-ins for Parameter Store, S3, DynamoDB and Vault: in memory, as fast as HTTP allows, each call made slower by what is
//! asked for, counted, and remembered.
//!
//! They know what the function needs of these services and nothing else; what they must be like is tested on real ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::trips::Call;
use crate::wire::{Counting, Identity, Wire};

/// The bucket that the function is given.
pub const BUCKET: &str = "bench";

/// What Parameter Store gives at a time.
const SSM_PAGE: usize = 10;

/// What a listing of S3 gives at a time.
const S3_PAGE: usize = 1000;

#[derive(Default)]
struct World {
    /// By name: value, version, seconds since 1970.
    parameters: BTreeMap<String, (String, i64, f64)>,
    /// By key: text and `ETag`.
    objects: BTreeMap<String, (Bytes, String)>,
    /// By path: the current version.
    secrets: HashMap<String, u64>,
    etags: u64,
    delay: Duration,
    calls: Vec<Call>,
}

/// The running stand-ins.
#[derive(Clone)]
pub struct Services {
    world: Arc<Mutex<World>>,
    /// What went over the wire to all of them.
    pub wire: Arc<Wire>,
    /// The address of AWS.
    pub aws: String,
    /// The address of Vault.
    pub vault: String,
}

impl Services {
    /// Starts them.
    pub async fn start(identity: &Identity) -> Self {
        let (world, wire) = (Arc::<Mutex<World>>::default(), Arc::<Wire>::default());
        let (aws, vault) = (Counting::bind(identity, wire.clone()).await, Counting::bind(identity, wire.clone()).await);
        let services = Self { world: world.clone(), wire, aws: aws.url(), vault: vault.url() };
        let serve = |listener, world| axum::serve(listener, Router::new().fallback(answer).with_state(world));
        tokio::spawn(serve(aws, world.clone()).into_future());
        tokio::spawn(serve(vault, world).into_future());
        services
    }

    /// Forgets everything, and makes each call so much slower from now on.
    pub fn clear(&self, delay: Duration) {
        let mut world = self.world.lock().expect("nobody panics with it");
        *world = World { delay, ..World::default() };
        let token = json!({"token": "hvs.bench", "createdAt": "2026-01-01T00:00:00Z", "expiresAt": "2036-01-01T00:00:00Z",
            "renewable": true, "ttl": 259_200});
        world.put("vault-token.json".to_owned(), token.to_string().into());
    }

    /// Gives a user a new key.
    pub fn rotate(&self, user: &str) {
        let mut world = self.world.lock().expect("nobody panics with it");
        let name = format!("/iam_users/{user}_keys");
        let version = world.parameters.get(&name).map_or(1, |(_, version, _)| version + 2);
        let key = json!({"current": {"AccessKeyID": format!("AKIA{version:016}"), "SecretAccessKey": format!("{user:0>40}")}});
        world.parameters.insert(name, (key.to_string(), version, now()));
    }

    /// The current version in Vault; 0 where there is none.
    pub fn version_in_vault(&self, user: &str) -> u64 {
        let world = self.world.lock().expect("nobody panics with it");
        world.secrets.get(&format!("secret/aws/iam-keys/{user}")).copied().unwrap_or_default()
    }

    /// The calls since the last time.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.world.lock().expect("nobody panics with it").calls)
    }
}

fn now() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1000.0
}

async fn answer(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let delay = world.lock().expect("nobody panics with it").delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut world = world.lock().expect("nobody panics with it");
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let (what, response) = match target {
        Some(target) => world.aws_json(target, &body),
        None if path.starts_with("/v1/") => world.vault(&parts.method, &path[4..], &body),
        None => world.s3(&parts.method, path, query, &parts.headers, body),
    };
    world.calls.push(Call { what, began, ended: Instant::now() });
    response
}

impl World {
    fn put(&mut self, key: String, text: Bytes) -> String {
        self.etags += 1;
        let etag = format!("\"{:032x}\"", self.etags);
        self.objects.insert(key, (text, etag.clone()));
        etag
    }

    fn aws_json(&self, target: &str, body: &[u8]) -> (&'static str, Response) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |member: &str| body[member].as_str().unwrap_or_default();
        let parameter = |name: &str, (value, version, modified): &(String, i64, f64)| json!({"Name": name, "Type": "SecureString", "Value": value, "Version": version, "LastModifiedDate": modified});
        let json = |status: StatusCode, value: Value| {
            (status, [("content-type", "application/x-amz-json-1.1")], value.to_string()).into_response()
        };
        match target {
            "AmazonSSM.GetParameter" => {
                let found = self.parameters.get(text("Name"));
                let answer = found.map(|found| json!({"Parameter": parameter(text("Name"), found)}));
                let missing = json!({"__type": "ParameterNotFound"});
                let status = if answer.is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
                ("SSM", json(status, answer.unwrap_or(missing)))
            }
            "AmazonSSM.GetParametersByPath" => {
                let from = (text("NextToken").to_owned())..;
                let mut page = self.parameters.range(from);
                let found: Vec<_> = page.by_ref().take(SSM_PAGE).map(|(name, found)| parameter(name, found)).collect();
                let next = page.next().map(|(name, _)| name);
                ("SSM", json(StatusCode::OK, json!({"Parameters": found, "NextToken": next})))
            }
            "DynamoDB_20120810.Scan" => {
                let names = self.parameters.keys().map(|name| &name["/iam_users/".len()..name.len() - "_keys".len()]);
                let rows: Vec<_> = names.map(|name| json!({"UserName": {"S": name}})).collect();
                ("DynamoDB", json(StatusCode::OK, json!({"Items": rows, "Count": rows.len()})))
            }
            _ => ("unknown", json(StatusCode::BAD_REQUEST, json!({"__type": "UnknownOperation"}))),
        }
    }

    fn s3(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> (&'static str, Response) {
        let key = path.trim_start_matches('/').trim_start_matches(BUCKET).trim_start_matches('/');
        match *method {
            Method::GET if key.is_empty() => ("S3 list", self.list(query)),
            Method::GET => match self.objects.get(key) {
                Some((text, etag)) => ("S3 read", ([("etag", etag.as_str())], text.clone()).into_response()),
                None => ("S3 read", s3_error(StatusCode::NOT_FOUND, "NoSuchKey")),
            },
            Method::PUT => {
                let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
                let held = self.objects.get(key).map(|(_, etag)| etag.as_str());
                let lost = match (header("if-match"), header("if-none-match")) {
                    (Some(wanted), _) => held != Some(wanted),
                    (None, Some(_)) => held.is_some(),
                    (None, None) => false,
                };
                if lost {
                    return ("S3 write", s3_error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"));
                }
                let etag = self.put(key.to_owned(), unchunked(headers, body));
                ("S3 write", [("etag", etag)].into_response())
            }
            _ => ("unknown", s3_error(StatusCode::BAD_REQUEST, "MethodNotAllowed")),
        }
    }

    fn list(&self, query: &str) -> Response {
        let argument = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let prefix = argument("prefix").unwrap_or_default().replace("%2F", "/");
        let from = argument("continuation-token").map(|token| {
            let token = token.replace("%3D", "=").replace("%2B", "+").replace("%2F", "/");
            String::from_utf8(BASE64_STANDARD.decode(token).unwrap_or_default()).unwrap_or_default()
        });
        let mut keys = self.objects.range(from.unwrap_or_else(|| prefix.clone())..).map(|(key, _)| key);
        let page: Vec<_> = keys.by_ref().take_while(|key| key.starts_with(&prefix)).take(S3_PAGE + 1).collect();
        let (page, next) = page.split_at(page.len().min(S3_PAGE));
        let mut contents = String::new();
        for key in page {
            contents.push_str("<Contents><Key>");
            contents.push_str(key);
            contents.push_str("</Key></Contents>");
        }
        let next = next
            .first()
            .map(|key| format!("<NextContinuationToken>{}</NextContinuationToken>", BASE64_STANDARD.encode(key)));
        format!("<ListBucketResult>{contents}{}</ListBucketResult>", next.unwrap_or_default()).into_response()
    }

    fn vault(&mut self, method: &Method, path: &str, body: &[u8]) -> (&'static str, Response) {
        let json = |status: StatusCode, value: Value| (status, value.to_string()).into_response();
        let none = |what| (what, json(StatusCode::NOT_FOUND, json!({"errors": []})));
        if path == "auth/token/lookup-self" {
            let data = json!({"ttl": 200_000, "period": 259_200, "renewable": true, "type": "service", "policies": ["default"],
                "creation_time": 1_767_225_600, "creation_ttl": 259_200, "orphan": true, "explicit_max_ttl": 0, "expire_time": "2036-01-01T00:00:00Z"});
            return ("Vault token", json(StatusCode::OK, envelope(&data, &Value::Null)));
        }
        if path == "auth/token/renew-self" {
            let auth = json!({"client_token": "hvs.bench", "accessor": "a", "policies": ["default"], "token_policies": ["default"],
                "lease_duration": 259_200, "renewable": true, "entity_id": "", "token_type": "service", "orphan": true,
                "metadata": null, "mfa_requirement": null, "num_uses": 0});
            return ("Vault token", json(StatusCode::OK, envelope(&Value::Null, &auth)));
        }
        let Some((mount, rest)) = path.split_once('/') else { return none("unknown") };
        let Some((kind, path)) = rest.split_once('/') else { return none("unknown") };
        let secret = format!("{mount}/{path}");
        let version = self.secrets.get(&secret).copied();
        match (kind, method) {
            ("data", &Method::POST | &Method::PUT) => {
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                let version = version.unwrap_or_default();
                if body["options"]["cas"].as_u64().is_some_and(|cas| cas != version) {
                    let text = "check-and-set parameter did not match the current version";
                    return ("Vault write", json(StatusCode::BAD_REQUEST, json!({"errors": [text]})));
                }
                self.secrets.insert(secret, version + 1);
                let data = json!({"version": version + 1, "created_time": "2026-01-01T00:00:00Z", "deletion_time": "",
                    "destroyed": false, "custom_metadata": null});
                ("Vault write", json(StatusCode::OK, envelope(&data, &Value::Null)))
            }
            ("metadata", &Method::GET) => {
                let Some(version) = version else { return none("Vault metadata") };
                let versions = json!({version.to_string(): {"created_time": "2026-01-01T00:00:00Z", "deletion_time": "", "destroyed": false}});
                let data = json!({"current_version": version, "oldest_version": 0, "max_versions": 0, "cas_required": false,
                    "delete_version_after": "0s", "created_time": "2026-01-01T00:00:00Z", "updated_time": "2026-01-01T00:00:00Z",
                    "custom_metadata": null, "versions": versions});
                ("Vault metadata", json(StatusCode::OK, envelope(&data, &Value::Null)))
            }
            // As HashiCorp Vault, which has no listing of metadata.
            ("detailed-metadata", _) => none("Vault listing"),
            _ => none("unknown"),
        }
    }
}

fn envelope(data: &Value, auth: &Value) -> Value {
    json!({"request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0, "data": data, "auth": auth,
        "wrap_info": null, "warnings": null})
}

fn s3_error(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}

/// The object of an upload that may be sent with a trailing checksum, in chunks.
fn unchunked(headers: &HeaderMap, body: Bytes) -> Bytes {
    let chunked = headers.get("x-amz-decoded-content-length").is_some();
    if !chunked {
        return body;
    }
    let (mut rest, mut text) = (&body[..], Vec::new());
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|line| line.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).unwrap_or_default();
        if size == 0 {
            break;
        }
        text.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    text.into()
}
