//! What was done for one secret.

use jiff::Timestamp;

use crate::error::Error;
use crate::snapshot::Cas;

/// What was done for one secret.
#[derive(Debug)]
pub struct Applied {
    /// The write to Vault, if there was one, also if the state could not be written after it.
    pub written: Option<VaultWrite>,
    /// How often another process had changed the state object, or a damaged one was replaced.
    pub state_conflicts: u64,
    /// How the work ended.
    pub end: Result<End, Error>,
}

/// A write to Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultWrite {
    /// The version that was written.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
}

/// How applying a plan ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything is done.
    Done,
    /// Vault rejected this check-and-set version; nothing was written.
    CasMismatch(Cas),
    /// Vault has no secret with this version to change; nothing was written.
    Vanished(u64),
    /// Another process recorded a state that does not agree: observe and plan again.
    Conflict,
}
