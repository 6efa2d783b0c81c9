//! The login with an AWS identity
//! (<https://developer.hashicorp.com/vault/api-docs/auth/aws#login>).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::client::VaultServer;
use super::errors::{translate, unexpected};
use super::request::{ErrorResponse, Failure, Request};
use crate::error::Error;
use crate::token::{LoginRequest, LoginToken};

const OPERATION: &str = "logging in to Vault at";

const CHECK_METHOD: &str = "check VAULT_AUTH_MOUNT and VAULT_NAMESPACE";
const CHECK_APPROLE: &str = "check --mount, the mount of the AppRole, and VAULT_NAMESPACE";
const CHECK_ROLE: &str = "check VAULT_AUTH_ROLE";
const CHECK_SERVER_ID: &str =
    "set VAULT_AUTH_AWS_SERVER_ID to the mount's iam_server_id_header_value";
const CHECK_REGION: &str =
    "set VAULT_AUTH_AWS_REGION to the Region of the mount's sts_endpoint and sts_region";
const CHECK_PRINCIPAL: &str =
    "add the role of this process to the role's bound_iam_principal_arn, or check VAULT_AUTH_ROLE";
const CHECK_CLOCK: &str = "check the clocks of this host and of Vault";
const CHECK_CREDENTIALS: &str = "check the AWS credentials of this process";

#[derive(Serialize)]
struct Login<'a> {
    role: &'a str,
    #[serde(rename = "iam_http_request_method")]
    method: &'static str,
    #[serde(rename = "iam_request_url")]
    url: String,
    #[serde(rename = "iam_request_body")]
    body: String,
    #[serde(rename = "iam_request_headers")]
    headers: &'a str,
}

#[derive(Deserialize)]
struct Response {
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Auth {
    client_token: SecretString,
    #[serde(default)]
    lease_duration: u64,
}

/// Logs in.
pub(super) async fn login(server: &VaultServer, login: &LoginRequest) -> Result<LoginToken, Error> {
    let headers = Zeroizing::new(STANDARD.encode(login.headers.expose_secret()));
    let body = Login {
        role: &login.role,
        method: "POST",
        url: STANDARD.encode(&login.url),
        body: STANDARD.encode(login.body),
        headers: &headers,
    };
    let none = SecretString::default();
    let request = Request::<Response>::post(format!("auth/{}/login", login.mount), &body);
    match server.client(&none).response(request).await {
        Ok(Response { auth: Some(auth) }) if !auth.client_token.expose_secret().is_empty() => {
            Ok(LoginToken {
                token: auth.client_token,
                lease_seconds: auth.lease_duration,
            })
        }
        Ok(_) => Err(
            unexpected(OPERATION, &server.address, "answered without a token")
                .with_remedy(CHECK_METHOD),
        ),
        Err(Failure::Status(response)) if is_overloaded(&response) => Err(Error::unavailable(
            OPERATION,
            server.address.as_str(),
            "STS did not answer Vault's request in time, or limits its rate",
        )),
        Err(Failure::Status(response)) if refusal(&response).is_some() => {
            let (problem, remedy) = refusal(&response).unwrap_or_default();
            let problem = format!("refused the login with {}: {problem}", response.code);
            Err(unexpected(OPERATION, &server.address, &problem).with_remedy(remedy))
        }
        Err(failure) => Err(translate(OPERATION, &server.address, CHECK_METHOD)(failure)),
    }
}

/// Logs in with an AppRole (<https://developer.hashicorp.com/vault/api-docs/auth/approle>).
pub(super) async fn approle(
    server: &VaultServer,
    mount: &str,
    role_id: &str,
    secret_id: &SecretString,
) -> Result<Option<SecretString>, Error> {
    let secret_id = secret_id.expose_secret();
    let body = HashMap::from([("role_id", role_id), ("secret_id", secret_id)]);
    let request = Request::<Response>::post(format!("auth/{mount}/login"), &body);
    let none = SecretString::default();
    match server.client(&none).response(request).await {
        Ok(Response { auth: Some(auth) }) => Ok(Some(auth.client_token)),
        Err(Failure::Status(response)) if response.code == 400 && !response.is_foreign() => {
            Ok(None)
        }
        Ok(_) => Err(
            unexpected(OPERATION, &server.address, "answered without a token")
                .with_remedy(CHECK_APPROLE),
        ),
        Err(failure) => Err(translate(OPERATION, &server.address, CHECK_APPROLE)(
            failure,
        )),
    }
}

/// Returns whether STS could not answer Vault at present.
fn is_overloaded(response: &ErrorResponse) -> bool {
    const TEXTS: [&str; 4] = [
        "Throttling",
        "received error code 429",
        "received error code 5",
        "ServiceUnavailable",
    ];
    !response.is_foreign() && TEXTS.iter().any(|text| response.mentions(text))
}

/// Returns what Vault refuses, by its own text, and the remedy
/// (`builtin/credential/aws/path_login.go` of Vault).
fn refusal(response: &ErrorResponse) -> Option<(&'static str, &'static str)> {
    // Texts of STS follow that of Vault, so the more specific ones come first.
    const TEXTS: [(&str, &str, &str); 15] = [
        (
            "X-Vault-AWS-IAM-Server-ID",
            "the server id is absent or not that of the mount",
            CHECK_SERVER_ID,
        ),
        ("entry for role", "it has no such role", CHECK_ROLE),
        (
            "iam not allowed for role",
            "the role is of another kind than iam",
            CHECK_ROLE,
        ),
        (
            "does not belong to",
            "the role admits other principals only",
            CHECK_PRINCIPAL,
        ),
        (
            "scoped to a valid region",
            "its STS endpoint is in another Region than the signed one",
            CHECK_REGION,
        ),
        (
            "Signature expired",
            "the signature has expired",
            CHECK_CLOCK,
        ),
        (
            "Signature not yet current",
            "the signature is not valid yet",
            CHECK_CLOCK,
        ),
        (
            "SignatureDoesNotMatch",
            "STS does not accept the signature",
            "check VAULT_AUTH_AWS_REGION and the mount's sts_endpoint, or the AWS credentials of \
             this process",
        ),
        (
            "security token included in the request is expired",
            "the AWS credentials have expired",
            CHECK_CREDENTIALS,
        ),
        (
            "InvalidClientTokenId",
            "STS does not know the AWS credentials",
            CHECK_CREDENTIALS,
        ),
        (
            "ExpiredToken",
            "the AWS credentials have expired",
            CHECK_CREDENTIALS,
        ),
        (
            "from STS",
            "STS rejected the signed request",
            CHECK_CREDENTIALS,
        ),
        (
            "error making upstream request",
            "it has no answer from STS",
            "check the mount's sts_endpoint, Vault's way to it, and VAULT_AUTH_AWS_REGION",
        ),
        (
            "full ARN of entity",
            "the role admits other principals only, or names one with a path or a wildcard, which \
             Vault cannot look up",
            "name the role of this process in bound_iam_principal_arn, without its path and \
             without a wildcard",
        ),
        (
            "no handler for route",
            "no auth method is mounted there",
            CHECK_METHOD,
        ),
    ];
    if response.is_foreign() {
        return None;
    }
    let mut known = TEXTS.iter().filter(|(text, _, _)| response.mentions(text));
    match (known.next(), response.code) {
        (Some((_, problem, remedy)), _) => Some((problem, remedy)),
        // Without a token, Vault denies a path on which nothing is mounted.
        (None, 403) => Some(("denied, or no auth method is mounted there", CHECK_METHOD)),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests;
