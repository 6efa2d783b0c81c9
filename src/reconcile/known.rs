//! The users who are known apart from their parameters: from the roster, the state and Vault.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::future::join_all;

use super::bounds::Bounds;
use crate::backends::{Backends, Page, Roster, States, Vault, VaultListing};
use crate::context::Context;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::{UserName, VaultPath};
use crate::targets::Targets;

/// Maximum number of characters that a log shows of a name that is not a user name.
const MAX_SHOWN: usize = 80;

/// The least number of secrets for which their folder is listed. Fewer are read one by one, which
/// takes no longer: these reads run at the same time, and a listing comes before them.
const MIN_LISTED: usize = 10;

/// The number of folders listed at the same time. If that many cannot be listed, the others are not
/// tried: the server offers no listings, or the policy denies them.
const MAX_UNLISTABLE: usize = 3;

/// Lists the metadata of the folders that hold many secrets, where the server offers that in one
/// call for each folder.
pub(super) async fn list_metadata<B: Backends>(
    invocation: &Invocation<'_, B>,
    bounds: Bounds<'_>,
) -> VaultListing {
    let ctx = invocation.ctx;
    let mut listing = VaultListing::default();
    let Ok(targets) = invocation.targets().await else {
        return listing;
    };
    if ctx.states.is_none() {
        return listing;
    }
    let mut unlistable = 0;
    for folders in folders(&targets).chunks(MAX_UNLISTABLE) {
        let lists = folders.iter().map(async |folder| {
            let list =
                async |vault: &B::Vault, token: &_| vault.folder_metadata(token, folder).await;
            bounds.run(ctx.session.call(list)).await
        });
        for (folder, list) in folders.iter().zip(join_all(lists).await) {
            match list {
                Ok(Some(secrets)) => {
                    listing.folders.insert(folder.clone(), secrets);
                }
                Ok(None) => unlistable += 1,
                Err(error) => {
                    // Not a warning: the cause also fails the users or the token, and is reported
                    // there.
                    tracing::info!(
                        error = %error,
                        "Vault's metadata could not be listed; it is read secret by secret"
                    );
                    unlistable += 1;
                }
            }
        }
        if unlistable >= MAX_UNLISTABLE {
            break;
        }
    }
    listing
}

/// Returns the folders that hold many secrets.
fn folders(targets: &Targets) -> Vec<VaultPath> {
    let mut secrets = BTreeMap::<VaultPath, usize>::new();
    for (_, target) in targets.named() {
        *secrets.entry(target.location.folder()).or_default() += 1;
    }
    let named = secrets
        .into_iter()
        .filter(|(_, secrets)| *secrets >= MIN_LISTED);
    let others = targets.others().map(|target| target.location.folder());
    let others = others.filter(|folder| !folder.path.contains('{'));
    let folders = named.map(|(folder, _)| folder).chain(others);
    folders.collect::<BTreeSet<_>>().into_iter().collect()
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
                return Err(repeated_page(source));
            }
            Some(next) => from = Some(next),
            None => return Ok(users),
        }
    }
}

/// Returns the error of a listing that never ends: a page leads to one that was read before.
pub(super) fn repeated_page(subject: &str) -> Error {
    Error::unexpected(
        "listing",
        subject,
        "a page leads to one that was already listed",
    )
}
