//! A token of an AppRole: one login with a secret id, which is then used up.

use secrecy::SecretString;

use super::candidate::trimmed;
use super::{Import, Imported, Origin, bad_token, repeated};
use crate::backends::Backends;
use crate::backends::diagnostics::Credentials;
use crate::context::Context;
use crate::error::Error;

/// A period that a weekend can outlast.
const SHORT_PERIOD: u64 = 24 * 3600;

/// The role of an AppRole, and what proves it.
#[derive(Debug)]
pub struct AppRole {
    /// The mount of the auth method.
    pub mount: String,
    /// The role id.
    pub role_id: String,
    /// The secret id, or a token that wraps it.
    pub secret_id: SecretString,
}

const LOGGED_IN: Origin = Origin {
    denied: "the login succeeded, but Vault denies the new token from here: it is bound to other \
        addresses than this host's (token_bound_cidrs of its role), of another namespace than \
        VAULT_NAMESPACE, or may not look itself up (default policy)",
    remedy: "change the role, and create a new secret id",
};

/// Logs in once with an AppRole, and stores the token if it is suitable for the service.
///
/// # Errors
/// Those of [`import`](super::import); [`Error::BadToken`] also for a secret id that Vault refuses.
pub async fn import_of_approle<W: Backends>(
    ctx: &Context<W>,
    role: &AppRole,
    accept_warnings: bool,
) -> Result<Imported, Error> {
    let candidate = trimmed(&role.secret_id)?;
    let import = Import::prepare(ctx, accept_warnings).await?;
    let vault = ctx.session.vault();
    let wrapping = vault.wrapping(&candidate).await?;
    let wrapped = wrapping.is_some();
    let secret_id = match wrapping {
        None => candidate,
        Some(wrapping) if creates_secret_id(&wrapping.creation_path, &role.mount) => {
            let unwrapped = vault.unwrap(&candidate).await?.secret_id;
            unwrapped.ok_or_else(|| {
                bad_token("it did not wrap a secret id and is now used up: create a new one")
            })?
        }
        Some(_) => {
            return Err(bad_token(
                "it does not wrap a secret id of this mount; it was not used, but it may have \
                 replaced another wrapping token: check with its sender, and create a new one",
            ));
        }
    };
    let login = async || {
        let login = vault.approle_login(&role.mount, &role.role_id, &secret_id);
        login.await
    };
    // A secret id that was unwrapped is lost with this process.
    let token = repeated(login).await.map_err(|error| {
        if wrapped {
            bad_token(&format!(
                "{error}; the secret id was unwrapped and is now lost: create a new one"
            ))
        } else {
            error
        }
    })?;
    let token = token.ok_or_else(|| {
        bad_token(
            "Vault refused the login: the role id or the secret id is wrong, the secret id was used \
             or has expired, or it is bound to other addresses than this host's; check --mount and \
             VAULT_NAMESPACE, and create a new secret id",
        )
    })?;
    let mut imported = import.new_token(&token, &LOGGED_IN).await?;
    imported.wrapped = wrapped;
    let status = &mut imported.token.status;
    if status
        .period_seconds
        .is_some_and(|period| period <= SHORT_PERIOD)
    {
        status.warnings.push(
            "the token's period is a day or less, so a service that is down for a day needs a new \
             token: raise token_period of the role, or log in with VAULT_AUTH_METHOD=aws"
                .to_owned(),
        );
    }
    Ok(imported)
}

/// Returns whether a path creates secret ids of this mount.
fn creates_secret_id(creation_path: &str, mount: &str) -> bool {
    let path = creation_path.trim_start_matches('/');
    let rest = path
        .strip_prefix("auth/")
        .and_then(|path| path.strip_prefix(mount));
    let role = rest
        .and_then(|rest| rest.strip_prefix("/role/"))
        .and_then(|rest| rest.strip_suffix("/secret-id"));
    role.is_some_and(|role| !role.is_empty() && !role.contains('/'))
}
