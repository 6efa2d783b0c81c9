//! What an invocation works with: the configuration and the backends.

mod aws;
mod connect;
#[cfg(feature = "cli")]
mod profile;

pub use connect::{Live, connect};

use std::cell::RefCell;
use std::collections::HashMap;

use tokio::time::Instant;

use crate::backends::Backends;
use crate::config::Config;
use crate::error::Error;
use crate::keys::UserName;
use crate::session::VaultSession;
use crate::snapshot::UserState;
use crate::token::TokenStatus;

/// The configuration and the backends of one process.
#[derive(Debug)]
pub struct Context<B: Backends> {
    /// The configuration.
    pub config: Config,
    /// Parameter Store.
    pub parameters: B::Parameters,
    /// The recorded state; `None` in basic mode.
    pub states: Option<B::States>,
    /// Vault, and the token for it.
    pub session: VaultSession<B::Vault, B::Tokens>,
    /// The roster, if one is configured.
    pub roster: Option<B::Roster>,
    degradations: RefCell<Vec<Degradation>>,
    token_warnings: RefCell<Vec<String>>,
    unrecorded: RefCell<HashMap<UserName, UserState>>,
}

/// A degraded mode; logged once per process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Degradation {
    /// The token is not allowed to read metadata.
    MetadataIsHidden,
    /// The token of the basic mode is not allowed to read keys.
    DataIsHidden,
    /// The roster is missing or not accessible.
    RosterIsClosed,
}

impl<B: Backends> Context<B> {
    /// Creates a context with these backends.
    pub fn new(
        config: Config,
        parameters: B::Parameters,
        states: Option<B::States>,
        session: VaultSession<B::Vault, B::Tokens>,
        roster: Option<B::Roster>,
    ) -> Self {
        let (degradations, token_warnings) = (RefCell::default(), RefCell::default());
        let unrecorded = RefCell::default();
        Self {
            config,
            parameters,
            states,
            session,
            roster,
            degradations,
            token_warnings,
            unrecorded,
        }
    }

    /// Remembers a state that was true of Vault but could not be written, so that the key is not
    /// written again and again while the bucket is not accessible.
    pub fn remember_unrecorded(&self, user: &UserName, state: UserState) {
        self.unrecorded.borrow_mut().insert(user.clone(), state);
    }

    /// Forgets the unrecorded state of a user, once a state is recorded.
    pub fn forget_unrecorded(&self, user: &UserName) {
        self.unrecorded.borrow_mut().remove(user);
    }

    /// Returns the unrecorded state of a user, if it is about a later version than `recorded`.
    pub fn unrecorded(&self, user: &UserName, recorded: Option<&UserState>) -> Option<UserState> {
        let unrecorded = self.unrecorded.borrow().get(user).cloned()?;
        let version = recorded.and_then(|state| state.vault_version);
        (unrecorded.vault_version > version).then_some(unrecorded)
    }

    /// Logs a degraded mode, the first time.
    pub fn warn_once(&self, degradation: Degradation) {
        if self.degradations.borrow().contains(&degradation) {
            return;
        }
        self.degradations.borrow_mut().push(degradation);
        match degradation {
            Degradation::MetadataIsHidden => tracing::warn!(
                "the Vault token is not allowed to read metadata: keys are synced, but drift in \
                 Vault is not detected, and a write whose check-and-set Vault rejects is repeated \
                 without it; allow what `keysync policy vault` prints"
            ),
            Degradation::RosterIsClosed => tracing::warn!(
                "the roster is missing or not accessible: a user without a parameter is retired \
                 when an event reports the deletion; allow dynamodb:GetItem and dynamodb:Scan on \
                 IAM_USER_TABLE, or switch the roster off with IAM_USER_TABLE=-"
            ),
            Degradation::DataIsHidden => tracing::warn!(
                "the Vault token is not allowed to read keys: without a bucket for state, every \
                 sync writes a new version; set S3_BUCKET_NAME or allow read"
            ),
        }
    }

    /// Renews the token if that is due, or with `force` in any case, and logs its warnings.
    ///
    /// # Errors
    /// The cause in words, for the caller to report.
    pub async fn maintain_token(
        &self,
        force: bool,
        deadline: Instant,
    ) -> Result<TokenStatus, String> {
        let renewal = self.session.renew_if_due(force);
        let status = tokio::time::timeout_at(deadline, renewal).await;
        let status = status.unwrap_or(Err(Error::OutOfTime));
        if let Ok(status) = &status {
            self.warn_of_token(status.warnings.clone());
        }
        status.map_err(|error| format!("checking and renewing the Vault token failed: {error}"))
    }

    /// Logs warnings about the token, unless they are the same as last time.
    pub fn warn_of_token(&self, warnings: Vec<String>) {
        if *self.token_warnings.borrow() != warnings {
            for warning in &warnings {
                tracing::warn!("{warning}");
            }
            *self.token_warnings.borrow_mut() = warnings;
        }
    }
}
