//! What is to be done for one user, and why: the rules of the service, as one table.
//!
//! Pure: no I/O, no clock, no environment, no log. The plan leaves no choice to [`apply`](mod@crate::apply).

use crate::config::OnUserDeleted;
use crate::report::Outcome;
use crate::snapshot::{Cas, CurrentKey, Parameter, RosterView, Snapshot, UserState, VaultView};

/// A decision: what to do, and why.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What to do.
    pub step: Step<'a>,
    /// Why.
    pub reason: Reason,
}

/// What is to be done for a user.
#[derive(Debug)]
pub enum Step<'a> {
    /// All is in step.
    Nothing,
    /// Vault holds the key already; record its version, which the state does not know yet.
    Adopt {
        /// The key that Vault holds.
        current: &'a CurrentKey,
        /// The version at which it does.
        vault_version: u64,
    },
    /// Write the key to Vault, then the state.
    Write {
        /// The key to write.
        current: &'a CurrentKey,
        /// The guard of the write.
        cas: Cas,
    },
    /// Nothing can be published yet: Vault keeps the last good key.
    Hold,
    /// The state is newer than the parameter that was read.
    Yield,
    /// The user is gone: record it; with `soft_delete`, delete Vault's latest version, recoverable.
    Retire {
        /// What was recorded of the user.
        state: &'a UserState,
        /// The version in Vault that goes too.
        soft_delete: Option<u64>,
    },
    /// The user should have a parameter and has none.
    ReportMissing,
    /// Nothing can be concluded.
    Fail,
}

impl Step<'_> {
    /// Whether the step writes or deletes something in Vault.
    pub fn changes_vault(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Retire { soft_delete: Some(_), .. })
    }

    /// What a dry run reports of the step.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Nothing | Self::Adopt { .. } => Outcome::Unchanged,
            Self::Write { .. } => Outcome::PlannedWritten,
            Self::Hold => Outcome::Held,
            Self::Yield => Outcome::Superseded,
            Self::Retire { .. } => Outcome::PlannedRetired,
            Self::ReportMissing => Outcome::Missing,
            Self::Fail => Outcome::Failed,
        }
    }
}

/// Why a plan is what it is. The text names what was seen, for reports and logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Parameter, state and Vault agree.
    #[error("Vault holds the current key")]
    InStep,
    /// The predecessor had written the key.
    #[error("Vault holds the current key, written by the predecessor")]
    TakenOver,
    /// No state: the user is new to us.
    #[error("new: no key of this user was recorded")]
    New,
    /// The parameter has another key than we recorded.
    #[error("rotated: the parameter holds a newer key")]
    Rotated,
    /// The user had been retired.
    #[error("came back: the user was retired and has a key again")]
    CameBack,
    /// The state tells of a key at another place in Vault.
    #[error("moved: the recorded key is at another path in Vault")]
    Moved,
    /// Vault is at another version than we wrote.
    #[error("drift: Vault is at version {found}, we wrote {recorded}")]
    OtherVersion {
        /// Vault's current version.
        found: u64,
        /// The version that we recorded.
        recorded: u64,
    },
    /// Vault's current version is deleted or destroyed.
    #[error("drift: the key's version {0} in Vault is deleted or destroyed")]
    Unreadable(u64),
    /// Vault has no such secret.
    #[error("drift: Vault has no such secret")]
    Vanished,
    /// The state is newer than the parameter that was read.
    #[error("the state is newer than the parameter that was read: another run was faster")]
    Superseded,
    /// The parameter has no `current`.
    #[error("the parameter has no current key (a rotation is under way or stuck); Vault keeps the last good key")]
    WithoutCurrent,
    /// Absent, and gone from the roster.
    #[error("the parameter is gone and the user is not on the roster")]
    Gone,
    /// Absent, as an event told; there is no roster to ask.
    #[error("the parameter was deleted")]
    ToldDeleted,
    /// Gone, and retired already.
    #[error("the user is gone and was retired before")]
    AlreadyRetired,
    /// Absent, on the roster.
    #[error("on the roster, but there is no parameter")]
    ListedWithoutParameter,
    /// Absent, and nothing says that the user was deleted.
    #[error("there is no parameter, and nothing says that the user was deleted")]
    NoParameter,
    /// Gone, and never seen by us.
    #[error("there is neither a parameter nor a recorded key")]
    NeverSeen,
    /// The name can be no parameter's.
    #[error(
        "the user's name holds a character that no parameter name can hold (+ = , @): the platform cannot publish its keys"
    )]
    Unnameable,
    /// The parameter does not hold what the platform writes.
    #[error("BadParameter: {0}; Vault keeps the last good key")]
    Malformed(String),
    /// The parameter could not be read.
    #[error("{0}")]
    NotRead(String),
}

impl Reason {
    /// Whether Vault had been changed behind our back.
    pub fn is_drift(&self) -> bool {
        matches!(self, Self::OtherVersion { .. } | Self::Unreadable(_) | Self::Vanished)
    }
}

