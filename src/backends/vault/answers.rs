//! Vault's answers: the endpoints that vaultrs lacks, and what its errors mean to us.

use std::collections::HashMap;
use std::fmt::Display;

use jiff::Timestamp;
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError as HttpError;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use vaultrs::api::kv2::responses::ReadSecretMetadataResponse;
use vaultrs::error::ClientError;

use crate::backends::VaultSecret;
use crate::error::Error;
use crate::keys::AccessKey;
use crate::snapshot::VaultView;

/// A read of a secret that never puts it into a type that could show it; vaultrs's own goes through a `Value`.
pub(super) struct ReadKey {
    pub(super) path: String,
}

#[derive(Deserialize)]
pub(super) struct FoundKey {
    data: Option<KeyFields>,
    metadata: VersionOf,
}

#[derive(Deserialize)]
struct KeyFields {
    #[serde(rename = "accessKeyId", default)]
    id: Option<String>,
    #[serde(rename = "secretAccessKey", default)]
    secret: Option<SecretString>,
}

#[derive(Deserialize)]
struct VersionOf {
    version: u64,
}

impl FoundKey {
    pub(super) fn published(self) -> VaultSecret {
        let key = self
            .data
            .and_then(|fields| AccessKey::new(fields.id?, fields.secret?).ok());
        VaultSecret::Key(key, self.metadata.version)
    }
}

impl Endpoint for ReadKey {
    type Response = FoundKey;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }
}

/// `detailed-metadata`: the metadata of a whole folder, which OpenBao offers and HashiCorp Vault does not.
pub(super) struct ListMetadata {
    pub(super) path: String,
}

#[derive(Deserialize)]
pub(super) struct Folder {
    key_info: HashMap<String, ReadSecretMetadataResponse>,
}

impl Folder {
    pub(super) fn views(self, now: Timestamp) -> HashMap<String, VaultView> {
        self.key_info
            .into_iter()
            .map(|(name, metadata)| (name, view(&metadata, now)))
            .collect()
    }
}

impl Endpoint for ListMetadata {
    type Response = Folder;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::LIST
    }
}

/// What a secret's metadata says of its current version.
pub(super) fn view(metadata: &ReadSecretMetadataResponse, now: Timestamp) -> VaultView {
    let version = metadata.current_version;
    let current = metadata.versions.get(&version.to_string());
    let readable =
        current.is_some_and(|current| !current.destroyed && !is_past(&current.deletion_time, now));
    VaultView::At { version, readable }
}

/// The version that a 404's body tells of, when the current version is deleted.
pub(super) fn deleted_version(body: &str) -> Option<u64> {
    serde_json::from_str::<Value>(body)
        .ok()?
        .pointer("/data/metadata/version")?
        .as_u64()
}

/// Whether a `deletion_time` (empty: none) is behind `now`. One that cannot be read counts as past: writing a key once
/// more is safe.
pub(super) fn is_past(deletion_time: &str, now: Timestamp) -> bool {
    !deletion_time.is_empty() && !deletion_time.parse::<Timestamp>().is_ok_and(|at| at > now)
}

pub(super) fn unexpected(operation: &'static str, subject: &impl Display, problem: &str) -> Error {
    Error::Unexpected {
        operation,
        subject: subject.to_string(),
        problem: format!("Vault {problem}"),
    }
}

/// What an error of vaultrs means to us. Neither the server's own text nor a body gets into it.
pub(super) fn error(
    operation: &'static str,
    subject: &impl Display,
    remedy: &'static str,
    error: &ClientError,
) -> Error {
    let code = match error {
        ClientError::APIError { code, .. }
        | ClientError::RestClientError {
            source: HttpError::ServerResponseError { code, .. },
        } => *code,
        ClientError::RestClientError {
            source: HttpError::RequestError { source, .. },
        } => {
            return unreachable(operation, subject.to_string(), source.downcast_ref());
        }
        ClientError::RestClientError {
            source: HttpError::ResponseError { source },
        } => {
            let late = source
                .downcast_ref()
                .is_some_and(reqwest::Error::is_timeout);
            let problem = if late {
                "Vault's answer did not end within the time limit"
            } else {
                "Vault's answer broke off"
            };
            return Error::Unavailable {
                operation,
                subject: subject.to_string(),
                problem: problem.to_owned(),
            };
        }
        _ => {
            return unexpected(
                operation,
                subject,
                "answered in a form that is not Vault's; does VAULT_ADDR name a Vault server?",
            );
        }
    };
    let unavailable = |problem: &str| Error::Unavailable {
        operation,
        subject: subject.to_string(),
        problem: problem.to_owned(),
    };
    match code {
        403 => Error::Denied {
            operation,
            subject: subject.to_string(),
            remedy,
        },
        404 => unexpected(
            operation,
            subject,
            "answered 404; check VAULT_MOUNT, VAULT_PATH_PREFIX and VAULT_NAMESPACE",
        ),
        300..=399 => unexpected(
            operation,
            subject,
            "answered with a redirect, which is never followed; set VAULT_ADDR to the active server's own address",
        ),
        429 => {
            unavailable("Vault answered 429: too many requests, or a standby without forwarding")
        }
        412 | 472 | 473 => unavailable(&format!(
            "Vault answered {code}: a standby that is not up to date"
        )),
        503 => unavailable("Vault answered 503: it is sealed or in maintenance; unseal it"),
        500..=599 => unavailable(&format!("Vault answered {code}; see its server log")),
        _ => unexpected(
            operation,
            subject,
            &format!(
                "refused the request with {code}; check VAULT_ADDR (http or https?), VAULT_MOUNT (KV version 2?) and VAULT_PATH_PREFIX"
            ),
        ),
    }
}

/// The innermost cause tells most, such as `Connection refused` or `invalid peer certificate: UnknownIssuer`.
fn unreachable(operation: &'static str, subject: String, error: Option<&reqwest::Error>) -> Error {
    let problem = match error {
        Some(error) if error.is_timeout() => {
            "Vault did not answer within the time limit".to_owned()
        }
        Some(error) => match innermost(error).to_string() {
            cause if cause.contains("certificate") => untrusted(&cause),
            cause if cause.contains("refused") => {
                "the connection was refused; check VAULT_ADDR, and that Vault runs there".to_owned()
            }
            cause if cause.contains("lookup address") => {
                "the name does not resolve; check VAULT_ADDR".to_owned()
            }
            cause => cause,
        },
        None => "the connection failed".to_owned(),
    };
    Error::Unreachable {
        operation,
        subject,
        problem,
    }
}

/// What is wrong with a certificate, with the words of rustls in brackets.
fn untrusted(cause: &str) -> String {
    // A bad signature is that of another authority with the same name, such as the renewed one.
    let problem = if ["UnknownIssuer", "CaUsedAsEndEntity", "BadSignature"]
        .iter()
        .any(|known| cause.contains(known))
    {
        "the certificate is of an issuer that is not trusted; check VAULT_CACERT"
    } else if cause.contains("not valid for name") || cause.contains("NotValidForName") {
        "the certificate is for another name; check the host in VAULT_ADDR"
    } else if cause.contains("xpired") {
        "the certificate is expired; renew it on the server"
    } else if cause.contains("not valid yet") || cause.contains("NotValidYet") {
        "the certificate is not valid yet; check the clocks"
    } else {
        "the certificate was refused; check VAULT_CACERT and the host in VAULT_ADDR"
    };
    format!("{problem} ({cause})")
}

fn innermost<'a>(
    mut error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error
}

#[cfg(test)]
mod tests;
