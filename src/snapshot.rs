//! What was read about one user, as plain data: the parameter, the recorded state, Vault and the roster.
//!
//! A snapshot is the input of [`plan`](crate::plan). It performs no I/O and holds no secret.

#[cfg(feature = "cli")]
mod key_ids;
mod parameter;
mod reconcile_record;
mod record;
mod record_place;
mod target;
mod user_state;

#[cfg(feature = "cli")]
pub use key_ids::KeyIds;
pub use parameter::{CurrentKey, ParameterReading, ParameterView, Revision};
pub use reconcile_record::ReconcileRecord;
pub use record::{Resolution, SecretRecord};
pub use target::{Assignment, Mark, TargetView};
pub use user_state::UserState;

use jiff::{SignedDuration, Timestamp};

use crate::error::Error;

/// How often the platform rotates a key. The replaced key is kept for the same time, then deleted.
pub const ROTATION: SignedDuration = SignedDuration::from_hours(48);

/// Everything that a plan for one secret of a user is made from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What Parameter Store holds.
    pub parameter: ParameterView,
    /// What was recorded at the last write.
    pub state: StateView,
    /// What was recorded about the user, whatever secret.
    pub user: UserView,
    /// Whether the state is only remembered by this process, because it could not be written.
    pub is_unrecorded: bool,
    /// What Vault's metadata shows.
    pub vault: VaultView,
    /// When the current version in Vault was created, if metadata was read.
    pub created_at: Option<Timestamp>,
    /// Who created that version, if Vault records it.
    pub created_by: Option<String>,
    /// Whether the platform's roster lists the user.
    pub roster: RosterView,
    /// The secret: where the user's key belongs in Vault, and in which form.
    pub target: TargetView,
    /// Whether the user has this target.
    pub assignment: Assignment,
    /// The mark in the secret's metadata, if that was read.
    pub mark: Option<Mark>,
    /// The newest event about the parameter, if an event triggered the read.
    pub event: Option<Event>,
    /// The check-and-set version that Vault rejected just before.
    pub rejected: Option<Cas>,
    /// Whether the parameter comes from a listing. Absence from a listing is only a hint.
    pub is_listed: bool,
    /// How long ago the state was written; negative if the clocks differ.
    pub state_age: Option<SignedDuration>,
    /// Whether the parameter is at least as new as the view of Vault: Vault was read first, or
    /// not at all. Otherwise the snapshot can prove that all is in sync, but not justify a write.
    pub safe_to_write: bool,
}

impl Snapshot {
    /// Returns why a source could not be read, if that is so.
    pub fn unreadable(&self) -> Option<&Error> {
        if let Assignment::Unreadable(error) = &self.assignment {
            return Some(error);
        }
        match (&self.parameter, &self.state, &self.vault, &self.roster) {
            (ParameterView::Unreadable(error), _, _, _)
            | (_, StateView::Unreadable(error), _, _)
            | (_, _, VaultView::Unreadable(error), _)
            | (_, _, _, RosterView::Unreadable(error)) => Some(error),
            _ => None,
        }
    }

    /// Returns whether the parameter's key is the recorded one; `None` if the state is unknown.
    pub fn key_is_recorded(&self) -> Option<bool> {
        match (&self.state, &self.parameter) {
            (StateView::Unreadable(_), _) => None,
            (StateView::Recorded(state), ParameterView::Current(current)) => {
                Some(state.last_secret_hash == current.fingerprint && state.retired_at.is_none())
            }
            _ => Some(false),
        }
    }

    /// Returns since when Vault lacks the key that the parameter holds, given that it does.
    /// Each rotation puts the parameter again: of several missed rotations the first counts.
    pub fn outdated_since(&self) -> Option<Timestamp> {
        let revision = self.parameter.revision()?;
        let missed = self
            .state
            .recorded()
            .and_then(|state| state.missed_since(revision));
        Some(missed.unwrap_or(revision.modified).min(revision.modified))
    }
}

/// What the newest event reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When the parameter changed, to the second; `None` if the event has no time.
    pub time: Option<Timestamp>,
    /// Whether the parameter was deleted.
    pub deleted: bool,
}

/// What is recorded about a user.
#[derive(Clone, Debug)]
pub enum StateView {
    /// Nothing is recorded.
    Absent,
    /// A state object exists but cannot be parsed; it counts as absent and is replaced.
    Damaged,
    /// The state of the last write.
    Recorded(Box<SecretRecord>),
    /// The state could not be read, so nothing is known.
    Unreadable(Error),
}

impl From<SecretRecord> for StateView {
    fn from(record: SecretRecord) -> Self {
        Self::Recorded(Box::new(record))
    }
}

impl StateView {
    /// Returns the recorded state, if there is one.
    pub fn recorded(&self) -> Option<&SecretRecord> {
        match self {
            Self::Recorded(state) => Some(state),
            Self::Absent | Self::Damaged | Self::Unreadable(_) => None,
        }
    }
}

/// What is recorded about a user, whatever secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserView {
    /// Nothing, or it is unknown.
    Absent,
    /// A secret holds a key of the user. The newest one came from this revision, and was recorded so
    /// long ago.
    Published(Option<Revision>, SignedDuration),
    /// The user was retired.
    Retired,
}

/// What Vault's metadata shows about a user's secret.
#[derive(Clone, Debug)]
pub enum VaultView {
    /// Not read: the recorded version is assumed to be current, and check-and-set proves it.
    NotRead,
    /// The secret does not exist.
    Absent,
    /// The secret is at this version.
    At(u64),
    /// The secret is at this version, which is deleted or destroyed.
    Deleted(u64),
    /// The token is not allowed to read metadata.
    Hidden,
    /// Vault could not be read, so nothing is known.
    Unreadable(Error),
}

impl VaultView {
    /// Returns the view of a secret at this version.
    pub fn of_version(version: u64, readable: bool) -> Self {
        if version == 0 {
            // There is metadata only.
            Self::Absent
        } else if readable {
            Self::At(version)
        } else {
            Self::Deleted(version)
        }
    }

    /// Returns the current version, if it was read.
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::At(version) | Self::Deleted(version) => Some(*version),
            _ => None,
        }
    }
}

/// The check-and-set version of a write to Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cas {
    /// The secret must be at this version; 0 means that it must not exist.
    Version(u64),
    /// No check: the token cannot learn the version.
    Unchecked,
}

/// What the platform's roster shows about a user.
#[derive(Clone, Debug)]
pub enum RosterView {
    /// Not read, switched off, missing, or not accessible.
    Unknown,
    /// The user is on the roster.
    Listed,
    /// The user is not on the roster.
    NotListed,
    /// The roster could not be read, so nothing is known.
    Unreadable(Error),
}

#[cfg(test)]
mod tests;
