//! What is to be done for one user, and why: the rules of the service, as one table.
//!
//! Pure: no I/O, no clock, no environment, no log. The plan leaves no choice to [`apply`](mod@crate::apply).

mod reason;
mod sighting;

pub use reason::Reason;
pub use sighting::{Held, Sighting};

use crate::config::OnUserDeleted;
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
        matches!(
            self,
            Self::Write { .. }
                | Self::Retire {
                    soft_delete: Some(_),
                    ..
                }
        )
    }
}

/// Decides what is to be done for the user of `seen`. Same snapshot, same plan.
pub fn plan(seen: &Snapshot, on_user_deleted: OnUserDeleted) -> Plan<'_> {
    let write = |current| Step::Write {
        current,
        cas: cas(seen),
    };
    let (step, reason) = match (&seen.parameter, recorded(seen), seen.vault) {
        // The recorded key is the current one: is it still what Vault holds?
        (Parameter::Current(current), Recorded::Same(state), vault) => {
            match (state.vault_version, vault) {
                (_, VaultView::Absent) => (write(current), Reason::Vanished),
                (
                    _,
                    VaultView::At {
                        version,
                        readable: false,
                    },
                ) => (write(current), Reason::Unreadable(version)),
                (None, VaultView::At { version, .. }) => (
                    Step::Adopt {
                        current,
                        vault_version: version,
                    },
                    Reason::TakenOver,
                ),
                (Some(recorded), VaultView::At { version, .. }) if version != recorded => (
                    write(current),
                    Reason::OtherVersion {
                        found: version,
                        recorded,
                    },
                ),
                (_, VaultView::At { .. } | VaultView::NotRead | VaultView::Hidden { .. }) => {
                    (Step::Nothing, Reason::InStep)
                }
            }
        }
        // Another key is recorded, or none.
        (Parameter::Current(_), Recorded::Newer(_), _) => (Step::Yield, Reason::Superseded),
        (Parameter::Current(current), Recorded::Nothing, _) => (write(current), Reason::New),
        (Parameter::Current(current), Recorded::Older(_), _) => (write(current), Reason::Rotated),
        (Parameter::Current(current), Recorded::Elsewhere(_), _) => (write(current), Reason::Moved),
        (Parameter::Current(current), Recorded::Retired, _) => (write(current), Reason::CameBack),
        // A parameter, but no key in it that could be published.
        (Parameter::WithoutCurrent { .. }, _, _) => (Step::Hold, Reason::WithoutCurrent),
        (Parameter::Malformed { problem, .. }, _, _) => {
            (Step::Fail, Reason::Malformed(problem.clone()))
        }
        (Parameter::Unreadable(error), _, _) => (Step::Fail, Reason::NotRead(error.to_string())),
        // No parameter.
        (Parameter::Unnameable, _, _) => (Step::ReportMissing, Reason::Unnameable),
        (Parameter::Absent, recorded, _) => match (gone(seen), recorded) {
            (Err(Reason::ListedWithoutParameter), _) => {
                (Step::ReportMissing, Reason::ListedWithoutParameter)
            }
            (_, Recorded::Retired) => (Step::Nothing, Reason::AlreadyRetired),
            (Err(nothing_says_so), _) => (Step::ReportMissing, nothing_says_so),
            (Ok(_), Recorded::Nothing) => (Step::ReportMissing, Reason::NeverSeen),
            (
                Ok(gone),
                Recorded::Same(state)
                | Recorded::Older(state)
                | Recorded::Newer(state)
                | Recorded::Elsewhere(state),
            ) => {
                let soft_delete = (on_user_deleted == OnUserDeleted::SoftDelete)
                    .then(|| latest(seen, state))
                    .flatten();
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
    let Some(state) = &seen.state else {
        return Recorded::Nothing;
    };
    let newer = state.revision() > seen.parameter.revision() && seen.parameter.revision().is_some();
    match &seen.parameter {
        Parameter::Current(current)
            if state.last_secret_hash != current.fingerprint
                && newer
                && state.tells_of(&seen.path) =>
        {
            Recorded::Newer(state)
        }
        _ if state.retired_at.is_some() => Recorded::Retired,
        _ if !state.tells_of(&seen.path) => Recorded::Elsewhere(state),
        Parameter::Current(current) if state.last_secret_hash == current.fingerprint => {
            Recorded::Same(state)
        }
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
    let recorded = seen
        .state
        .as_ref()
        .filter(|state| state.tells_of(&seen.path))
        .and_then(|state| state.vault_version);
    match seen.vault {
        VaultView::At { version, .. } => Cas::Version(version),
        VaultView::Absent => Cas::Version(0),
        VaultView::NotRead | VaultView::Hidden { refused: None } => {
            Cas::Version(recorded.unwrap_or(0))
        }
        // Refused, and no way to learn why: only a version that is recorded since then is worth another try.
        VaultView::Hidden {
            refused: Some(refused),
        } => match recorded.map(Cas::Version) {
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
        VaultView::NotRead | VaultView::Hidden { .. } => {
            state.vault_version.filter(|_| state.tells_of(&seen.path))
        }
    }
}

#[cfg(test)]
mod tests;
