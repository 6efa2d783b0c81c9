//! The token in use, looked at and left as it is.

use jiff::Timestamp;

use super::{TokenSource, VaultSession};
use crate::backends::{Tokens, Vault};
use crate::error::Error;
use crate::token::{TokenIssue, TokenView};

impl<V: Vault, T: Tokens> VaultSession<V, T> {
    /// What is known of the token now, from Vault itself; nothing is renewed.
    ///
    /// # Errors
    /// Those of loading the token and of asking Vault for it.
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

    /// Vault, for what needs no token or another one.
    pub(crate) fn vault(&self) -> &V {
        &self.vault
    }

    /// Where the token is stored; `None` for a token that is given.
    pub(crate) fn store(&self) -> Option<&T> {
        match &self.source {
            TokenSource::Fixed(_) => None,
            TokenSource::Stored(store) => Some(store),
        }
    }

    /// Forgets the token, so that the stored one is loaded when it is needed next.
    pub(crate) async fn forget(&self) {
        self.memory.lock().await.held = None;
    }
}
