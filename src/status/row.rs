//! One user's row: a name for how the user stands, and the clocks that matter. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Told;
use crate::plan::{Held, Reason, Sighting};
use crate::report::Outcome;
use crate::snapshot::{ROTATION, ReconcileRecord, Revision, VaultView};

/// How a user stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Vault holds the current key.
    InStep,
    /// The user is gone, and that is recorded.
    Retired,
    /// The user has a key, and none of it was ever recorded.
    New,
    /// The parameter holds a newer key than Vault.
    Behind,
    /// Vault was changed behind our back.
    Drift,
    /// The recorded key is at another path in Vault.
    Moved,
    /// The user was retired and has a key again.
    CameBack,
    /// The parameter has no current key.
    Held,
    /// Another run was faster.
    Superseded,
    /// There should be a parameter, and there is none.
    Missing,
    /// The user is gone, which is to be recorded.
    Gone,
    /// It could not be found out, or it cannot be mended by a sync; the reason tells.
    Failed,
}

impl Condition {
    /// The condition as it stands in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InStep => "in step",
            Self::Retired => "retired",
            Self::New => "new",
            Self::Behind => "behind",
            Self::Drift => "drift",
            Self::Moved => "moved",
            Self::CameBack => "came back",
            Self::Held => "held",
            Self::Superseded => "superseded",
            Self::Missing => "missing",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }

    /// Whether there is nothing to do.
    pub fn is_in_step(self) -> bool {
        matches!(self, Self::InStep | Self::Retired)
    }

    fn of(outcome: Outcome, reason: Option<&Reason>) -> Self {
        match (outcome, reason) {
            (Outcome::Unchanged, Some(Reason::AlreadyRetired)) => Self::Retired,
            (Outcome::Unchanged, _) => Self::InStep,
            (Outcome::Held, _) => Self::Held,
            (Outcome::Superseded, _) => Self::Superseded,
            (Outcome::Missing, _) => Self::Missing,
            (Outcome::Failed, _) => Self::Failed,
            (Outcome::Retired | Outcome::PlannedRetired, _) => Self::Gone,
            (Outcome::Written | Outcome::PlannedWritten, Some(Reason::New)) => Self::New,
            (Outcome::Written | Outcome::PlannedWritten, Some(Reason::Moved)) => Self::Moved,
            (Outcome::Written | Outcome::PlannedWritten, Some(Reason::CameBack)) => Self::CameBack,
            (Outcome::Written | Outcome::PlannedWritten, Some(reason)) if reason.is_drift() => {
                Self::Drift
            }
            (Outcome::Written | Outcome::PlannedWritten, _) => Self::Behind,
        }
    }
}

/// A user's row.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Who.
    pub user: String,
    /// How the user stands.
    pub condition: Condition,
    /// Why, for people.
    pub reason: String,
    /// How the last sync ended, as far as it is recorded.
    pub last_sync: LastSync,
    /// When the platform put the parameter last.
    pub rotated_at: Option<Timestamp>,
    /// The hours since then: the age of the key, when the parameter holds one.
    pub key_age_hours: Option<f64>,
    /// About how many hours the key in Vault has left, at least: the platform deletes a key 48 h after it has replaced it.
    /// `None` where there is none, or where it is not known which it is.
    pub hours_left: Option<f64>,
    /// The last four characters of the id of the key that the parameter holds.
    pub access_key_id_ends_with: Option<String>,
    /// Version of the parameter.
    pub parameter_version: Option<i64>,
    /// Version in Vault that was recorded.
    pub recorded_version: Option<u64>,
    /// Version that Vault is at; `None` where it holds nothing, or was not asked.
    pub vault_version: Option<u64>,
}

/// How the last sync of a user ended, as far as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastSync {
    /// How.
    pub outcome: SyncOutcome,
    /// When; `None` where that is not recorded.
    pub at: Option<Timestamp>,
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncOutcome {
    /// A key was written.
    Written,
    /// The user was retired.
    Retired,
    /// The last sweep could not bring the user in step.
    Failed,
    /// There was none.
    Never,
    /// The record could not be read.
    Unknown,
}

