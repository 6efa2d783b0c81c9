//! How the recorded state compares with the parameter.

use crate::snapshot::{CurrentKey, ParameterView, SecretRecord, Snapshot};

/// How the recorded state compares with the parameter.
pub(super) enum Recorded<'a> {
    /// No usable state.
    Nothing,
    /// The same key.
    Same(&'a SecretRecord),
    /// Another key, from a revision that is not newer.
    Older,
    /// Another key, from a newer revision.
    Newer,
    /// A key at another place in Vault.
    Elsewhere,
    /// The user was retired, and no newer revision is recorded.
    Retired,
}

/// Compares the recorded state with the parameter.
pub(super) fn recorded(seen: &Snapshot) -> Recorded<'_> {
    let Some(state) = seen.state.recorded() else {
        return Recorded::Nothing;
    };
    let current = match &seen.parameter {
        ParameterView::Current(current) => Some(current),
        _ => None,
    };
    let same = |current: &CurrentKey| state.last_secret_hash == current.fingerprint;
    let newer = |current: &CurrentKey| state.revision() > Some(current.revision);
    match current {
        Some(current) if !same(current) && newer(current) && state.is_at(&seen.target.location) => {
            Recorded::Newer
        }
        _ if state.retired_at.is_some() => Recorded::Retired,
        _ if !state.is_at(&seen.target.location) => Recorded::Elsewhere,
        Some(current) if same(current) => Recorded::Same(state),
        _ => Recorded::Older,
    }
}
