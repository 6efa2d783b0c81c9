//! What is to be done for one user, and why: the rules of the service as one table.
//!
//! Pure: no I/O, no clock, no environment, no log. The plan leaves no decision to
//! [`apply`](mod@crate::apply) or to [`sync`](mod@crate::sync).

mod reason;

pub use reason::Reason;

use jiff::SignedDuration;

use crate::config::OnUserDeleted;
use crate::snapshot::{
    Cas, CurrentKey, ParameterView, RosterView, Snapshot, StateView, UserState, VaultView,
};

/// Maximum event lag. A later event refers to a newer revision than the one that was read.
const MAX_EVENT_LAG: SignedDuration = SignedDuration::from_secs(2);

/// A decision: what to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to do.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Whether the event refers to a newer revision than the one that was read. Then the user is
    /// observed again after the action, and the message is redelivered once if that does not help.
    pub stale_read: bool,
}

/// What to do for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the current key to Vault, then the state.
    Write {
        /// The check-and-set parameter of the write.
        cas: Cas,
    },
    /// Record that Vault holds the current key; write nothing to Vault.
    Adopt {
        /// The version in Vault that holds it.
        vault_version: u64,
    },
    /// Record that the user is retired, after deleting a version in Vault if one is given.
    Retire {
        /// The version to soft-delete.
        soft_delete: Option<u64>,
    },
    /// Do nothing.
    Skip(SkipKind),
    /// Decide nothing yet: read Vault, then everything else, and plan again.
    Reobserve,
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipKind {
    /// Everything is in sync.
    InSync,
    /// There is no key to publish; Vault keeps the last good one.
    Held,
    /// The recorded key is newer than the one that was read.
    Superseded,
    /// The user should have a parameter and has none.
    Missing,
    /// The user is to be retired, but not before all such users are counted.
    RetirementDeferred,
    /// Nothing can be concluded.
    Failed,
}

/// The configured rules that a plan follows.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What happens in Vault when a user is retired.
    pub on_user_deleted: OnUserDeleted,
    /// Whether users may be retired now.
    pub retirement: Retirement,
}

/// Whether users may be retired now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// Retire a user who is gone.
    Allowed,
    /// Only report a user who is gone: a reconcile run counts such users first.
    Deferred,
}

/// Decides what to do for the user of `seen`. The same snapshot gives the same plan.
pub fn plan(seen: &Snapshot, policy: Policy) -> Plan {
    let (action, reason) = match decide(seen, policy) {
        (action, reason) if changes_vault(action) && !seen.safe_to_write => {
            (Action::Reobserve, reason)
        }
        decided => decided,
    };
    Plan {
        action,
        stale_read: is_stale_read(seen, action),
        reason,
    }
}

fn decide(seen: &Snapshot, policy: Policy) -> (Action, Reason) {
    use Action::{Adopt, Retire, Skip};
    let write = || Action::Write { cas: cas(seen) };
    let failed =
        |error: &crate::error::Error| (Skip(SkipKind::Failed), Reason::NotRead(error.to_string()));
    match (&seen.parameter, recorded(seen), &seen.vault) {
        // A source that could not be read decides nothing.
        (ParameterView::Unreadable(error), _, _)
        | (_, Recorded::Unreadable(error), _)
        | (_, _, VaultView::Unreadable(error)) => failed(error),
        // The recorded key is the current one. The question is whether Vault still holds it.
        (ParameterView::Current(_), Recorded::Same(state), vault) => {
            match (state.vault_version, vault) {
                (_, VaultView::Absent) => (write(), Reason::Vanished),
                (
                    _,
                    VaultView::At {
                        version,
                        readable: false,
                    },
                ) => (write(), Reason::Unreadable(*version)),
                (None, VaultView::At { version, .. }) => (
                    Adopt {
                        vault_version: *version,
                    },
                    Reason::Adopted,
                ),
                (Some(recorded), VaultView::At { version, .. }) if *version != recorded => (
                    write(),
                    Reason::OtherVersion {
                        found: *version,
                        recorded,
                    },
                ),
                _ => (Skip(SkipKind::InSync), Reason::InSync),
            }
        }
        // Another key is recorded, or none.
        (ParameterView::Current(_), Recorded::Newer, _) => {
            (Skip(SkipKind::Superseded), Reason::Superseded)
        }
        (ParameterView::Current(_), Recorded::Nothing, _) => (write(), Reason::New),
        (ParameterView::Current(_), Recorded::Older(_), _) => (write(), Reason::Rotated),
        (ParameterView::Current(_), Recorded::Elsewhere(_), _) => (write(), Reason::Moved),
        (ParameterView::Current(_), Recorded::Retired, _) => (write(), Reason::CameBack),
        // A parameter without a key that could be published.
        (ParameterView::WithoutCurrent { .. }, _, _) => {
            (Skip(SkipKind::Held), Reason::WithoutCurrent)
        }
        (ParameterView::Malformed { problem, .. }, _, _) => {
            (Skip(SkipKind::Failed), Reason::Malformed(problem.clone()))
        }
        // No parameter.
        (ParameterView::Unnameable, _, _) => (Skip(SkipKind::Missing), Reason::Unnameable),
        (ParameterView::Absent, recorded, vault) => match (is_gone(seen), recorded) {
            (Gone::Unknown(error), _) => failed(error),
            (Gone::No(reason @ Reason::ListedWithoutParameter), _) => {
                (Skip(SkipKind::Missing), reason)
            }
            (_, Recorded::Retired) => (Skip(SkipKind::InSync), Reason::AlreadyRetired),
            (Gone::No(reason), _) => (Skip(SkipKind::Missing), reason),
            (
                Gone::Yes(reason),
                Recorded::Same(state) | Recorded::Older(state) | Recorded::Elsewhere(state),
            ) => match policy {
                Policy {
                    retirement: Retirement::Deferred,
                    ..
                } => (Skip(SkipKind::RetirementDeferred), reason),
                Policy {
                    on_user_deleted: OnUserDeleted::Retain,
                    ..
                } => (Retire { soft_delete: None }, reason),
                Policy {
                    on_user_deleted: OnUserDeleted::SoftDelete,
                    ..
                } => (
                    Retire {
                        soft_delete: latest(seen, state, vault),
                    },
                    reason,
                ),
            },
            (Gone::Yes(_), _) => (Skip(SkipKind::Missing), Reason::NeverSeen),
        },
    }
}

