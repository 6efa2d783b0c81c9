//! What an invocation works with: the configuration and the backends.

mod aws;
mod connect;
mod degradation;
mod document;
#[cfg(feature = "cli")]
mod profile;

#[cfg(feature = "cli")]
pub use connect::at;
pub use connect::{Live, connect};
pub use degradation::Degradation;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::backends::{Backends, Etag};
use crate::config::Config;
use crate::error::Error;
use crate::keys::{UserName, VaultPath};
use crate::session::VaultSession;
use crate::snapshot::SecretRecord;
use crate::targets::Targets;
use crate::token::TokenStatus;

/// The number of users whose keys events may delete within [`EVENT_RETIREMENT_INTERVAL`].
const MAX_EVENT_RETIREMENTS: usize = 3;

/// For how long no secret is marked after a refusal. Policies change.
const MARK_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// The interval of [`MAX_EVENT_RETIREMENTS`].
const EVENT_RETIREMENT_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// A secret of a user: its namespace and its path.
type Secret = (UserName, Option<String>, Option<String>);

fn secret(user: &UserName, record: &SecretRecord) -> Secret {
    (
        user.clone(),
        record.vault_namespace.clone(),
        record.vault_path.clone(),
    )
}

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
    pub session: VaultSession<B::Vault, B::Tokens, B::Identity>,
    /// The roster, if one is configured.
    pub roster: Option<B::Roster>,
    /// The targets document, if there can be one.
    pub document: Option<B::Documents>,
    /// The document that was read last, and its version.
    targets: RefCell<Option<(Etag, Rc<Targets>)>>,
    default_targets: Rc<Targets>,
    degradations: RefCell<Vec<Degradation>>,
    token_warnings: RefCell<Vec<String>>,
    unrecorded: RefCell<HashMap<Secret, SecretRecord>>,
    retired_by_events: RefCell<HashMap<UserName, Timestamp>>,
    roster_was_read: Cell<bool>,
    mark_refused_at: Cell<Option<Timestamp>>,
}

impl<B: Backends> Context<B> {
    /// Creates a context with these backends.
    pub fn new(
        config: Config,
        parameters: B::Parameters,
        states: Option<B::States>,
        session: VaultSession<B::Vault, B::Tokens, B::Identity>,
        roster: Option<B::Roster>,
        document: Option<B::Documents>,
    ) -> Self {
        let default_targets = Rc::new(Targets::without_document(&config.vault));
        let (degradations, token_warnings) = (RefCell::default(), RefCell::default());
        let unrecorded = RefCell::default();
        Self {
            config,
            parameters,
            states,
            session,
            roster,
            document,
            targets: RefCell::default(),
            default_targets,
            degradations,
            token_warnings,
            unrecorded,
            retired_by_events: RefCell::default(),
            roster_was_read: Cell::default(),
            mark_refused_at: Cell::default(),
        }
    }

    /// Remembers a record that was true of Vault but could not be written, so that the key is not
    /// written again and again while the bucket is not accessible.
    pub fn remember_unrecorded(&self, user: &UserName, record: SecretRecord) {
        self.unrecorded
            .borrow_mut()
            .insert(secret(user, &record), record);
    }

    /// Forgets the unrecorded state of a secret, once a record is written.
    pub fn forget_unrecorded(&self, user: &UserName, record: &SecretRecord) {
        self.unrecorded.borrow_mut().remove(&secret(user, record));
    }

    /// Returns the unrecorded state of a secret, if it was written after `recorded`.
    pub fn unrecorded(
        &self,
        user: &UserName,
        path: &VaultPath,
        recorded: Option<&SecretRecord>,
    ) -> Option<SecretRecord> {
        let secret = (user.clone(), path.namespace.clone(), Some(path.to_string()));
        let unrecorded = self.unrecorded.borrow().get(&secret).cloned()?;
        let written = recorded.map(|record| record.last_synced_at);
        (Some(unrecorded.last_synced_at) > written).then_some(unrecorded)
    }

    /// Returns whether an event may delete the key of one more user now, and counts the user. A
    /// reconcile run has a limit of its own.
    pub fn reserve_retirement(&self, user: &UserName) -> bool {
        let mut retired = self.retired_by_events.borrow_mut();
        let now = Timestamp::now();
        retired.retain(|_, at| now.duration_since(*at).abs() < EVENT_RETIREMENT_INTERVAL);
        if retired.len() >= MAX_EVENT_RETIREMENTS && !retired.contains_key(user) {
            return false;
        }
        retired.entry(user.clone()).or_insert(now);
        true
    }

    /// Takes back the count of a user whose key could not be deleted.
    pub fn release_retirement(&self, user: &UserName) {
        self.retired_by_events.borrow_mut().remove(user);
    }

    /// Remembers that Vault has just refused a mark.
    pub fn remember_refused_mark(&self) {
        self.mark_refused_at.set(Some(Timestamp::now()));
    }

    /// Returns whether Vault refused a mark a short time ago. Each refusal loads the token anew.
    pub fn marks_are_refused(&self) -> bool {
        let age = |at| Timestamp::now().duration_since(at).abs();
        let refused_at = self.mark_refused_at.get();
        refused_at.is_some_and(|at| age(at) < MARK_PAUSE)
    }

    /// Remembers that the roster was read. Then a denial later does not mean that there is none.
    pub fn remember_roster(&self) {
        self.roster_was_read.set(true);
    }

    /// Returns whether this process has read the roster.
    pub fn roster_was_read(&self) -> bool {
        self.roster_was_read.get()
    }

    /// Renews the token if that is due, or with `force` in any case, and logs its warnings.
    ///
    /// # Errors
    /// Those of the renewal; [`Error::OutOfTime`] at the deadline.
    pub async fn renew_token(&self, force: bool, deadline: Instant) -> Result<TokenStatus, Error> {
        let renewal = self.session.renew_if_due(force, deadline);
        let status = tokio::time::timeout_at(deadline, renewal).await;
        let status = status.unwrap_or(Err(Error::OutOfTime))?;
        self.warn_of_token(status.warnings.clone());
        Ok(status)
    }

    /// Does the same for a run, which continues after a failure.
    ///
    /// # Errors
    /// The cause in words, for the caller to report.
    pub async fn maintain_token(
        &self,
        force: bool,
        deadline: Instant,
    ) -> Result<TokenStatus, String> {
        let status = self.renew_token(force, deadline).await;
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
