//! The plan: an owned value that leaves no decision about the user to `apply`.

use super::{Outcome, Reason};
use crate::config::OnUserDeleted;
use crate::snapshot::Cas;

/// A decision: what to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to do.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Whether the event refers to a newer revision than the one that was read. Then the user is
    /// observed again after the action, and the message returns to the queue once if that does not
    /// help.
    pub stale_read: bool,
}

/// What to do for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the current key to Vault with this check-and-set version, then the state.
    Write(Cas),
    /// Change the published fields of the secret at this version to the current key, then write the
    /// state. Fields of others are kept.
    Patch(u64),
    /// Record that Vault holds the current key as this version; write nothing to Vault.
    Adopt(u64),
    /// Record that the user is retired, after removing the key from Vault, if it is to be removed.
    Retire(Option<Removal>),
    /// Do nothing, with this outcome.
    Skip(Outcome),
    /// Decide nothing yet: read Vault, then everything else, and plan again.
    Reobserve,
}

/// How the key of a user who is gone is removed from Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Soft-delete this version.
    Version(u64),
    /// Remove the published fields of this version; fields of others are kept.
    Fields(u64),
}

/// The configured rules that a plan follows.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What happens in Vault when a user is retired.
    pub on_user_deleted: OnUserDeleted,
    /// Whether users may be retired now.
    pub retirement: Retirement,
    /// Whether a secret that another tool manages is taken over.
    pub adopts: bool,
}

/// Whether users may be retired now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// Retire a user who is gone.
    Allowed,
    /// Only report a user who is gone: a reconcile run counts such users first.
    Deferred,
    /// Refuse for now: events have retired too many users within a short time.
    TooMany,
}
