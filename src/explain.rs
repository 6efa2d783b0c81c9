//! The full explanation of one user: what each source holds, what a sync would do and why, and what
//! to do.
//!
//! Pure: everything was read before, by [`status`](mod@crate::status).

mod sources;
#[cfg(feature = "cli")]
mod usage;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::Config;
use crate::snapshot::{ReconcileRecord, StateView, VaultView};
use crate::status::{Condition, Row};
use crate::sync::SyncResult;
use crate::time_format::duration;
use sources::{last_reconcile, parameter, record, roster, vault};
#[cfg(feature = "cli")]
pub use usage::{KeyUse, Usage};

/// The subject of what a sync would do.
const PLAN: &str = "plan";

/// The explanation of one user.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The user's row, as in the status; of several targets that of the first that is not in sync.
    #[serde(flatten)]
    pub row: Row,
    /// The rows of all targets; absent if the user has only the default target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Row>,
    /// The last uses of the user's keys, if asked for.
    #[cfg(feature = "cli")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
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

/// Explains the user of `rows`, one for each target, with what they were made from.
///
/// # Panics
/// Panics without a row.
pub(crate) fn explain(
    config: &Config,
    rows: &[Row],
    results: &[SyncResult],
    last_run: Result<Option<&ReconcileRecord>, &str>,
    now: Timestamp,
) -> Explanation {
    let of_target = rows.iter().position(|row| !row.condition.is_in_sync());
    let of_target = of_target.unwrap_or_default();
    let (row, result) = (rows[of_target].clone(), &results[of_target]);
    let snapshot = &result.snapshot;
    let name = config.naming.parameter_of(&result.user);
    let name = name.map_or_else(|| format!("for {}", result.user), |name| name.to_string());
    let left = row
        .hours_left
        .map(|left| SignedDuration::from_secs_f64(left * 3600.0));
    // In basic mode the key in Vault stands for the state.
    let state = match &snapshot.vault {
        VaultView::Unreadable(error) if config.bucket.is_none() => {
            &StateView::Unreadable(error.clone())
        }
        _ => &snapshot.state,
    };
    let paragraphs = [
        ("parameter", Some(parameter(&name, snapshot, now))),
        ("roster", roster(snapshot)),
        ("record", Some(record(config, state, now))),
        ("Vault", Some(vault(snapshot))),
        (
            "last run",
            Some(last_reconcile(config, last_run, &row, now)),
        ),
        ("time left", left.map(|left| time_left(row.condition, left))),
        (PLAN, Some(planned(&row))),
    ];
    let paragraphs = paragraphs.into_iter();
    let story = paragraphs.filter_map(|(about, text)| Some(Paragraph { about, text: text? }));
    Explanation {
        #[cfg(feature = "cli")]
        usage: None,
        story: story.collect(),
        advice: advice(&row, config),
        targets: rows
            .iter()
            .filter(|row| row.target.is_some())
            .cloned()
            .collect(),
        row,
    }
}

#[cfg(feature = "cli")]
impl Explanation {
    /// Adds the last uses of the user's keys, before the plan.
    #[must_use]
    pub(crate) fn with_usage(mut self, usage: Usage, now: Timestamp) -> Self {
        let plan = self.story.iter().position(|part| part.about == PLAN);
        let plan = plan.unwrap_or(self.story.len());
        self.story.splice(plan..plan, usage.paragraphs(now));
        self.usage = Some(usage);
        self
    }
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
            "AWS has deleted the key that Vault holds: it was replaced more than 48 h ago."
                .to_owned()
        }
        _ => format!(
            "AWS deletes the key that Vault holds in about {}.",
            duration(left)
        ),
    }
}

fn planned(row: &Row) -> String {
    let planned = match row.condition {
        Condition::InSync | Condition::Retired | Condition::Superseded => "Nothing is to be done",
        Condition::New
        | Condition::Behind
        | Condition::Drift
        | Condition::Moved
        | Condition::CameBack => {
            return format!(
                "A sync would write the current key to Vault ({}).",
                row.reason
            );
        }
        Condition::Gone => "A sync would record that the user is gone",
        Condition::Held | Condition::Missing => "A sync would leave Vault unchanged",
        Condition::Foreign | Condition::Untargeted => "A sync would write nothing",
        Condition::Failed => "A sync would fail",
    };
    format!("{planned}: {}.", row.reason)
}

fn advice(row: &Row, config: &Config) -> String {
    let user = &row.user;
    match row.condition {
        Condition::InSync => match &row.access_key_id_ends_with {
            Some(id) => format!(
                "If AWS still rejects an application's key, that key is not …{id}: make the \
                 application read Vault again."
            ),
            None => "There is nothing to do.".to_owned(),
        },
        Condition::Retired => "There is nothing to do.".to_owned(),
        Condition::New | Condition::Behind | Condition::Moved | Condition::CameBack => {
            let now = format!("Run `keysync sync {user}` to write it now.");
            if config.bucket.is_none() {
                return now;
            }
            format!(
                "{now} If an event should have done that, check the function's log and the \
                 dead-letter queue."
            )
        }
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
        Condition::Foreign => format!(
            "If the secret is to hold this key, run `keysync sync {user} --adopt` once."
        ),
        Condition::Untargeted if row.parameter_version.is_none() && row.target.is_none() => {
            "Nothing shows that this user exists: check the name. If it is right, name a target in \
             the targets document."
                .to_owned()
        }
        Condition::Untargeted => "Name a target in the targets document: `keysync targets show` \
             prints what it resolves to."
            .to_owned(),
        Condition::Failed => "Fix the cause named above, then run this again.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
