//! The form of a token to import, and of the path that created a wrapped one. Pure.

use secrecy::{ExposeSecret, SecretString};

use super::bad_token;
use crate::error::Error;

/// The length limit of a token: above any token of Vault, and short enough for a header.
pub(super) const MAX_TOKEN_LENGTH: usize = 4096;

/// Returns the candidate without surrounding white space, if its form is that of a token.
pub(super) fn trimmed(candidate: &SecretString) -> Result<SecretString, Error> {
    let token = candidate.expose_secret().trim();
    let problem = if token.is_empty() {
        "it is empty; provide the token alone on standard input"
    } else if token.len() > MAX_TOKEN_LENGTH {
        "it is longer than any token; provide the token alone on standard input"
    } else if token.starts_with(['{', '[', '"', '\'']) {
        "it is in quotes or brackets; provide the token alone on standard input"
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        "it contains white space or another character that no token has; provide the token alone on \
         standard input"
    } else {
        return Ok(token.into());
    };
    Err(bad_token(problem))
}

/// Returns true if a path creates tokens. An attacker who unwrapped the original could wrap another
/// text, but not under such a path
/// (<https://developer.hashicorp.com/vault/docs/concepts/response-wrapping#response-wrapping-token-validation>).
pub(super) fn creates_token(creation_path: &str) -> bool {
    let path = creation_path.trim_start_matches('/');
    let created = path.strip_prefix("auth/token/create").is_some_and(|rest| {
        rest.is_empty()
            || rest == "-orphan"
            || rest
                .strip_prefix('/')
                .is_some_and(|role| !role.contains('/'))
    });
    let login = path.strip_prefix("auth/").is_some_and(|rest| {
        !rest.starts_with("token/") && (rest.ends_with("/login") || rest.contains("/login/"))
    });
    created || login
}

/// Rejects a token of a namespace if none is configured, before a wrapping token is used up. Such a
/// token ends with a dot and the id of its namespace.
pub(super) fn check_namespace(candidate: &SecretString, is_configured: bool) -> Result<(), Error> {
    let token = candidate.expose_secret();
    // A wrapping token can also be a JWT, which has three parts in any namespace.
    let has_namespace = token.split('.').count() > 2 && !token.starts_with("eyJ");
    if has_namespace && !is_configured {
        return Err(bad_token(
            "it belongs to a namespace, and VAULT_NAMESPACE is not set; it was not used: set \
             VAULT_NAMESPACE to that namespace",
        ));
    }
    Ok(())
}
