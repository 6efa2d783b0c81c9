//! How a secret in Vault is changed: the version that a write or a deletion refers to.

use super::{Action, Outcome, Reason, Removal};
use crate::snapshot::{Cas, SecretRecord, Snapshot, VaultView};

/// Returns how the current key is written. A merge changes an existing version; without knowing
/// which, a write could remove fields of others.
pub(super) fn write(seen: &Snapshot, reason: Reason) -> (Action, Reason) {
    let is_deleted = matches!(seen.vault, VaultView::Deleted(_));
    match cas(seen) {
        Cas::Version(version) if seen.target.merge && version > 0 && !is_deleted => {
            (Action::Patch(version), reason)
        }
        // Only the default target belongs to this service alone.
        Cas::Unchecked if !seen.target.is_default() => {
            (Action::Skip(Outcome::Failed), Reason::MetadataNeeded)
        }
        cas => (Action::Write(cas), reason),
    }
}

/// Returns how the key of a user who is gone is removed.
pub(super) fn removal(seen: &Snapshot, version: u64) -> Removal {
    if seen.target.merge {
        Removal::Fields(version)
    } else {
        Removal::Version(version)
    }
}

/// Returns whether Vault has just rejected this version for the removal of fields, and hides which
/// one it has.
pub(super) fn is_removal_rejected(seen: &Snapshot, version: u64) -> bool {
    seen.target.merge
        && matches!(seen.vault, VaultView::Hidden)
        && seen.rejected == Some(Cas::Version(version))
}

/// Returns the check-and-set version of a write: the version that Vault is at, if known.
fn cas(seen: &Snapshot) -> Cas {
    let here = |state: &&SecretRecord| state.is_at(&seen.target.location);
    let recorded = seen.state.recorded().filter(here);
    let recorded = Cas::Version(recorded.and_then(|state| state.vault_version).unwrap_or(0));
    match (&seen.vault, seen.rejected) {
        (VaultView::At(version) | VaultView::Deleted(version), _) => Cas::Version(*version),
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
pub(super) fn latest(seen: &Snapshot) -> Option<u64> {
    match &seen.vault {
        VaultView::At(version) => Some(*version),
        VaultView::Deleted(_) | VaultView::Absent => None,
        _ => {
            let recorded = seen.state.recorded();
            recorded
                .filter(|state| state.is_at(&seen.target.location))?
                .vault_version
        }
    }
}