fn changes_vault(action: Action) -> bool {
    matches!(
        action,
        Action::Write { .. }
            | Action::Retire {
                soft_delete: Some(_)
            }
    )
}

/// How the recorded state compares with the parameter.
enum Recorded<'a> {
    /// No usable state.
    Nothing,
    /// The same key.
    Same(&'a UserState),
    /// Another key, from a revision that is not newer.
    Older(&'a UserState),
    /// Another key, from a newer revision.
    Newer,
    /// A key at another place in Vault.
    Elsewhere(&'a UserState),
    /// The user was retired, and no newer revision is recorded.
    Retired,
    /// The state could not be read.
    Unreadable(&'a crate::error::Error),
}

fn recorded(seen: &Snapshot) -> Recorded<'_> {
    let state = match &seen.state {
        StateView::Absent | StateView::Damaged => return Recorded::Nothing,
        StateView::Unreadable(error) => return Recorded::Unreadable(error),
        StateView::Recorded(state) => state,
    };
    let current = match &seen.parameter {
        ParameterView::Current(current) => Some(current),
        _ => None,
    };
    let same = |current: &CurrentKey| state.last_secret_hash == current.fingerprint;
    let newer = |current: &CurrentKey| state.revision() > Some(current.revision);
    match current {
        Some(current) if !same(current) && newer(current) && state.is_at(&seen.path) => {
            Recorded::Newer
        }
        _ if state.retired_at.is_some() => Recorded::Retired,
        _ if !state.is_at(&seen.path) => Recorded::Elsewhere(state),
        Some(current) if same(current) => Recorded::Same(state),
        _ => Recorded::Older(state),
    }
}

/// Whether a user without a parameter is gone for good, and what shows it.
enum Gone<'a> {
    Yes(Reason),
    No(Reason),
    Unknown(&'a crate::error::Error),
}

fn is_gone(seen: &Snapshot) -> Gone<'_> {
    match &seen.roster {
        RosterView::NotListed => Gone::Yes(Reason::Gone),
        RosterView::Unknown if seen.event.is_some_and(|event| event.deleted) => {
            Gone::Yes(Reason::DeleteEvent)
        }
        RosterView::Unknown => Gone::No(Reason::NoParameter),
        RosterView::Listed => Gone::No(Reason::ListedWithoutParameter),
        RosterView::Unreadable(error) => Gone::Unknown(error),
    }
}

/// Returns the check-and-set parameter of a write: the version that Vault is at, if known.
fn cas(seen: &Snapshot) -> Cas {
    let state = seen
        .state
        .recorded()
        .filter(|state| state.is_at(&seen.path));
    let recorded = Cas::Version(state.and_then(|state| state.vault_version).unwrap_or(0));
    match (&seen.vault, seen.rejected) {
        (VaultView::At { version, .. }, _) => Cas::Version(*version),
        (VaultView::Absent, _) => Cas::Version(0),
        // Vault rejected the version and does not show another: without a state that was written
        // since then, only an unchecked write can succeed.
        (VaultView::Hidden, Some(rejected))
            if rejected == recorded || recorded == Cas::Version(0) =>
        {
            Cas::Unchecked
        }
        _ => recorded,
    }
}

/// Returns the version in Vault that is readable now, as far as known.
fn latest(seen: &Snapshot, state: &UserState, vault: &VaultView) -> Option<u64> {
    match vault {
        VaultView::At { version, readable } => Some(*version).filter(|_| *readable),
        VaultView::Absent => None,
        _ => state.vault_version.filter(|_| state.is_at(&seen.path)),
    }
}

/// Returns whether the event refers to a newer revision than the one that was read. A parameter
/// without a current key is always worth another read, because the next put follows within
/// seconds. For a key, the event must be clearly later: its time has no fractions and may lag.
fn is_stale_read(seen: &Snapshot, action: Action) -> bool {
    let Some((event, time)) = seen.event.and_then(|event| Some((event, event.time?))) else {
        return false;
    };
    match (action, seen.parameter.revision()) {
        (Action::Skip(SkipKind::Failed) | Action::Retire { .. }, _) => false,
        (Action::Skip(SkipKind::Held), Some(read)) => time > read.modified,
        (_, Some(read)) => time.duration_since(read.modified) > MAX_EVENT_LAG,
        (_, None) => !event.deleted,
    }
}

#[cfg(test)]
mod tests;
