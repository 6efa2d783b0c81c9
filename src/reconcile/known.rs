//! The users who are known apart from their parameters: from the roster, the state and Vault.

use std::collections::{HashMap, HashSet};

use crate::backends::{Backends, Page, Roster, States, Vault};
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::snapshot::VaultView;

/// Maximum number of characters that a log shows of a name that is not a user name.
const MAX_SHOWN: usize = 80;

/// Lists the metadata of all keys, where the server offers that in one call.
pub(super) async fn list_metadata<B: Backends>(
    ctx: &Context<B>,
) -> Option<HashMap<String, VaultView>> {
    ctx.states.as_ref()?;
    let config = &ctx.config.vault;
    let list = async |vault: &B::Vault, token: &_| {
        vault
            .list_metadata(token, &config.mount, &config.path_prefix)
            .await
    };
    ctx.session.call(list).await.unwrap_or_else(|error| {
        // Not a warning: the cause also fails the users or the token, and is reported there.
        tracing::info!(
            error = %error,
            "Vault's metadata could not be listed; it is read user by user"
        );
        None
    })
}

/// Returns the users on the roster; `None` if there is none, or it cannot be read.
pub(super) async fn roster_users<B: Backends>(ctx: &Context<B>) -> Option<HashSet<UserName>> {
    let roster = ctx.roster.as_ref()?;
    match all_pages("the roster", async |from| roster.page(from).await).await {
        Ok(users) => Some(users),
        Err(error) => {
            tracing::warn!("users on the roster without a parameter will not be noticed: {error}");
            None
        }
    }
}

/// Returns the users who have a state.
pub(super) async fn recorded_users<B: Backends>(
    ctx: &Context<B>,
) -> Result<HashSet<UserName>, Error> {
    match &ctx.states {
        Some(states) => all_pages("the states", async |from| states.page(from).await).await,
        None => Ok(HashSet::new()),
    }
}

/// Reads all pages of a listing, and returns the names that are user names.
async fn all_pages(
    source: &str,
    page: impl AsyncFn(Option<String>) -> Result<Page<String>, Error>,
) -> Result<HashSet<UserName>, Error> {
    let mut users = HashSet::new();
    let mut from = None;
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
            Some(next) => from = Some(next),
            None => return Ok(users),
        }
    }
}
