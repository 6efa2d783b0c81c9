//! One user's row: a name for the user's condition, and the times that matter. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::plan::{Outcome, Reason};
use crate::snapshot::{ParameterView, ROTATION, ReconcileRecord, StateView};
use crate::sync::SyncResult;

/// The condition of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Vault holds the current key.
    #[serde(rename = "in-step")]
    InSync,
    /// The user is gone, and that is recorded.
    Retired,
    /// The user has a key, and none was ever recorded.
    New,
    /// The parameter holds a newer key than Vault.
    Behind,
    /// Vault was changed by something other than this service.
    Drift,
    /// The recorded key is at another path in Vault.
    Moved,
    /// The user was retired and has a key again.
    CameBack,
    /// The parameter has no current key.
    Held,
    /// Another invocation was first.
    Superseded,
    /// The user should have a parameter and has none.
    Missing,
    /// The user is gone, and that is not recorded yet.
    Gone,
    /// Another tool manages the secret.
    Foreign,
    /// No target is named for the user or the secret.
    Untargeted,
    /// The condition is unknown, or a sync cannot repair it; the reason names the cause.
    Failed,
}

impl Condition {
    /// Returns the condition's name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
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
            Self::Foreign => "foreign",
            Self::Untargeted => "untargeted",
            Self::Failed => "failed",
        }
    }

    /// Returns whether there is nothing to do.
    pub fn is_in_sync(self) -> bool {
        matches!(self, Self::InSync | Self::Retired)
    }

    fn of(result: &SyncResult) -> Self {
        match (result.outcome(), &result.plan.reason) {
            (Outcome::Unchanged, Reason::AlreadyRetired) => Self::Retired,
            (Outcome::Unchanged, _) => Self::InSync,
            (Outcome::Held, _) => Self::Held,
            (Outcome::Superseded, _) => Self::Superseded,
            (Outcome::Missing, _) => Self::Missing,
            (Outcome::Failed, _) => Self::Failed,
            (Outcome::Foreign, _) => Self::Foreign,
            (Outcome::Untargeted, _) => Self::Untargeted,
            (Outcome::Retired | Outcome::PlannedRetired, _) => Self::Gone,
            (Outcome::Written | Outcome::PlannedWritten, reason) => match reason {
                Reason::New => Self::New,
                Reason::Moved | Reason::Redefined => Self::Moved,
                Reason::CameBack => Self::CameBack,
                reason if reason.is_drift() => Self::Drift,
                _ => Self::Behind,
            },
        }
    }
}

/// A user's row.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The user.
    pub user: String,
    /// The secret with its namespace, unless it is that of the default target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The user's condition.
    pub condition: Condition,
    /// The reason, for operators.
    pub reason: String,
    /// How the last sync ended, as far as it is recorded.
    pub last_sync: LastSync,
    /// When the platform last put the parameter.
    pub rotated_at: Option<Timestamp>,
    /// The hours since then: the age of the key, if the parameter holds one.
    pub key_age_hours: Option<f64>,
    /// The approximate number of hours until the key in Vault is deleted, at least: the platform
    /// deletes a key 48 h after it was replaced; null if there is no key, or it is unknown which.
    pub hours_left: Option<f64>,
    /// The last four characters of the id of the key that the parameter holds.
    pub access_key_id_ends_with: Option<String>,
    /// The version of the parameter.
    pub parameter_version: Option<i64>,
    /// The version in Vault that was recorded.
    pub recorded_version: Option<u64>,
    /// The version that Vault is at; null if Vault holds nothing, or was not read.
    pub vault_version: Option<u64>,
}

/// How the last sync of a user ended, as far as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LastSync {
    /// How it ended.
    pub outcome: SyncOutcome,
    /// When it ended; null if that is not recorded.
    pub at: Option<Timestamp>,
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SyncOutcome {
    /// A key was written.
    Written,
    /// The user was retired.
    Retired,
    /// The last reconcile run could not bring the user in sync.
    Failed,
    /// There was none.
    Never,
    /// The record could not be read.
    Unknown,
}

