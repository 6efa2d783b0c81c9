//! The full explanation of one user: what each source holds, what a sync would do and why, and what
//! to do.
//!
//! Pure: everything was read before, by [`status`](mod@crate::status).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::Config;
use crate::snapshot::{
    ParameterView, ReconcileRecord, RosterView, Snapshot, StateView, UserState, VaultView,
};
use crate::status::{Condition, Row, SyncOutcome, last_four};
use crate::sync::SyncResult;
use crate::time_format::{duration, relative};

/// The explanation of one user.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The user's row, as in the status.
    #[serde(flatten)]
    pub row: Row,
    /// What each source holds, in the order in which a sync reads them.
    pub story: Vec<Paragraph>,
    /// What to do.
    pub advice: String,
}

/// A part of the explanation.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Paragraph {
    /// The subject, in a word or two.
    pub about: &'static str,
    /// The sentences.
    pub text: String,
}

pub(crate) fn explain(
    config: &Config,
    row: Row,
    result: &SyncResult,
    last_run: Result<Option<&ReconcileRecord>, ()>,
    now: Timestamp,
) -> Explanation {
    let snapshot = &result.snapshot;
    let name = config.naming.parameter_of(&result.user);
    let name = name.map_or_else(|| format!("for {}", result.user), |name| name.to_string());
    let left = row
        .hours_left
        .map(|left| SignedDuration::from_secs_f64(left * 3600.0));
    let paragraphs = [
        ("parameter", Some(parameter(&name, snapshot, now))),
        ("roster", roster(snapshot).map(str::to_owned)),
        ("record", Some(record(config, &snapshot.state, now))),
        ("Vault", Some(vault(snapshot))),
        (
            "last run",
            Some(last_reconcile(config, last_run, &row, now)),
        ),
        ("time left", left.map(|left| time_left(row.condition, left))),
        ("plan", Some(planned(&row))),
    ];
    let paragraphs = paragraphs.into_iter();
    let story = paragraphs.filter_map(|(about, text)| Some(Paragraph { about, text: text? }));
    Explanation {
        story: story.collect(),
        advice: advice(&row),
        row,
    }
}

fn parameter(name: &str, snapshot: &Snapshot, now: Timestamp) -> String {
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
        ParameterView::Unreadable(_) => format!("{name} could not be read."),
    }
}

fn roster(snapshot: &Snapshot) -> Option<&'static str> {
    match (&snapshot.roster, &snapshot.parameter) {
        (RosterView::Listed, _) => Some("The user is on the platform's roster."),
        (RosterView::NotListed, _) => Some("The user is not on the platform's roster."),
        (RosterView::Unreadable(_), _) => Some("The platform's roster could not be read."),
        (RosterView::Unknown, ParameterView::Absent) => {
            Some("No roster is available to show whether the user was removed.")
        }
        (RosterView::Unknown, _) => None,
    }
}

fn record(config: &Config, state: &StateView, now: Timestamp) -> String {
    let state = match (state, &config.bucket) {
        (StateView::Recorded(state), _) => state,
        (StateView::Unreadable(_), _) => return "The state could not be read.".to_owned(),
        (StateView::Damaged, _) => {
            return "The state object is damaged and counts as absent.".to_owned();
        }
        (StateView::Absent, Some(_)) => return "Nothing is recorded about this user.".to_owned(),
        (StateView::Absent, None) => {
            return "In basic mode nothing is recorded, and Vault holds no key to compare."
                .to_owned();
        }
    };
    let UserState {
        access_key_id,
        vault_version,
        parameter_version,
        ..
    } = state;
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

fn vault(snapshot: &Snapshot) -> String {
    let path = &snapshot.path;
    let recorded = snapshot
        .state
        .recorded()
        .and_then(|state| state.vault_version);
    match &snapshot.vault {
        VaultView::At {
            version,
            readable: false,
        } => {
            format!("{path} is at version {version}, which is deleted or destroyed.")
        }
        VaultView::At { version, .. } => match recorded {
            Some(recorded) if recorded == *version => {
                format!("{path} is at version {version}, as recorded.")
            }
            Some(recorded) => {
                format!("{path} is at version {version}, but version {recorded} is recorded.")
            }
            None => format!("{path} is at version {version}."),
        },
        VaultView::Absent => format!("{path} does not exist."),
        VaultView::NotRead => format!("{path} was not read."),
        VaultView::Unreadable(_) => format!("{path} could not be read."),
        VaultView::Hidden => format!(
            "The token is not allowed to read the metadata of {path}, so its version is unknown."
        ),
    }
}

fn last_reconcile(
    config: &Config,
    last_run: Result<Option<&ReconcileRecord>, ()>,
    row: &Row,
    now: Timestamp,
) -> String {
    let run = match last_run {
        Err(()) => return "The record of the last reconcile run could not be read.".to_owned(),
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

fn time_left(condition: Condition, left: SignedDuration) -> String {
    match condition {
        Condition::InSync | Condition::Superseded => {
            format!(
                "The key in Vault is valid for at least {} more.",
                duration(left)
            )
        }
        _ if left.is_zero() => {
            "The key in Vault is deleted: it was replaced more than 48 h ago.".to_owned()
        }
        _ => format!("The key in Vault is deleted in about {}.", duration(left)),
    }
}

fn planned(row: &Row) -> String {
    let planned = match row.condition {
        Condition::InSync | Condition::Retired | Condition::Superseded => "Nothing is to be done",
        Condition::New
        | Condition::Behind
        | Condition::Drift
        | Condition::Moved
        | Condition::CameBack => "A sync would write the current key to Vault",
        Condition::Gone => "A sync would record that the user is gone",
        Condition::Held | Condition::Missing => "A sync would leave Vault unchanged",
        Condition::Failed => "A sync would fail",
    };
    format!("{planned}: {}.", row.reason)
}

fn advice(row: &Row) -> String {
    let user = &row.user;
    match row.condition {
        Condition::InSync => match &row.access_key_id_ends_with {
            Some(id) => format!(
                "If an application is still refused, it uses another key than …{id}: make it read \
                 Vault again."
            ),
            None => "There is nothing to do.".to_owned(),
        },
        Condition::Retired => "There is nothing to do.".to_owned(),
        Condition::New | Condition::Behind | Condition::Moved | Condition::CameBack => format!(
            "Run `keysync sync {user}` to write it now. If an event should have done that, check \
             the function's log and the dead-letter queue."
        ),
        Condition::Drift => format!(
            "Run `keysync sync {user}` to repair it now; the nightly reconcile run does the same. \
             Vault's audit log shows who changed it."
        ),
        Condition::Held => {
            "A rotation is in progress, and the new key normally follows within seconds. If this \
             lasts for an hour, ask the platform team why the user gets no new key."
                .to_owned()
        }
        Condition::Superseded => format!("Run `keysync explain {user}` again in a minute."),
        Condition::Missing => {
            "Check the user's name, the Region and SSM_PARAMETER_PREFIX. If they are right, ask the \
             platform team why the user has no parameter."
                .to_owned()
        }
        Condition::Gone => format!(
            "Run `keysync reconcile --user {user}` to record it now; the nightly reconcile run does \
             the same."
        ),
        Condition::Failed => "Fix what the reason names, then run this again.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
