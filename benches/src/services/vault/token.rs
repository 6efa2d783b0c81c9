//! Vault's tokens: lookup, renewal and login.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{response, success};

pub(super) fn lookup_self() -> Response {
    let data = json!({
        "ttl": 200_000,
        "period": 259_200,
        "renewable": true,
        "type": "service",
        "policies": ["default"],
        "creation_time": 1_767_225_600,
        "creation_ttl": 259_200,
        "orphan": true,
        "explicit_max_ttl": 0,
        "expire_time": "2036-01-01T00:00:00Z",
    });
    success(&data, &Value::Null)
}

pub(super) fn renew_self() -> Response {
    let auth = json!({
        "client_token": "hvs.bench",
        "accessor": "a",
        "policies": ["default"],
        "token_policies": ["default"],
        "lease_duration": 259_200,
        "renewable": true,
        "entity_id": "",
        "token_type": "service",
        "orphan": true,
        "metadata": null,
        "mfa_requirement": null,
        "num_uses": 0,
    });
    success(&Value::Null, &auth)
}

/// Answers a login with a batch token for 20 minutes, as a role of the auth method `aws` does.
pub(super) fn log_in(body: &[u8]) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_complete = [
        "iam_http_request_method",
        "iam_request_url",
        "iam_request_body",
        "iam_request_headers",
    ]
    .iter()
    .all(|name| request[*name].is_string());
    if request["role"] != "bench" || !is_complete {
        return response(
            StatusCode::BAD_REQUEST,
            &json!({"errors": ["entry for role not found"]}),
        );
    }
    let auth = json!({
        "client_token": "hvb.bench",
        "accessor": "",
        "policies": ["default"],
        "lease_duration": 1200,
        "renewable": false,
        "token_type": "batch",
        "orphan": true,
    });
    success(&Value::Null, &auth)
}
