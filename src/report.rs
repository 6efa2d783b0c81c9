//! What happened: one line per user, the counts, and which messages go back to the queue.
//!
//! Pure. Must not hold a secret; an access key id appears by its last four characters only.

use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::keys::UserName;
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
}

impl Outcome {
    /// Every outcome, in the order of a report.
    pub const ALL: [Self; 7] =
        [Self::Written, Self::Unchanged, Self::Held, Self::Superseded, Self::Retired, Self::Missing, Self::Failed];

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
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What only metrics and the queue need to know.
    #[serde(skip)]
    pub notes: Notes,
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
    /// `LastModifiedDate` of the parameter that was read.
    pub parameter_modified: Option<Timestamp>,
    /// When Vault had the key.
    pub in_vault_at: Option<Timestamp>,
}

impl UserReport {
    /// The report of a user on whom nothing was done yet.
    pub fn begin(user: UserName) -> Self {
        let (outcome, reason) = (Outcome::Failed, String::new());
        Self { user, outcome, reason, parameter_version: None, vault_version: None, millis: 0, notes: Notes::default() }
    }

    /// Notes which parameter was read.
    pub fn saw(&mut self, parameter: &Parameter) {
        let revision = parameter.revision();
        self.parameter_version = revision.map(|revision| revision.version);
        self.notes.parameter_modified = revision.map(|revision| revision.modified);
    }

    /// Notes how it ended.
    pub fn end(&mut self, outcome: Outcome, reason: String, vault_version: Option<u64>) {
        (self.outcome, self.reason, self.vault_version) = (outcome, reason, vault_version);
    }

    /// Notes that it failed.
    pub fn fail(&mut self, error: &Error) {
        self.end(Outcome::Failed, error.to_string(), None);
    }
}

fn as_text<S: Serializer>(user: &UserName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(user.as_str())
}

/// What an invocation did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What woke us.
    pub trigger: &'static str,
    /// What happened to whom.
    pub users: Vec<UserReport>,
    /// How often each outcome occurred; every outcome is there.
    pub counts: BTreeMap<Outcome, u64>,
    /// How long it all took, in milliseconds.
    pub millis: u64,
}

impl Report {
    /// Puts the users' reports together.
    pub fn new(trigger: &'static str, users: Vec<UserReport>, millis: u64) -> Self {
        let mut counts = Outcome::ALL.map(|outcome| (outcome, 0)).into_iter().collect::<BTreeMap<_, _>>();
        for user in &users {
            *counts.entry(user.outcome).or_default() += 1;
        }
        Self { trigger, users, counts, millis }
    }

    /// The report, unless its single user failed.
    ///
    /// # Errors
    /// [`Error::SyncFailed`] with the user's reason.
    pub fn or_failed(self) -> Result<Self, Error> {
        match self.users.iter().find(|user| user.outcome == Outcome::Failed) {
            None => Ok(self),
            Some(failed) => Err(Error::SyncFailed { user: failed.user.to_string(), reason: failed.reason.clone() }),
        }
    }
}

/// Whether a message of a user that ended so goes back to the queue.
///
/// A read that looked stale is handed back at the message's first delivery only: if the second read is no newer, the
/// event was a late one, not the read.
pub fn goes_back(user: &UserReport, delivery: u32) -> bool {
    match user.outcome {
        Outcome::Failed | Outcome::Held => true,
        Outcome::Unchanged | Outcome::Missing => user.notes.stale && delivery <= 1,
        Outcome::Written | Outcome::Superseded | Outcome::Retired => false,
    }
}

/// The answer to SQS: exactly these messages come again.
pub fn batch_response(message_ids: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(message_ids);
    response
}

#[cfg(test)]
mod tests;