impl Row {
    pub(super) fn of(
        told: Told,
        seen: Option<&Sighting>,
        last_run: Option<&ReconcileRecord>,
        now: Timestamp,
    ) -> Self {
        let condition = Condition::of(told.outcome, seen.map(|seen| &seen.reason));
        let (revision, id) = match seen.map(|seen| &seen.parameter) {
            Some(Held::Key { id, revision }) => (Some(*revision), Some(id)),
            Some(Held::Nothing { revision, .. }) => (Some(*revision), None),
            Some(Held::Absent | Held::Unnameable | Held::Unknown) | None => (None, None),
        };
        let age = revision.map(|revision| now.duration_since(revision.modified));
        let recorded_version = seen.and_then(|seen| seen.state.as_ref()?.vault_version);
        Self {
            last_sync: last_sync(&told.user, seen, last_run),
            user: told.user,
            condition,
            reason: told.reason,
            rotated_at: revision.map(|revision| revision.modified),
            key_age_hours: age.map(hours),
            hours_left: seen
                .zip(revision)
                .and_then(|(seen, revision)| left(condition, seen, revision, now))
                .map(hours),
            access_key_id_ends_with: id.map(|id| ending(id)),
            parameter_version: revision.map(|revision| revision.version),
            recorded_version,
            vault_version: seen.and_then(|seen| match seen.vault {
                VaultView::At { version, .. } => Some(version),
                VaultView::Absent | VaultView::NotRead | VaultView::Hidden { .. } => None,
            }),
        }
    }
}

/// What the key in Vault has left. A key that is still the current one has until the next rotation, and as long again. One
/// that was replaced had so long from then on: from the parameter's put, or from the first of several rotations that
/// were missed.
fn left(
    condition: Condition,
    seen: &Sighting,
    revision: Revision,
    now: Timestamp,
) -> Option<SignedDuration> {
    let age = now.duration_since(revision.modified);
    match (
        condition,
        seen.state
            .as_ref()
            .filter(|state| state.retired_at.is_none()),
    ) {
        (Condition::InStep | Condition::Superseded, _) => {
            Some((ROTATION + ROTATION - age).max(ROTATION))
        }
        (Condition::Behind | Condition::Held, Some(state)) => {
            let replaced = state
                .missed_since(revision)
                .unwrap_or(revision.modified)
                .min(revision.modified);
            Some((ROTATION - now.duration_since(replaced)).max(SignedDuration::ZERO))
        }
        _ => None,
    }
}

fn last_sync(user: &str, seen: Option<&Sighting>, last_run: Option<&ReconcileRecord>) -> LastSync {
    let state = seen.and_then(|seen| seen.state.as_ref());
    let synced = state.map(|state| state.retired_at.unwrap_or(state.last_synced_at));
    let failed = last_run.filter(|run| run.failed_users.iter().any(|failed| failed == user));
    let failed = failed.map(|run| run.finished_at.unwrap_or(run.started_at));
    // In basic mode the key in Vault stands for the record, and does not tell when it came there.
    let known = |at: Timestamp| Some(at).filter(|at| *at > Timestamp::UNIX_EPOCH);
    match (state, failed) {
        (_, Some(failed)) if synced.is_none_or(|synced| synced < failed) => LastSync {
            outcome: SyncOutcome::Failed,
            at: Some(failed),
        },
        (Some(state), _) if state.retired_at.is_some() => LastSync {
            outcome: SyncOutcome::Retired,
            at: state.retired_at,
        },
        (Some(state), _) => LastSync {
            outcome: SyncOutcome::Written,
            at: known(state.last_synced_at),
        },
        (None, _) if seen.is_none() => LastSync {
            outcome: SyncOutcome::Unknown,
            at: None,
        },
        (None, _) => LastSync {
            outcome: SyncOutcome::Never,
            at: None,
        },
    }
}

fn hours(length: SignedDuration) -> f64 {
    (length.as_secs_f64() / 36.0).round() / 100.0
}

/// The last four characters of an access key id: enough to tell keys apart.
pub(crate) fn ending(id: &str) -> String {
    id.chars()
        .skip(id.chars().count().saturating_sub(4))
        .collect()
}
