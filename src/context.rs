//! What an invocation works with: the configuration, the stores, and what has been said already.

mod connect;

pub use connect::{Live, connect};

use std::cell::RefCell;

use tokio::time::Instant;

use crate::backends::Backends;
use crate::config::Config;
use crate::error::Error;
use crate::session::VaultSession;
use crate::token::TokenStatus;

/// The configuration and the stores of one process.
#[derive(Debug)]
pub struct Context<W: Backends> {
    /// What is configured.
    pub config: Config,
    /// Parameter Store.
    pub parameters: W::Parameters,
    /// The recorded state; `None` in basic mode.
    pub states: Option<W::States>,
    /// Vault, and the token that opens it.
    pub session: VaultSession<W::Vault, W::Tokens>,
    /// The roster, if there is one to ask.
    pub roster: Option<W::Roster>,
    said: RefCell<Vec<Degradation>>,
    said_of_token: RefCell<Vec<String>>,
}

/// A limitation that is worth saying once in the life of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Degradation {
    /// The token may not read metadata.
    MetadataIsHidden,
    /// The token of the basic mode may not read keys.
    DataIsHidden,
    /// The roster is missing, or closed to us.
    RosterIsClosed,
}

impl<W: Backends> Context<W> {
    /// A ctx of these stores.
    pub fn new(
        config: Config,
        parameters: W::Parameters,
        states: Option<W::States>,
        session: VaultSession<W::Vault, W::Tokens>,
        roster: Option<W::Roster>,
    ) -> Self {
        let (said, said_of_token) = (RefCell::default(), RefCell::default());
        Self {
            config,
            parameters,
            states,
            session,
            roster,
            said,
            said_of_token,
        }
    }

    /// Logs the notice, the first time.
    pub fn warn_once(&self, notice: Degradation) {
        if self.said.borrow().contains(&notice) {
            return;
        }
        self.said.borrow_mut().push(notice);
        match notice {
            Degradation::MetadataIsHidden => tracing::warn!(
                "the Vault token may not read metadata: keys are synced, but drift in Vault is not seen, and a write whose guard \
                 Vault refuses is made without one; allow what `keysync policy vault` prints"
            ),
            Degradation::RosterIsClosed => tracing::warn!(
                "there is no roster to ask: a user without a parameter is retired when an event says that it was deleted; \
                 allow dynamodb:GetItem and dynamodb:Scan on IAM_USER_TABLE, or switch the roster off with IAM_USER_TABLE=-"
            ),
            Degradation::DataIsHidden => tracing::warn!(
                "the Vault token may not read keys: without a bucket for state, every sync writes a new version; set S3_BUCKET_NAME or allow read"
            ),
        }
    }

    /// Renews the token where that is due, or with `force` in any case, and logs what is wrong with it; an `Err` says in
    /// words that this could not be done, and is the caller's to tell.
    pub async fn maintain_token(
        &self,
        force: bool,
        deadline: Instant,
    ) -> Result<TokenStatus, String> {
        let renew_if_due =
            tokio::time::timeout_at(deadline, self.session.renew_if_due(force)).await;
        let status = renew_if_due.unwrap_or(Err(Error::OutOfTime));
        if let Ok(status) = &status {
            self.warn_of_token(status.warnings.clone());
        }
        status.map_err(|error| format!("the Vault token could not be looked after: {error}"))
    }

    /// Logs what is wrong with the token, unless the same was said last time.
    pub fn warn_of_token(&self, warnings: Vec<String>) {
        if *self.said_of_token.borrow() != warnings {
            for warning in &warnings {
                tracing::warn!("{warning}");
            }
            *self.said_of_token.borrow_mut() = warnings;
        }
    }
}
