//! What happened to one user.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::keys::UserName;
use crate::plan::{Sighting, Step};
use crate::snapshot::Parameter;

/// How the work on one user ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Vault has a new version of the user's secret.
    Written,
    /// Vault held the current key already.
    Unchanged,
    /// There is no key to publish; Vault keeps the last good one.
    Held,
    /// Another run was faster with a newer key.
    Superseded,
    /// The user is gone.
    Retired,
    /// There is no parameter although there should be one.
    Missing,
    /// It could not be done; the reason tells why.
    Failed,
    /// A dry run would have written.
    PlannedWritten,
    /// A dry run would have retired the user.
    PlannedRetired,
}

impl Outcome {
    /// Every outcome but those of a dry run, in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::Written,
        Self::Unchanged,
        Self::Held,
        Self::Superseded,
        Self::Retired,
        Self::Missing,
        Self::Failed,
    ];

    /// What a dry run reports of a step.
    pub(crate) fn planned(step: &Step<'_>) -> Self {
        match step {
            Step::Nothing | Step::Adopt { .. } => Self::Unchanged,
            Step::Write { .. } => Self::PlannedWritten,
            Step::Hold => Self::Held,
            Step::Yield => Self::Superseded,
            Step::Retire { .. } => Self::PlannedRetired,
            Step::ReportMissing => Self::Missing,
            Step::Fail => Self::Failed,
        }
    }

    /// The outcome as it stands in reports and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Held => "held",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::PlannedWritten => "planned-written",
            Self::PlannedRetired => "planned-retired",
        }
    }
}

/// What happened to one user.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserReport {
    /// Who.
    #[serde(serialize_with = "as_text")]
    pub user: UserName,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, for people.
    pub reason: String,
    /// Version of the parameter that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_version: Option<i64>,
    /// Version of the Vault secret that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_version: Option<u64>,
    /// For how many hours the user's new key has been missing from Vault, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsynced_hours: Option<f64>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What only metrics and the queue need to know.
    #[serde(skip)]
    pub(crate) notes: Notes,
    /// What was seen, in a dry run.
    #[serde(skip)]
    pub(crate) sighting: Option<Box<Sighting>>,
}

/// What only metrics and the queue need to know of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Notes {
    /// The read looked older than the event that told of it.
    pub stale: bool,
    /// Vault had been changed behind our back, and was repaired.
    pub drift_repaired: bool,
    /// How often a race for the state object was lost, or a damaged one was replaced.
    pub state_conflicts: u64,
    /// Whether the parameter's key is the one that was recorded last, so that a failure does not mean that it is missing;
    /// `None` where the record was not read.
    pub recorded: Option<bool>,
    /// There is a remark that is worth a line.
    pub remarked: bool,
    /// `LastModifiedDate` of the parameter that was read.
    pub parameter_modified: Option<Timestamp>,
    /// When the first of several rotations was due whose keys are not recorded.
    pub missed_since: Option<Timestamp>,
    /// When Vault had the key.
    pub in_vault_at: Option<Timestamp>,
}

impl UserReport {
    /// The report of a user on whom nothing was done yet.
    pub(crate) fn begin(user: UserName) -> Self {
        let (outcome, reason, notes) = (Outcome::Failed, String::new(), Notes::default());
        let (parameter_version, vault_version, unsynced_hours, sighting) = (None, None, None, None);
        Self {
            user,
            outcome,
            reason,
            parameter_version,
            vault_version,
            unsynced_hours,
            millis: 0,
            notes,
            sighting,
        }
    }

    /// Notes which parameter was read.
    pub(crate) fn saw(&mut self, parameter: &Parameter) {
        let revision = parameter.revision();
        self.parameter_version = revision.map(|revision| revision.version);
        self.notes.parameter_modified = revision.map(|revision| revision.modified);
    }

    /// Notes how it ended.
    pub(crate) fn end(&mut self, outcome: Outcome, reason: String, vault_version: Option<u64>) {
        // A second look that finds nothing more to do does not undo the write before it.
        if self.vault_version.is_some() && outcome == Outcome::Unchanged {
            return;
        }
        (self.outcome, self.reason, self.vault_version) = (outcome, reason, vault_version);
    }

    /// Notes a thing that does not belong to the outcome, such as a parameter without a row on the roster.
    pub(crate) fn remark(&mut self, remark: &str) {
        self.reason = format!("{}; note: {remark}", self.reason);
        self.notes.remarked = true;
    }

    /// Notes how long a key has been missing from Vault. Where the record could not be read, a key is missing if an event
    /// `told` of it: otherwise each user in step would look late as long as the bucket is away.
    pub(crate) fn measure(&mut self, now: Timestamp, told: bool) {
        let modified = self.notes.parameter_modified;
        let unrecorded = self.notes.recorded.map_or(told, |recorded| !recorded);
        let is_missing = matches!(self.outcome, Outcome::Failed | Outcome::Held) && unrecorded;
        // Each rotation puts the parameter anew: of several that were missed, the first counts.
        let since =
            modified.map(|modified| self.notes.missed_since.unwrap_or(modified).min(modified));
        let missing = since.filter(|_| is_missing);
        self.unsynced_hours =
            missing.map(|since| now.duration_since(since).as_secs_f64().max(0.0) / 3600.0);
    }

    /// Notes that it failed.
    pub(crate) fn fail(&mut self, error: &Error) {
        self.end(Outcome::Failed, error.to_string(), None);
    }
}

fn as_text<S: Serializer>(user: &UserName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(user.as_str())
}
