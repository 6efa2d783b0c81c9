//! What happened: one entry for each secret, and the counts.
//!
//! Pure, and built once, from the results. Must not hold a secret; an access key id appears by its
//! last four characters only.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::keys::UserName;
use crate::plan::Outcome;
use crate::sync::SyncResult;

/// Maximum number of results that an answer of the function lists: it must stay far below Lambda's
/// 6 MB.
const MAX_LISTED: usize = 500;

/// What an invocation did.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What triggered the invocation.
    pub trigger: &'static str,
    /// Why nothing was done, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// The users, with an entry for each secret; of a reconcile run only those that are notable.
    pub users: Vec<UserReport>,
    /// Whether there are more such entries than are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What was not done, if no error states it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// The number of secrets per outcome, and of users without one; complete.
    pub counts: BTreeMap<Outcome, u64>,
    /// How long the invocation took, in milliseconds.
    pub millis: u64,
}

/// What happened to one secret of a user.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserReport {
    /// The user.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub user: UserName,
    /// The secret with its namespace, unless it is that of the default target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How the work ended.
    pub outcome: Outcome,
    /// Why, for operators.
    pub reason: String,
    /// The version of the parameter that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_version: Option<i64>,
    /// The version that was written to Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_version: Option<u64>,
    /// For how many hours the user's new key has been missing from Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsynced_hours: Option<f64>,
    /// How long the work took, in milliseconds.
    pub millis: u64,
}

impl UserReport {
    /// Creates the report of one result.
    pub(crate) fn new(result: &SyncResult, now: Timestamp) -> Self {
        Self {
            user: result.user.clone(),
            target: result.target(),
            outcome: result.outcome(),
            reason: result.reason(),
            parameter_version: result
                .snapshot
                .parameter
                .revision()
                .map(|read| read.version),
            vault_version: result.vault_version(),
            unsynced_hours: result
                .unsynced_for(now)
                .map(|missing| missing.as_secs_f64() / 3600.0),
            millis: millis(result.duration),
        }
    }
}

impl Report {
    /// Creates a report of nothing.
    pub(crate) fn empty(trigger: &'static str) -> Self {
        Self {
            trigger,
            skipped: None,
            users: Vec::new(),
            truncated: false,
            problems: Vec::new(),
            counts: Outcome::ALL
                .map(|outcome| (outcome, 0))
                .into_iter()
                .collect(),
            millis: 0,
        }
    }

    /// Creates a report that lists all results.
    pub(crate) fn new(
        trigger: &'static str,
        results: &[SyncResult],
        duration: Duration,
        now: Timestamp,
    ) -> Self {
        let mut report = Self {
            millis: millis(duration),
            ..Self::empty(trigger)
        };
        for result in results {
            *report.counts.entry(result.outcome()).or_default() += 1;
            report.users.push(UserReport::new(result, now));
        }
        report
    }

    /// Drops what an answer of the function has no room for: first what is in sync, failures last.
    #[must_use]
    pub(crate) fn cut(mut self) -> Self {
        if self.users.len() > MAX_LISTED {
            self.users.sort_by_key(|user| match user.outcome {
                Outcome::Failed => 0,
                Outcome::Unchanged => 2,
                _ => 1,
            });
            self.users.truncate(MAX_LISTED);
            self.truncated = true;
        }
        self
    }

    /// Counts the result of a reconcile run, and lists it if it is notable and there is room. A
    /// failure takes the room of another outcome.
    pub(crate) fn add(&mut self, result: &SyncResult, now: Timestamp) {
        *self.counts.entry(result.outcome()).or_default() += 1;
        if !result.is_notable() {
            return;
        }
        if self.users.len() < MAX_LISTED {
            self.users.push(UserReport::new(result, now));
            return;
        }
        self.truncated = true;
        let mut listed = self.users.iter_mut().rev();
        let is_less = |user: &&mut UserReport| user.outcome != Outcome::Failed;
        if result.outcome() == Outcome::Failed
            && let Some(less) = listed.find(is_less)
        {
            *less = UserReport::new(result, now);
        }
    }

    /// Sets how long the invocation took.
    pub(crate) fn took(&mut self, duration: Duration) {
        self.millis = millis(duration);
    }

    /// Returns the report, unless its single user failed.
    ///
    /// # Errors
    /// [`Error::SyncFailed`] with the user's reason.
    pub(crate) fn into_result(self) -> Result<Self, Error> {
        match self
            .users
            .iter()
            .find(|user| user.outcome == Outcome::Failed)
        {
            None => Ok(self),
            Some(UserReport { user, reason, .. }) => Err(Error::SyncFailed {
                user: user.to_string(),
                reason: reason.clone(),
            }),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn as_text<S: Serializer>(user: &UserName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(user.as_str())
}

#[cfg(test)]
mod tests;