/// Decides what is to be done for the user of `seen`. Same snapshot, same plan.
pub fn plan(seen: &Snapshot, on_user_deleted: OnUserDeleted) -> Plan<'_> {
    let write = |current| Step::Write { current, cas: cas(seen) };
    let (step, reason) = match (&seen.parameter, recorded(seen), seen.vault) {
        // The recorded key is the current one: is it still what Vault holds?
        (Parameter::Current(current), Recorded::Same(state), vault) => match (state.vault_version, vault) {
            (_, VaultView::Absent) => (write(current), Reason::Vanished),
            (_, VaultView::At { version, readable: false }) => (write(current), Reason::Unreadable(version)),
            (None, VaultView::At { version, .. }) => {
                (Step::Adopt { current, vault_version: version }, Reason::TakenOver)
            }
            (Some(recorded), VaultView::At { version, .. }) if version != recorded => {
                (write(current), Reason::OtherVersion { found: version, recorded })
            }
            (_, VaultView::At { .. } | VaultView::NotRead | VaultView::Hidden { .. }) => {
                (Step::Nothing, Reason::InStep)
            }
        },
        // Another key is recorded, or none.
        (Parameter::Current(_), Recorded::Newer(_), _) => (Step::Yield, Reason::Superseded),
        (Parameter::Current(current), Recorded::Nothing, _) => (write(current), Reason::New),
        (Parameter::Current(current), Recorded::Older(_), _) => (write(current), Reason::Rotated),
        (Parameter::Current(current), Recorded::Elsewhere(_), _) => (write(current), Reason::Moved),
        (Parameter::Current(current), Recorded::Retired, _) => (write(current), Reason::CameBack),
        // A parameter, but no key in it that could be published.
        (Parameter::WithoutCurrent { .. }, _, _) => (Step::Hold, Reason::WithoutCurrent),
        (Parameter::Malformed { problem, .. }, _, _) => (Step::Fail, Reason::Malformed(problem.clone())),
        (Parameter::Unreadable(error), _, _) => (Step::Fail, Reason::NotRead(error.to_string())),
        // No parameter.
        (Parameter::Unnameable, _, _) => (Step::ReportMissing, Reason::Unnameable),
        (Parameter::Absent, recorded, _) => match (gone(seen), recorded) {
            (Err(Reason::ListedWithoutParameter), _) => (Step::ReportMissing, Reason::ListedWithoutParameter),
            (_, Recorded::Retired) => (Step::Nothing, Reason::AlreadyRetired),
            (Err(nothing_says_so), _) => (Step::ReportMissing, nothing_says_so),
            (Ok(_), Recorded::Nothing) => (Step::ReportMissing, Reason::NeverSeen),
            (
                Ok(gone),
                Recorded::Same(state) | Recorded::Older(state) | Recorded::Newer(state) | Recorded::Elsewhere(state),
            ) => {
                let soft_delete = (on_user_deleted == OnUserDeleted::SoftDelete).then(|| latest(seen, state)).flatten();
                (Step::Retire { state, soft_delete }, gone)
            }
        },
    };
    Plan { step, reason }
}

/// How the recorded state stands to the parameter.
enum Recorded<'a> {
    /// No usable state.
    Nothing,
    /// The same key.
    Same(&'a UserState),
    /// Another key, from a revision that is not newer.
    Older(&'a UserState),
    /// Another key, from a newer revision.
    Newer(&'a UserState),
    /// A key at another place in Vault.
    Elsewhere(&'a UserState),
    /// The user was retired, and no newer revision is recorded.
    Retired,
}

fn recorded(seen: &Snapshot) -> Recorded<'_> {
    let Some(state) = &seen.state else { return Recorded::Nothing };
    let newer = state.revision() > seen.parameter.revision() && seen.parameter.revision().is_some();
    match &seen.parameter {
        Parameter::Current(current)
            if state.last_secret_hash != current.fingerprint && newer && state.tells_of(&seen.path) =>
        {
            Recorded::Newer(state)
        }
        _ if state.retired_at.is_some() => Recorded::Retired,
        _ if !state.tells_of(&seen.path) => Recorded::Elsewhere(state),
        Parameter::Current(current) if state.last_secret_hash == current.fingerprint => Recorded::Same(state),
        _ => Recorded::Older(state),
    }
}

/// Whether the user is gone for good, and who says so.
fn gone(seen: &Snapshot) -> Result<Reason, Reason> {
    match seen.roster {
        RosterView::NotListed => Ok(Reason::Gone),
        RosterView::Unknown if seen.told_deleted => Ok(Reason::ToldDeleted),
        RosterView::Unknown => Err(Reason::NoParameter),
        RosterView::Listed => Err(Reason::ListedWithoutParameter),
    }
}

/// The guard of a write: the version that Vault is at, as far as we know it.
fn cas(seen: &Snapshot) -> Cas {
    let recorded = seen.state.as_ref().filter(|state| state.tells_of(&seen.path)).and_then(|state| state.vault_version);
    match seen.vault {
        VaultView::At { version, .. } => Cas::Version(version),
        VaultView::Absent => Cas::Version(0),
        VaultView::NotRead | VaultView::Hidden { refused: None } => Cas::Version(recorded.unwrap_or(0)),
        // Refused, and no way to learn why: only a version that is recorded since then is worth another try.
        VaultView::Hidden { refused: Some(refused) } => match recorded.map(Cas::Version) {
            Some(recorded) if recorded != refused => recorded,
            _ => Cas::Unchecked,
        },
    }
}

/// The version in Vault that can be read now, as far as we know it.
fn latest(seen: &Snapshot, state: &UserState) -> Option<u64> {
    match seen.vault {
        VaultView::At { version, readable } => Some(version).filter(|_| readable),
        VaultView::Absent => None,
        VaultView::NotRead | VaultView::Hidden { .. } => state.vault_version.filter(|_| state.tells_of(&seen.path)),
    }
}

#[cfg(test)]
mod tests;
