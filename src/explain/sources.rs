//! One sentence about what each source holds.

use jiff::Timestamp;

use crate::config::Config;
use crate::snapshot::{
    Assignment, ParameterView, ReconcileRecord, RosterView, SecretRecord, Snapshot, StateView,
    VaultView,
};
use crate::status::{Row, SyncOutcome, last_four};
use crate::time_format::relative;

pub(super) fn parameter(name: &str, snapshot: &Snapshot, now: Timestamp) -> String {
    let at = snapshot
        .parameter
        .revision()
        .map_or_else(String::new, |revision| {
            format!(
                "version {}, put {}",
                revision.version,
                relative(revision.modified, now)
            )
        });
    match &snapshot.parameter {
        ParameterView::Current(current) => {
            format!("{name} holds the key …{} in {at}.", last_four(&current.id))
        }
        ParameterView::WithoutCurrent { .. } => {
            format!("{name} is at {at}, but it has no current key.")
        }
        ParameterView::Malformed { problem, .. } => format!("{name} is at {at}, but {problem}."),
        ParameterView::Absent => {
            format!("The parameter {name} does not exist in this account and Region.")
        }
        ParameterView::Unnameable => "No parameter name can contain this user's name.".to_owned(),
        ParameterView::Unreadable(error) => format!("{name} could not be read: {error}."),
    }
}

pub(super) fn roster(snapshot: &Snapshot) -> Option<String> {
    let text = match (&snapshot.roster, &snapshot.parameter) {
        (RosterView::Listed, _) => "The user is on the platform's roster.",
        (RosterView::NotListed, _) => "The user is not on the platform's roster.",
        (RosterView::Unreadable(error), _) => {
            return Some(format!("The platform's roster could not be read: {error}."));
        }
        (RosterView::Unknown, ParameterView::Absent) => {
            "No roster is available to show whether the user was removed."
        }
        (RosterView::Unknown, _) => return None,
    };
    Some(text.to_owned())
}

pub(super) fn record(config: &Config, state: &StateView, now: Timestamp) -> String {
    let state = match (state, &config.bucket) {
        (StateView::Recorded(state), _) => state,
        (StateView::Unreadable(error), bucket) => {
            let source = match bucket {
                Some(_) => "state",
                None => "key in Vault",
            };
            return format!("The {source} could not be read: {error}.");
        }
        (StateView::Damaged, _) => {
            return "The state object is damaged and counts as absent.".to_owned();
        }
        (StateView::Absent, Some(_)) => return "Nothing is recorded about this user.".to_owned(),
        (StateView::Absent, None) => {
            return "In basic mode nothing is recorded, and Vault holds no key to compare."
                .to_owned();
        }
    };
    let SecretRecord {
        access_key_id,
        vault_version,
        parameter_version,
        ..
    } = &**state;
    let key = access_key_id.as_deref();
    let key = key.map_or("A key".to_owned(), |id| {
        format!("The key …{}", last_four(id))
    });
    let version = vault_version.map_or(String::new(), |version| format!(" as version {version}"));
    if config.bucket.is_none() {
        return format!("{key} is in Vault{version}; in basic mode nothing else is recorded.");
    }
    let from = parameter_version.map_or(" by the legacy service".to_owned(), |from| {
        format!(" from version {from} of the parameter")
    });
    let retired = state.retired_at.map_or(String::new(), |at| {
        format!(" The user was retired {}.", relative(at, now))
    });
    let written = relative(state.last_synced_at, now);
    format!("{key} was written to Vault{version}{from}, {written}.{retired}")
}

/// Returns whether the version in Vault was created when it was recorded, as far as known.
fn is_as_recorded(snapshot: &Snapshot) -> bool {
    let recorded = snapshot
        .state
        .recorded()
        .and_then(|state| state.vault_created_at);
    let times = recorded.zip(snapshot.created_at);
    times.is_none_or(|(recorded, found)| recorded == found)
}

pub(super) fn vault(snapshot: &Snapshot) -> String {
    if matches!(snapshot.assignment, Assignment::Unreadable(_)) {
        return "Nothing was read, because the targets are unknown.".to_owned();
    }
    let path = &snapshot.target.location.path;
    let recorded = snapshot
        .state
        .recorded()
        .and_then(|state| state.vault_version);
    match &snapshot.vault {
        VaultView::Deleted(version) => {
            format!("{path} is at version {version}, which is deleted or destroyed.")
        }
        VaultView::At(version) => match recorded {
            Some(recorded) if recorded == *version && is_as_recorded(snapshot) => {
                format!("{path} is at version {version}, as recorded.")
            }
            Some(recorded) if recorded == *version => format!(
                "{path} is at version {version}, but not the one that was recorded.{}",
                creator(snapshot)
            ),
            Some(recorded) => format!(
                "{path} is at version {version}, but version {recorded} is recorded.{}",
                creator(snapshot)
            ),
            None => format!("{path} is at version {version}."),
        },
        VaultView::Absent => format!("{path} does not exist."),
        VaultView::NotRead => match &snapshot.assignment {
            Assignment::Untargeted => {
                "Nothing was read, because the user has no target.".to_owned()
            }
            Assignment::Removed(path) | Assignment::Reassigned(path) => {
                format!("{path} was not read, because no target names it.")
            }
            _ => format!("{path} was not read."),
        },
        VaultView::Unreadable(error) => format!("{path} could not be read: {error}."),
        VaultView::Hidden => format!(
            "The token is not allowed to read the metadata of {path}, so its version is unknown."
        ),
    }
}

/// Names who created the version in Vault, as a further sentence.
fn creator(snapshot: &Snapshot) -> String {
    let (version, actor) = (snapshot.vault.version(), snapshot.created_by.as_ref());
    let created = version.zip(actor);
    created.map_or(String::new(), |(version, actor)| {
        format!(" Version {version} was created by {actor}.")
    })
}

pub(super) fn last_reconcile(
    config: &Config,
    last_run: Result<Option<&ReconcileRecord>, &str>,
    row: &Row,
    now: Timestamp,
) -> String {
    let run = match last_run {
        Err(error) => {
            return format!("The record of the last reconcile run could not be read: {error}.");
        }
        Ok(None) if config.bucket.is_none() => {
            return "In basic mode reconcile runs are not recorded.".to_owned();
        }
        Ok(None) => return "No reconcile run is recorded yet.".to_owned(),
        Ok(Some(run)) => run,
    };
    let ended = match run.finished_at {
        Some(finished) => format!("finished {}", relative(finished, now)),
        None => format!(
            "started {} and has not finished",
            relative(run.started_at, now)
        ),
    };
    let failed = row.last_sync.outcome == SyncOutcome::Failed;
    let left_over = if failed {
        "; this user was left over"
    } else {
        ""
    };
    format!("The last reconcile run {ended}{left_over}.")
}
