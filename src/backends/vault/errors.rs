//! Translates the errors of vaultrs. No text or body of the server gets into a message.

use std::fmt::Display;

use rustify::errors::ClientError as HttpError;
use vaultrs::error::ClientError;

use super::client::RateLimited;
use crate::error::Error;

/// Returns [`Error::Unexpected`] with "Vault" as the subject of the problem.
pub(super) fn unexpected(operation: &'static str, subject: &impl Display, problem: &str) -> Error {
    Error::unexpected(operation, subject.to_string(), &format!("Vault {problem}"))
}

/// Returns the translation of an error of this operation, for `map_err`.
pub(super) fn translate(
    operation: &'static str,
    subject: &impl Display,
    remedy: &'static str,
) -> impl Fn(ClientError) -> Error {
    move |error| {
        let code = match error {
            ClientError::APIError { code, .. }
            | ClientError::RestClientError {
                source: HttpError::ServerResponseError { code, .. },
            } => code,
            ClientError::RestClientError {
                source: HttpError::RequestError { source, .. },
            } => {
                if let Some(limited) = source.downcast_ref::<RateLimited>() {
                    return throttled(operation, subject, limited);
                }
                return Error::Unreachable {
                    operation,
                    subject: subject.to_string(),
                    problem: connection_problem(source.downcast_ref()),
                };
            }
            ClientError::RestClientError {
                source: HttpError::ResponseError { source },
            } => {
                let timeout = source
                    .downcast_ref()
                    .is_some_and(reqwest::Error::is_timeout);
                let problem = if timeout {
                    "Vault's response was not complete within the time limit"
                } else {
                    "the connection closed during Vault's response"
                };
                return Error::unavailable(operation, subject.to_string(), problem);
            }
            _ => {
                let problem = "returned a response that is not Vault's; check that VAULT_ADDR is a Vault server";
                return unexpected(operation, subject, problem);
            }
        };
        by_status(code, operation, subject, remedy)
    }
}

fn throttled(operation: &'static str, subject: &impl Display, limited: &RateLimited) -> Error {
    let RateLimited {
        status,
        retry_after,
    } = *limited;
    let cause = match status {
        429 => "its rate-limit quota is exceeded",
        _ => "it asks to wait",
    };
    Error::Throttled {
        operation,
        subject: subject.to_string(),
        problem: format!("Vault returned {status}: {cause}"),
        retry_after,
    }
}

fn by_status(
    code: u16,
    operation: &'static str,
    subject: &impl Display,
    remedy: &'static str,
) -> Error {
    let unavailable = |cause: &str| {
        let problem = format!("Vault returned {code}: {cause}");
        Error::unavailable(operation, subject.to_string(), &problem)
    };
    let unexpected = |problem: &str| unexpected(operation, subject, problem);
    match code {
        403 => Error::denied(operation, subject.to_string(), remedy),
        404 => unexpected("returned 404; check VAULT_MOUNT, VAULT_PATH_PREFIX and VAULT_NAMESPACE"),
        300..=399 => unexpected(
            "returned a redirect, which is never followed; set VAULT_ADDR to the address of the active server",
        ),
        412 | 472 | 473 => unavailable("a standby that is not up to date"),
        503 => unavailable("sealed or in maintenance; unseal it"),
        500..=599 => unavailable("check its server log"),
        _ => unexpected(&format!(
            "rejected the request with {code}; check VAULT_ADDR (http or https), VAULT_MOUNT (KV version 2) and VAULT_PATH_PREFIX"
        )),
    }
}

/// Describes a failed connection by its innermost cause, such as `Connection refused` or
/// `invalid peer certificate: UnknownIssuer`.
fn connection_problem(error: Option<&reqwest::Error>) -> String {
    let problem = match error {
        None => "the connection failed",
        Some(error) if error.is_timeout() => "no response within the time limit",
        Some(error) => match innermost(error).to_string() {
            cause if cause.contains("certificate") => return certificate_problem(&cause),
            cause if cause.contains("refused") => {
                "connection refused; check VAULT_ADDR and that Vault runs there"
            }
            cause if cause.contains("lookup address") => {
                "the host name does not resolve; check VAULT_ADDR"
            }
            cause => return cause,
        },
    };
    problem.to_owned()
}

/// Describes the fault of a certificate, with the text of rustls in brackets.
fn certificate_problem(cause: &str) -> String {
    let contains = |text: &&str| cause.contains(*text);
    // A bad signature is that of another CA with the same name, such as a renewed one.
    let problem = if ["UnknownIssuer", "CaUsedAsEndEntity", "BadSignature"]
        .iter()
        .any(contains)
    {
        "the certificate's issuer is not trusted; check VAULT_CACERT"
    } else if ["not valid for name", "NotValidForName"]
        .iter()
        .any(contains)
    {
        "the certificate is for another name; check the host in VAULT_ADDR"
    } else if cause.contains("xpired") {
        "the certificate has expired; renew it on the server"
    } else if ["not valid yet", "NotValidYet"].iter().any(contains) {
        "the certificate is not valid yet; check the clocks"
    } else {
        "the certificate was rejected; check VAULT_CACERT and the host in VAULT_ADDR"
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
