//! What an invocation works with: the configuration and the backends.

mod aws;
mod connect;
#[cfg(feature = "cli")]
mod profile;

pub use connect::{Live, connect};

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::backends::{Backends, DocumentReading, Etag, PutResult, TargetDocuments};
use crate::config::{Config, TargetDefaults};
use crate::error::Error;
use crate::keys::{UserName, VaultPath};
use crate::session::VaultSession;
use crate::snapshot::SecretRecord;
use crate::targets::Targets;
use crate::token::TokenStatus;

/// The number of users whose keys events may delete within [`EVENT_RETIREMENT_INTERVAL`].
const MAX_EVENT_RETIREMENTS: usize = 3;

/// The interval of [`MAX_EVENT_RETIREMENTS`].
const EVENT_RETIREMENT_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

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
    /// The targets document, if there can be one.
    pub document: Option<B::Documents>,
    /// The document that was read last, and its version.
    targets: RefCell<Option<(Etag, Rc<Targets>)>>,
    default_targets: Rc<Targets>,
    degradations: RefCell<Vec<Degradation>>,
    token_warnings: RefCell<Vec<String>>,
    unrecorded: RefCell<HashMap<(UserName, Option<String>), SecretRecord>>,
    retired_by_events: RefCell<HashMap<UserName, Timestamp>>,
    roster_was_read: Cell<bool>,
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
    /// The token is not allowed to mark secrets, or Vault is too old for it.
    MarksAreRefused,
}

impl<B: Backends> Context<B> {
    /// Creates a context with these backends.
    pub fn new(
        config: Config,
        parameters: B::Parameters,
        states: Option<B::States>,
        session: VaultSession<B::Vault, B::Tokens>,
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
        }
    }

    /// Reads the targets document, if it has changed.
    ///
    /// # Errors
    /// Those of reading the document, and [`Error::BadTargets`] if it is refused.
    pub async fn targets(&self) -> Result<Rc<Targets>, Error> {
        let Some(document) = &self.document else {
            return Ok(self.default_targets.clone());
        };
        let known = self.targets.borrow().clone();
        let reading = document.load(known.as_ref().map(|(etag, _)| etag)).await?;
        match (reading, known) {
            (DocumentReading::Unchanged, Some((_, targets))) => Ok(targets),
            (DocumentReading::Absent | DocumentReading::Unchanged, _) => {
                *self.targets.borrow_mut() = None;
                Ok(self.default_targets.clone())
            }
            (DocumentReading::Document(text, etag), _) => {
                let targets = Targets::parse(&text, &TargetDefaults::of(&self.config));
                let targets = targets.map_err(|problems| Error::BadTargets {
                    document: document.address(),
                    problems,
                });
                let targets = Rc::new(targets?);
                *self.targets.borrow_mut() = etag.map(|etag| (etag, targets.clone()));
                Ok(targets)
            }
        }
    }

    /// Returns where the targets document is looked for, for messages.
    pub fn document_address(&self) -> String {
        let document = self.document.as_ref();
        document.map_or_else(String::new, TargetDocuments::address)
    }

    /// Stores a targets document, unless it is the stored one. Returns whether it was stored.
    ///
    /// # Errors
    /// [`Error::BadTargets`] if it is refused, [`Error::Contended`] if another process stored one at
    /// the same time, and those of the store.
    pub async fn import_targets(&self, text: Vec<u8>) -> Result<(Rc<Targets>, bool), Error> {
        let address = self.document_address();
        let Some(document) = &self.document else {
            let problem = "is not set; expected the bucket that stores the targets document";
            return Err(Error::misconfigured("S3_BUCKET_NAME", problem));
        };
        let defaults = TargetDefaults::of(&self.config);
        let targets = Targets::parse(&text, &defaults).map_err(|problems| Error::BadTargets {
            document: "the document".to_owned(),
            problems,
        })?;
        let etag = match document.load(None).await? {
            DocumentReading::Document(stored, _) if stored == text => {
                return Ok((Rc::new(targets), false));
            }
            DocumentReading::Document(_, etag) => etag,
            DocumentReading::Absent | DocumentReading::Unchanged => None,
        };
        match document.save(text, etag.as_ref()).await? {
            PutResult::Saved(_) => Ok((Rc::new(targets), true)),
            PutResult::PreconditionFailed => Err(Error::Contended {
                subject: address,
                attempts: 1,
            }),
        }
    }

    /// Remembers a record that was true of Vault but could not be written, so that the key is not
    /// written again and again while the bucket is not accessible.
    pub fn remember_unrecorded(&self, user: &UserName, record: SecretRecord) {
        let secret = (user.clone(), record.vault_path.clone());
        self.unrecorded.borrow_mut().insert(secret, record);
    }

    /// Forgets the unrecorded state of a secret, once a record is written.
    pub fn forget_unrecorded(&self, user: &UserName, record: &SecretRecord) {
        let secret = (user.clone(), record.vault_path.clone());
        self.unrecorded.borrow_mut().remove(&secret);
    }

    /// Returns the unrecorded state of a secret, if it was written after `recorded`.
    pub fn unrecorded(
        &self,
        user: &UserName,
        path: &VaultPath,
        recorded: Option<&SecretRecord>,
    ) -> Option<SecretRecord> {
        let secret = (user.clone(), Some(path.to_string()));
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

    /// Remembers that the roster was read. Then a denial later does not mean that there is none.
    pub fn remember_roster(&self) {
        self.roster_was_read.set(true);
    }

    /// Returns whether this process has read the roster.
    pub fn roster_was_read(&self) -> bool {
        self.roster_was_read.get()
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
            Degradation::MarksAreRefused => tracing::warn!(
                "secrets are written, but not marked in their metadata: Vault is older than 1.10, or \
                 the token lacks patch on it; allow what `keysync policy vault` prints, or set \
                 \"metadata\": null in the targets document"
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
        let renewal = self.session.renew_if_due(force, deadline);
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
