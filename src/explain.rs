//! The whole story of one user in sentences: what each side holds, what a sync would do and why, and what to do.
//!
//! Pure: everything was seen before, by [`status`](mod@crate::status).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::Config;
use crate::keys::UserName;
use crate::plan::{Held, Sighting};
use crate::snapshot::{ReconcileRecord, RosterView, UserState, VaultView};
use crate::status::{Condition, Row, SyncOutcome, ending};
use crate::time_format::{duration, relative};

/// The story of one user.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The user's row, as in the status.
    #[serde(flatten)]
    pub row: Row,
    /// What each side holds, in the order in which a sync looks at them.
    pub story: Vec<Paragraph>,
    /// What to do.
    pub advice: String,
}

/// A part of the story.
#[derive(Debug, Serialize)]
pub struct Paragraph {
    /// What it is about, in a word or two.
    pub about: &'static str,
    /// The sentences.
    pub text: String,
}

pub(crate) fn explain(
    config: &Config,
    row: Row,
    seen: Option<&Sighting>,
    last_run: Result<Option<&ReconcileRecord>, ()>,
    now: Timestamp,
) -> Explanation {
    let mut story = Vec::new();
    let mut tell = |about, text: String| story.push(Paragraph { about, text });
    if let (Some(seen), Ok(user)) = (seen, UserName::parse(&row.user)) {
        let named = config.naming.parameter_of(&user);
        let named = named.map_or_else(|| format!("for {user}"), |name| name.to_string());
        tell("parameter", parameter(&named, seen, now));
        if let Some(text) = roster(seen) {
            tell("roster", text.to_owned());
        }
        tell("record", record(config, seen.state.as_ref(), now));
        tell(
            "Vault",
            vault(&config.vault.path_of(&user).to_string(), seen),
        );
    }
    tell("last sweep", sweep(config, last_run, &row, now));
    if let Some(left) = row.hours_left {
        tell(
            "time left",
            time_left(row.condition, SignedDuration::from_secs_f64(left * 3600.0)),
        );
    }
    tell("plan", planned(&row));
    let advice = advice(&row);
    Explanation { row, story, advice }
}

fn parameter(named: &str, seen: &Sighting, now: Timestamp) -> String {
    match &seen.parameter {
        Held::Key { id, revision } => format!(
            "{named} holds the key …{} in its version {}, put {}.",
            ending(id),
            revision.version,
            relative(revision.modified, now)
        ),
        Held::Nothing { revision, problem } => {
            format!(
                "{named} is at version {}, put {}, but {problem}.",
                revision.version,
                relative(revision.modified, now)
            )
        }
        Held::Absent => format!("There is no parameter {named} in this account and Region."),
        Held::Unnameable => "No parameter can have a name with this user's characters.".to_owned(),
        Held::Unknown => format!("{named} could not be read."),
    }
}

fn roster(seen: &Sighting) -> Option<&'static str> {
    match (seen.roster, &seen.parameter) {
        (RosterView::Listed, _) => Some("The user is on the platform's roster."),
        (RosterView::NotListed, _) => Some("The user is not on the platform's roster."),
        (RosterView::Unknown, Held::Absent) => {
            Some("There is no roster to ask whether the user was removed.")
        }
        (RosterView::Unknown, _) => None,
    }
}

fn record(config: &Config, state: Option<&UserState>, now: Timestamp) -> String {
    let Some(state) = state else {
        return match config.bucket {
            Some(_) => "Nothing is recorded of this user.".to_owned(),
            None => {
                "In basic mode nothing is recorded, and Vault holds no key that could be compared."
                    .to_owned()
            }
        };
    };
    let key = state
        .access_key_id
        .as_deref()
        .map_or("A key".to_owned(), |id| format!("The key …{}", ending(id)));
    let version = state
        .vault_version
        .map_or(String::new(), |version| format!(" as version {version}"));
    if config.bucket.is_none() {
        return format!("{key} is in Vault{version}; in basic mode nothing else is recorded.");
    }
    let from = state
        .parameter_version
        .map_or(" by the legacy of this service".to_owned(), |from| {
            format!(" from the parameter's version {from}")
        });
    let gone = state.retired_at.map_or(String::new(), |at| {
        format!(" The user was retired {}.", relative(at, now))
    });
    format!(
        "{key} was written to Vault{version}{from}, {}.{gone}",
        relative(state.last_synced_at, now)
    )
}

