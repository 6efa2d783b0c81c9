//! The users who are known apart from their parameters: from the roster, the state and Vault.

use std::collections::{HashMap, HashSet};

use super::bounds::Bounds;
use crate::backends::{Backends, Page, Roster, States, Vault};
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::snapshot::SecretMetadata;

/// Maximum number of characters that a log shows of a name that is not a user name.
const MAX_SHOWN: usize = 80;

/// Lists the metadata of all keys, where the server offers that in one call.
pub(super) async fn list_metadata<B: Backends>(
    ctx: &Context<B>,
    bounds: Bounds<'_>,
) -> Option<HashMap<String, SecretMetadata>> {
    ctx.states.as_ref()?;
    let config = &ctx.config.vault;
    let list = async |vault: &B::Vault, token: &_| {
        vault
            .list_metadata(token, &config.mount, &config.path_prefix)
            .await
    };
    let listed = bounds.run(ctx.session.call(list)).await;
    listed.unwrap_or_else(|error| {
        // Not a warning: the cause also fails the users or the token, and is reported there.
        tracing::info!(
            error = %error,
            "Vault's metadata could not be listed; it is read user by user"
        );
        None
    })
}

/// Returns the users on the roster; `None` if there is none, or it cannot be read.
pub(super) async fn roster_users<B: Backends>(
    ctx: &Context<B>,
    bounds: Bounds<'_>,
) -> Option<HashSet<UserName>> {
    let roster = ctx.roster.as_ref()?;
    let page = async |from| bounds.run(roster.page(from)).await;
    match all_pages("the roster", page).await {
        Ok(users) => Some(users),
        Err(error) => {
            tracing::warn!(
                "reading the roster failed; users without a parameter are not reported: {error}"
            );
            None
        }
    }
}

/// Returns the users who have a state.
pub(super) async fn recorded_users<B: Backends>(
    ctx: &Context<B>,
    bounds: Bounds<'_>,
) -> Result<HashSet<UserName>, Error> {
    match &ctx.states {
        Some(states) => {
            let page = async |from| bounds.run(states.page(from)).await;
            all_pages("the states", page).await
        }
        None => Ok(HashSet::new()),
    }
}

/// Reads all pages of a listing, and returns the names that are user names.
async fn all_pages(
    source: &'static str,
    page: impl AsyncFn(Option<String>) -> Result<Page<String>, Error>,
) -> Result<HashSet<UserName>, Error> {
    let mut users = HashSet::new();
    let (mut from, mut tokens) = (None, HashSet::new());
    loop {
        let Page { items, next } = page(from).await?;
        for name in items {
            match UserName::parse(&name) {
                Ok(user) => {
                    users.insert(user);
                }
                Err(error) => {
                    let name = name.chars().take(MAX_SHOWN).collect::<String>();
                    tracing::warn!(
                        name,
                        error = %error,
                        "ignored {name:?} from {source}: it is not a user name"
                    );
                }
            }
        }
        match next {
            Some(next) if !tokens.insert(next.clone()) => {
                return Err(repeated_page("listing", source));
            }
            Some(next) => from = Some(next),
            None => return Ok(users),
        }
    }
}

/// Returns the error of a listing that never ends: a page leads to one that was read before.
pub(super) fn repeated_page(operation: &'static str, subject: &str) -> Error {
    Error::unexpected(
        operation,
        subject,
        "a page leads to one that was already listed",
    )
}
