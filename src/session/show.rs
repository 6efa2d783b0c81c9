//! Read-only access to the session: the token in use, the server and the token store.

use jiff::Timestamp;

use super::{TokenSource, VaultSession};
use crate::backends::{Tokens, Vault};
use crate::error::Error;
use crate::token::{TokenIssue, TokenView};

impl<V: Vault, T: Tokens> VaultSession<V, T> {
    /// Looks up the token in use without renewing it.
    ///
    /// # Errors
    /// The errors of loading and of looking up the token.
    pub async fn show(&self) -> Result<TokenView, Error> {
        let facts = self
            .call(async |vault, token| vault.lookup(token).await)
            .await?;
        let now = Timestamp::now();
        let warnings = facts
            .issues(now)
            .into_iter()
            .map(TokenIssue::advice)
            .collect();
        Ok(facts.view(now, warnings))
    }

    /// Returns the server, for calls without a token or with another one.
    pub(crate) fn vault(&self) -> &V {
        &self.vault
    }

    /// Returns the token store; `None` for a given token.
    pub(crate) fn store(&self) -> Option<&T> {
        match &self.source {
            TokenSource::Fixed(_) => None,
            TokenSource::Stored(store) => Some(store),
        }
    }

    /// Drops the cached token, so that the next use loads the stored one.
    pub(crate) async fn forget(&self) {
        self.cache.lock().await.token = None;
    }
}