fn vault(path: &str, seen: &Sighting) -> String {
    let recorded = seen.state.as_ref().and_then(|state| state.vault_version);
    match seen.vault {
        VaultView::At {
            version,
            readable: false,
        } => {
            format!("{path} is at version {version}, which is deleted or destroyed.")
        }
        VaultView::At { version, .. } => match recorded {
            Some(recorded) if recorded == version => {
                format!("{path} is at version {version}, as recorded.")
            }
            Some(recorded) => {
                format!("{path} is at version {version}, but {recorded} is recorded.")
            }
            None => format!("{path} is at version {version}."),
        },
        VaultView::Absent => format!("There is nothing at {path}."),
        VaultView::NotRead => format!("{path} was not looked at."),
        VaultView::Hidden { .. } => {
            format!(
                "The token may not read the metadata of {path}, so it is not known at which version it is."
            )
        }
    }
}

fn sweep(
    config: &Config,
    last_run: Result<Option<&ReconcileRecord>, ()>,
    row: &Row,
    now: Timestamp,
) -> String {
    match last_run {
        Err(()) => "The record of the last sweep could not be read.".to_owned(),
        Ok(None) if config.bucket.is_none() => "In basic mode sweeps are not recorded.".to_owned(),
        Ok(None) => "No sweep is recorded yet.".to_owned(),
        Ok(Some(run)) => {
            let ended = match run.finished_at {
                Some(finished) => format!("The last sweep ended {}", relative(finished, now)),
                None => format!(
                    "The last sweep began {} and has not ended",
                    relative(run.started_at, now)
                ),
            };
            let how = if row.last_sync.outcome == SyncOutcome::Failed {
                "; this user was left over"
            } else {
                ""
            };
            format!("{ended}{how}.")
        }
    }
}

fn time_left(condition: Condition, left: SignedDuration) -> String {
    match condition {
        Condition::InStep | Condition::Superseded => {
            format!(
                "The key in Vault lives for at least {} more.",
                duration(left)
            )
        }
        _ if left.is_zero() => {
            "The key in Vault is deleted by now: it was replaced more than 48 h ago.".to_owned()
        }
        _ => format!("The key in Vault is deleted in about {}.", duration(left)),
    }
}

fn planned(row: &Row) -> String {
    let would = match row.condition {
        Condition::InStep | Condition::Retired | Condition::Superseded => "Nothing is to be done",
        Condition::New
        | Condition::Behind
        | Condition::Drift
        | Condition::Moved
        | Condition::CameBack => "A sync would write the current key to Vault",
        Condition::Gone => "A sync would record that the user is gone",
        Condition::Held | Condition::Missing => "A sync would leave Vault as it is",
        Condition::Failed => "A sync would fail",
    };
    format!("{would}: {}.", row.reason)
}

fn advice(row: &Row) -> String {
    let user = &row.user;
    match row.condition {
        Condition::InStep => match &row.access_key_id_ends_with {
            Some(ending) => format!(
                "If an application is refused all the same, it uses another key than …{ending}: let it read Vault again."
            ),
            None => "There is nothing to do.".to_owned(),
        },
        Condition::Retired => "There is nothing to do.".to_owned(),
        Condition::New | Condition::Behind | Condition::Moved | Condition::CameBack => format!(
            "Run `keysync sync {user}` to write it now. If events should have done that, look at the function's log and at the \
             dead-letter queue."
        ),
        Condition::Drift => format!(
            "Run `keysync sync {user}` to repair it now; the nightly sweep does so too. Vault's audit log tells who changed it."
        ),
        Condition::Held => {
            "A rotation is under way, and the new key normally follows within seconds. If this lasts for an hour, ask the \
             platform team why the user gets no new key."
                .to_owned()
        }
        Condition::Superseded => format!("Run `keysync explain {user}` again in a minute."),
        Condition::Missing => {
            "Check the user's name, the Region and SSM_PARAMETER_PREFIX; if they are right, ask the platform team why the user \
             has no parameter."
                .to_owned()
        }
        Condition::Gone => {
            format!("Run `keysync reconcile --user {user}` to record it now; the nightly sweep does so too.")
        }
        Condition::Failed => "Mend what the reason names, then run this again.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
