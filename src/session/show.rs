//! Read-only access to the session: the token in use, the server and the token store.

use jiff::Timestamp;

use super::{TokenSource, VaultSession};
use crate::backends::{Identity, Tokens, Vault};
use crate::error::Error;
use crate::token::{TokenIssue, TokenView};

impl<V: Vault, T: Tokens, I: Identity> VaultSession<V, T, I> {
    /// Looks up the token in use without renewing it.
    ///
    /// # Errors
    /// The errors of loading and of looking up the token.
    pub async fn show(&self) -> Result<TokenView, Error> {
        let facts = self
            .call(async |vault, token| vault.lookup(token).await)
            .await?;
        let now = Timestamp::now();
        if self.logs_in() {
            let issues = facts.issues_of_login().into_iter();
            let warnings = issues.map(TokenIssue::advice).collect();
            let mut view = facts.view(now, warnings);
            view.status.login = true;
            return Ok(view);
        }
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

    /// Returns whether the token is that of a login.
    pub(crate) fn logs_in(&self) -> bool {
        matches!(self.source, TokenSource::Login(_))
    }

    /// Returns the token store; `None` for a given token and for a login.
    pub(crate) fn store(&self) -> Option<&T> {
        match &self.source {
            TokenSource::Fixed(_) | TokenSource::Login(_) => None,
            TokenSource::Stored(store) => Some(store),
        }
    }

    /// Drops the cached token, so that the next use loads the stored one.
    pub(crate) async fn forget(&self) {
        self.cache.lock().await.token = None;
    }
}