impl Row {
    pub(super) fn new(
        result: &SyncResult,
        last_run: Option<&ReconcileRecord>,
        now: Timestamp,
    ) -> Self {
        let condition = Condition::of(result);
        let snapshot = &result.snapshot;
        let revision = snapshot.parameter.revision();
        let id = match &snapshot.parameter {
            ParameterView::Current(current) => Some(last_four(&current.id)),
            _ => None,
        };
        Self {
            user: result.user.to_string(),
            target: result.target(),
            condition,
            reason: result.reason(),
            last_sync: last_sync(result, last_run),
            rotated_at: revision.map(|revision| revision.modified),
            key_age_hours: revision.map(|read| hours(now.duration_since(read.modified))),
            hours_left: time_left(condition, result, now).map(hours),
            access_key_id_ends_with: id,
            parameter_version: revision.map(|revision| revision.version),
            recorded_version: snapshot
                .state
                .recorded()
                .and_then(|state| state.vault_version),
            vault_version: snapshot.vault.version(),
        }
    }
}

/// Returns the time until the key in Vault is deleted. A current key has until the next rotation,
/// and the same time again. A replaced key had that time from its replacement on: from the
/// parameter's put, or from the first of several missed rotations.
fn time_left(condition: Condition, result: &SyncResult, now: Timestamp) -> Option<SignedDuration> {
    let snapshot = &result.snapshot;
    let revision = snapshot.parameter.revision()?;
    let state = snapshot
        .state
        .recorded()
        .filter(|state| state.retired_at.is_none());
    match condition {
        Condition::InSync | Condition::Superseded => {
            let age = now.duration_since(revision.modified);
            Some((ROTATION + ROTATION - age).max(ROTATION))
        }
        Condition::Failed
            if state.is_none_or(|state| state.parameter_version == Some(revision.version)) =>
        {
            None
        }
        Condition::Behind | Condition::Held | Condition::Failed if state.is_some() => {
            let outdated = now.duration_since(snapshot.outdated_since()?);
            Some((ROTATION - outdated).max(SignedDuration::ZERO))
        }
        _ => None,
    }
}

fn last_sync(result: &SyncResult, last_run: Option<&ReconcileRecord>) -> LastSync {
    let user = result.user.as_str();
    let state = result.snapshot.state.recorded();
    let synced = state.map(|state| state.retired_at.unwrap_or(state.last_synced_at));
    let failed = last_run.filter(|run| run.failed_users.iter().any(|failed| failed == user));
    let failed = failed.map(|run| run.finished_at.unwrap_or(run.started_at));
    // In basic mode the key in Vault stands for the state, and does not show when it was written.
    let known = |at: Timestamp| Some(at).filter(|at| *at > Timestamp::UNIX_EPOCH);
    let (outcome, at) = match (state, failed) {
        (_, Some(failed)) if synced.is_none_or(|synced| synced < failed) => {
            (SyncOutcome::Failed, Some(failed))
        }
        (Some(state), _) if state.retired_at.is_some() => (SyncOutcome::Retired, state.retired_at),
        (Some(state), _) => (SyncOutcome::Written, known(state.last_synced_at)),
        (None, _) if matches!(result.snapshot.state, StateView::Unreadable(_)) => {
            (SyncOutcome::Unknown, None)
        }
        (None, _) => (SyncOutcome::Never, None),
    };
    LastSync { outcome, at }
}

fn hours(duration: SignedDuration) -> f64 {
    (duration.as_secs_f64() / 36.0).round() / 100.0
}

/// Returns the last four characters of an access key id: enough to distinguish keys.
pub(crate) fn last_four(id: &str) -> String {
    id.chars()
        .skip(id.chars().count().saturating_sub(4))
        .collect()
}
