//! Translates failed requests to errors. No text or body of the server gets into a message.

use std::fmt::Display;

use super::connection;
use super::request::{ErrorResponse, Failure};
use crate::error::{Error, RAISE_LIMIT, RETRY_LATER};

/// The remedy if a token cannot be renewed, because what created it was deleted.
pub(super) const ROLE_IS_GONE: &str =
    "create the role again, then store a new token with `keysync token import`";

/// The remedy if no Vault answers.
const CHECK_ADDRESS: &str = "set VAULT_ADDR to a Vault server";

/// Returns [`Error::Unexpected`] with "Vault" as the subject of the problem.
pub(super) fn unexpected(operation: &'static str, subject: &impl Display, problem: &str) -> Error {
    Error::unexpected(operation, subject.to_string(), &format!("Vault {problem}"))
}

/// Returns the translation of a failure of this operation, for `map_err`. `remedy` is for a denied
/// request.
pub(super) fn translate(
    operation: &'static str,
    subject: &impl Display,
    remedy: &'static str,
) -> impl Fn(Failure) -> Error {
    move |failure| {
        let unexpected = |problem: &str| unexpected(operation, subject, problem);
        match failure {
            Failure::Status(response) => by_status(&response, operation, subject, remedy),
            Failure::Connection(error) => {
                let (problem, remedy) = connection::diagnose(&error);
                Error::Unreachable {
                    operation,
                    subject: subject.to_string(),
                    problem,
                    remedy,
                }
            }
            Failure::Incomplete(error) => {
                let problem = if error.is_timeout() {
                    "Vault's response was not complete within the time limit"
                } else {
                    "the connection closed during Vault's response"
                };
                Error::unavailable(operation, subject.to_string(), problem)
            }
            Failure::TooLarge(limit) => {
                let limit = limit / 1024;
                let problem = format!("returned a response of more than {limit} KiB");
                unexpected(&problem).with_remedy(CHECK_ADDRESS)
            }
            Failure::Empty(code) => unexpected(&format!("returned {code} without content")),
            Failure::Malformed => {
                unexpected("returned a response that is not Vault's").with_remedy(CHECK_ADDRESS)
            }
            Failure::Header => {
                let problem =
                    "the token or VAULT_NAMESPACE contains a character that no header may have";
                Error::unexpected(operation, subject.to_string(), problem)
                    .with_remedy("store a token with `keysync token import`")
            }
        }
    }
}

/// What a status means.
enum Meaning {
    /// The server limits the rate of requests.
    Throttled(&'static str),
    /// The request is denied.
    Denied,
    /// The request may succeed later.
    Passing(&'static str, &'static str),
    /// The request cannot succeed.
    Lasting(&'static str, &'static str),
    /// Vault does not document it.
    Unknown,
}

fn by_status(
    response: &ErrorResponse,
    operation: &'static str,
    subject: &impl Display,
    remedy: &'static str,
) -> Error {
    let code = response.code;
    let (problem, remedy) = match meaning(response) {
        Meaning::Throttled(cause) => {
            return Error::Throttled {
                operation,
                subject: subject.to_string(),
                problem: format!("Vault returned {code}: {cause}"),
                remedy: if code == 429 {
                    RAISE_LIMIT
                } else {
                    RETRY_LATER
                },
                retry_after: response.retry_after,
            };
        }
        Meaning::Denied => return Error::denied(operation, subject.to_string(), remedy),
        Meaning::Passing(cause, remedy) => {
            let problem = format!("Vault returned {code}: {cause}");
            return Error::unavailable(operation, subject.to_string(), &problem)
                .with_remedy(remedy);
        }
        Meaning::Lasting(cause, remedy) => (format!("returned {code}: {cause}"), remedy),
        Meaning::Unknown => (format!("returned {code}, which is unknown here"), ""),
    };
    unexpected(operation, subject, &problem).with_remedy(remedy)
}

/// Returns what the status and Vault's own text mean
/// (<https://developer.hashicorp.com/vault/api-docs#http-status-codes>).
fn meaning(response: &ErrorResponse) -> Meaning {
    use Meaning::{Denied, Lasting, Passing, Throttled, Unknown};
    const CHECK_PLACE: &str = "check VAULT_NAMESPACE, VAULT_MOUNT and VAULT_PATH_PREFIX";
    let mentions = |text| response.mentions(text);
    match response.code {
        300..=399 => Lasting(
            "a redirect, which is never followed",
            "set VAULT_ADDR to the address of the active server",
        ),
        429 if response.is_foreign() => Throttled("a proxy or a load balancer limits requests"),
        429 => Throttled("its rate-limit quota is exceeded"),
        // A proxy or a load balancer, whose errors are not of Vault's form.
        500..=599 if response.is_foreign() => Passing(
            "not Vault's own answer, but that of a proxy or a load balancer on the way",
            RETRY_LATER,
        ),
        400 if response
            .body
            .starts_with(b"Client sent an HTTP request to an HTTPS server") =>
        {
            Lasting("the server expects https", "set VAULT_ADDR to https://…")
        }
        _ if response.is_foreign() => Lasting(
            "not Vault's own answer, but that of another server or a proxy",
            CHECK_ADDRESS,
        ),
        400 if mentions("Upgrading from non-versioned") => Passing(
            "the mount is being upgraded to KV version 2, as for a moment after each start",
            RETRY_LATER,
        ),
        400 if mentions("check-and-set parameter required") => Lasting(
            "the mount or the secret requires check-and-set, and the version is not known, because \
             the token may not read metadata",
            "allow read on <mount>/metadata/<prefix>/* in the policy (`keysync policy vault`)",
        ),
        400 if mentions("cannot be renewed") || mentions("not renewable") => Lasting(
            "the token cannot be renewed",
            "store a periodic token with `keysync token import`",
        ),
        400 => Lasting("an invalid request", ""),
        403 => Denied,
        404 if mentions("namespace not found") => {
            Lasting("the namespace does not exist", "check VAULT_NAMESPACE")
        }
        404 if mentions("no handler for route") || mentions("unsupported path") => Lasting(
            "nothing is mounted there",
            "check VAULT_MOUNT and VAULT_NAMESPACE",
        ),
        404 => Lasting("not found", CHECK_PLACE),
        405 => Lasting("the path does not support the operation", CHECK_PLACE),
        412 => Passing("the standby is not up to date", RETRY_LATER),
        472 | 473 => Passing(
            "a secondary or a standby that handles no requests",
            "set VAULT_ADDR to the active server",
        ),
        500 if [
            "could not be found, not renewing",
            "does not exist during renewal",
        ]
        .iter()
        .any(|text| mentions(text)) =>
        {
            Lasting(
                "what the token was created with (its token role or AppRole) does not exist any longer",
                ROLE_IS_GONE,
            )
        }
        500 => Passing("an internal error", "check Vault's server log"),
        502 => Passing(
            "a service that Vault uses failed",
            "check Vault's server log",
        ),
        503 if response.retry_after.is_some() && !mentions("sealed") => {
            Throttled("it asks to wait")
        }
        503 if mentions("sealed") => Passing(
            "sealed",
            "unseal it (`vault operator unseal`); pending keys are then written automatically",
        ),
        503 => Passing("sealed, in maintenance or overloaded", RETRY_LATER),
        501..=599 => Passing("an error of the server", "check Vault's server log"),
        _ => Unknown,
    }
}

#[cfg(test)]
mod tests;
