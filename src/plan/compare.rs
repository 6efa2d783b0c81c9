//! How the recorded state, other secrets and the mark compare with the parameter.

use jiff::SignedDuration;

use super::{MAX_LEAD, Reason};
use crate::snapshot::{
    CurrentKey, Event, ParameterView, RosterView, SecretRecord, Snapshot, UserView, VaultView,
};

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
    let is_here = state.is_at_path(&seen.target.location.path);
    match current {
        Some(current) if !same(current) && newer(current) && is_here => Recorded::Newer,
        _ if state.retired_at.is_some() => Recorded::Retired,
        _ if !is_here => Recorded::Elsewhere,
        Some(current) if same(current) => Recorded::Same(state),
        _ => Recorded::Older,
    }
}

/// Returns whether the version in Vault was created when the recorded one was; `None` if unknown.
pub(super) fn created(seen: &Snapshot, state: &SecretRecord) -> Option<bool> {
    Some(seen.created_at? == state.vault_created_at?)
}

/// Returns whether the parameter is older than the revision that is recorded for any place.
pub(super) fn is_before_record(seen: &Snapshot) -> bool {
    let recorded = seen.state.recorded().and_then(SecretRecord::revision);
    recorded.is_some() && seen.parameter.revision() < recorded
}

/// Returns whether the record names another server, and Vault was not read.
pub(super) fn is_unseen_server(seen: &Snapshot) -> bool {
    let recorded = seen.state.recorded();
    let is_other = recorded.is_some_and(|state| !state.is_on_server_of(&seen.target.location));
    is_other && matches!(seen.vault, VaultView::NotRead)
}

/// Returns whether the parameter was put before the user was retired. A user who comes back has a
/// newer one.
pub(super) fn is_before_retirement(seen: &Snapshot) -> bool {
    let retired_at = seen.state.recorded().and_then(|state| state.retired_at);
    seen.parameter.revision().map(|read| read.modified) < retired_at
}

/// Returns whether a revision is recorded that was put after the event. The time of an event has no
/// fractions of a second. An event without a time proves nothing.
pub(super) fn is_recorded_after(seen: &Snapshot, event: Event) -> bool {
    let recorded = seen.state.recorded().and_then(SecretRecord::revision);
    match (event.time, recorded) {
        (None, recorded) => recorded.is_some(),
        // A state of the legacy service has no revision; its key was put before it was written.
        (Some(time), None) => {
            let written = seen.state.recorded().map(|state| state.last_synced_at);
            written
                .is_some_and(|written| written.duration_since(time) >= SignedDuration::from_secs(1))
        }
        (Some(time), Some(recorded)) => {
            recorded.modified.duration_since(time) >= SignedDuration::from_secs(1)
        }
    }
}

/// Returns where the key was recorded, if that is a place that the service does not reach: another
/// path, or another server or namespace.
pub(super) fn left_behind(seen: &Snapshot) -> Option<String> {
    let state = seen.state.recorded()?;
    let is_here = state.is_at_path(&seen.target.location.path)
        && (state.is_on_server_of(&seen.target.location) || created(seen, state) == Some(true));
    let path = state.vault_path.as_ref().filter(|_| !is_here)?;
    let server = [&state.vault_address, &state.vault_namespace];
    let server = server.into_iter().flatten().cloned();
    Some(server.chain([path.clone()]).collect::<Vec<_>>().join("/"))
}

/// Returns whether another secret of the user got a newer key a moment ago.
pub(super) fn is_before_other_secret(seen: &Snapshot, current: &CurrentKey) -> bool {
    match seen.user {
        UserView::Published(newest, age) => newest > Some(current.revision) && age <= MAX_LEAD,
        UserView::Absent | UserView::Retired => false,
    }
}

/// Returns the other tool that manages the secret, if there is one.
pub(super) fn other_tool(seen: &Snapshot) -> Option<&str> {
    seen.mark.as_ref()?.other_tool()
}

/// Returns whether the mark shows that this version of the secret holds the key. The scheduled job
/// marks neither the version that it wrote nor the definition.
pub(super) fn is_marked(seen: &Snapshot, current: &CurrentKey, found: u64) -> bool {
    seen.mark.as_ref().is_some_and(|mark| {
        let definition = mark.definition.as_deref();
        mark.other_tool().is_none()
            && !mark.is_of_other_user
            && mark.parameter_version == Some(current.revision.version)
            && mark.vault_version.is_none_or(|marked| marked == found)
            && definition.is_none_or(|marked| seen.target.is_defined_by(Some(marked)))
    })
}

/// Returns whether a user without a parameter is gone for good, and what shows it.
pub(super) fn is_gone(seen: &Snapshot) -> Result<Reason, Reason> {
    match (&seen.roster, seen.event) {
        (RosterView::Listed, _) => Err(Reason::ListedWithoutParameter),
        // The parameter exists, although the read does not show it yet.
        (_, Some(event)) if !event.deleted => Err(Reason::PutNotRead),
        (RosterView::NotListed, _) => Ok(Reason::Gone),
        (_, Some(event)) if is_recorded_after(seen, event) => Err(Reason::RecordedAfterDeletion),
        (_, Some(_)) => Ok(Reason::DeleteEvent),
        (_, None) => Err(Reason::NoParameter),
    }
}

/// Returns whether all keys of a user without a parameter were retired.
pub(super) fn is_retired(seen: &Snapshot) -> bool {
    seen.user == UserView::Retired && matches!(seen.parameter, ParameterView::Absent)
}
