//! HashiCorp Vault: token lookup and renewal; reads, writes and patches of KV version 2 secrets,
//! and reads and patches of their metadata. OpenBao answers these requests in the same way.

mod token;

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{Data, Secret};

/// The fields of a secret.
type Fields = Map<String, Value>;

impl Data {
    pub(super) fn vault(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (&'static str, Response) {
        match path {
            "auth/token/lookup-self" => return ("Vault token", token::lookup_self()),
            "auth/token/renew-self" => return ("Vault token", token::renew_self()),
            "auth/aws/login" => return ("Vault login", token::log_in(body)),
            _ => {}
        }
        let mut segments = path.splitn(3, '/');
        let (Some(mount), Some(kind), Some(path)) =
            (segments.next(), segments.next(), segments.next())
        else {
            return ("unknown", not_found());
        };
        if self.is_over_quota() {
            return ("Vault limit", too_many_requests());
        }
        let secret = format!("{mount}/{path}");
        match (kind, method) {
            ("data", &Method::POST | &Method::PUT) => {
                ("Vault write", self.write_secret(secret, body))
            }
            (_, &Method::PATCH) if !is_merge_patch(headers) => {
                ("unknown", unsupported_media_type())
            }
            ("data", &Method::GET) => ("Vault read", self.read_secret(&secret)),
            ("data", &Method::PATCH) => ("Vault patch", self.patch_secret(secret, body)),
            ("metadata", &Method::PATCH) => ("Vault mark", self.patch_metadata(&secret, body)),
            ("metadata", &Method::GET) => ("Vault metadata", self.secret_metadata(&secret)),
            // Only OpenBao lists metadata; this is a HashiCorp Vault.
            ("detailed-metadata", _) => ("Vault listing", not_found()),
            _ => ("unknown", not_found()),
        }
    }

    /// Counts a call, and returns whether the quota of this second is used up.
    fn is_over_quota(&mut self) -> bool {
        let Some(quota) = self.vault_quota else {
            return false;
        };
        let now = Instant::now();
        let second = self
            .counted
            .filter(|(start, _)| now - *start < Duration::from_secs(1));
        let (start, calls) = second.unwrap_or((now, 0));
        let is_over = calls >= quota;
        self.counted = Some((start, calls + usize::from(!is_over)));
        is_over
    }

    /// Returns the current version of a secret.
    fn read_secret(&self, secret: &str) -> Response {
        let Some(secret) = self.secrets.get(secret) else {
            return not_found();
        };
        let metadata = version_metadata(secret);
        let data = json!({"data": secret.fields, "metadata": metadata});
        success(&data, &Value::Null)
    }

    /// Replaces the fields of a secret.
    fn write_secret(&mut self, secret: String, body: &[u8]) -> Response {
        self.change_secret(secret, body, |fields, written| *fields = written)
    }

    /// Changes fields of an existing secret.
    fn patch_secret(&mut self, secret: String, body: &[u8]) -> Response {
        if self.secrets.contains_key(&secret) {
            self.change_secret(secret, body, Map::extend)
        } else {
            not_found()
        }
    }

    fn change_secret(
        &mut self,
        secret: String,
        body: &[u8],
        change: fn(&mut Fields, Fields),
    ) -> Response {
        let mut request: Value = serde_json::from_slice(body).unwrap_or_default();
        let version = self.version(&secret);
        if request["options"]["cas"]
            .as_u64()
            .is_some_and(|cas| cas != version)
        {
            let error = "check-and-set parameter did not match the current version";
            return response(StatusCode::BAD_REQUEST, &json!({"errors": [error]}));
        }
        let secret = self.secrets.entry(secret).or_default();
        secret.version += 1;
        if let Value::Object(written) = request["data"].take() {
            change(&mut secret.fields, written);
        }
        success(&version_metadata(secret), &Value::Null)
    }

    /// Changes entries of the custom metadata of an existing secret.
    fn patch_metadata(&mut self, secret: &str, body: &[u8]) -> Response {
        let Some(secret) = self.secrets.get_mut(secret) else {
            return not_found();
        };
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let entries = request["custom_metadata"].as_object();
        for (name, value) in entries.into_iter().flatten() {
            let text = value.as_str().unwrap_or_default().to_owned();
            let custom = secret.custom_metadata.get_or_insert_default();
            custom.insert(name.clone(), text);
        }
        StatusCode::NO_CONTENT.into_response()
    }

    fn secret_metadata(&self, secret: &str) -> Response {
        let Some(Secret {
            version,
            custom_metadata,
            ..
        }) = self.secrets.get(secret)
        else {
            return not_found();
        };
        let versions = json!({version.to_string(): {
            "created_time": "2026-01-01T00:00:00Z",
            "deletion_time": "",
            "destroyed": false,
        }});
        success(
            &json!({
                "current_version": version,
                "oldest_version": 0,
                "max_versions": 0,
                "cas_required": false,
                "delete_version_after": "0s",
                "created_time": "2026-01-01T00:00:00Z",
                "updated_time": "2026-01-01T00:00:00Z",
                "custom_metadata": custom_metadata,
                "versions": versions,
            }),
            &Value::Null,
        )
    }
}

fn version_metadata(secret: &Secret) -> Value {
    json!({
        "version": secret.version,
        "created_time": "2026-01-01T00:00:00Z",
        "deletion_time": "",
        "destroyed": false,
        "custom_metadata": secret.custom_metadata,
    })
}

fn success(data: &Value, auth: &Value) -> Response {
    let body = json!({
        "request_id": "r",
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": data,
        "auth": auth,
        "wrap_info": null,
        "warnings": null,
    });
    response(StatusCode::OK, &body)
}

fn too_many_requests() -> Response {
    let error = "request path \"secret/\": rate limit quota exceeded";
    let body = json!({"errors": [error]}).to_string();
    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], body).into_response()
}

/// Returns whether the body is a JSON merge patch, which is what Vault requires of a PATCH.
fn is_merge_patch(headers: &HeaderMap) -> bool {
    headers
        .get("content-type")
        .is_some_and(|content_type| content_type == "application/merge-patch+json")
}

fn unsupported_media_type() -> Response {
    response(StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!({"errors": []}))
}

fn not_found() -> Response {
    response(StatusCode::NOT_FOUND, &json!({"errors": []}))
}

fn response(status: StatusCode, body: &Value) -> Response {
    (status, body.to_string()).into_response()
}
