//! What happened: one line per user, the counts, and which messages go back to the queue.
//!
//! Pure. Must not hold a secret; an access key id appears by its last four characters only.

mod user;

pub use user::{Notes, Outcome, UserReport};

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::error::Error;

/// The most users that a report of a sweep lists: an answer must stay far below Lambda's 6 MB.
const LISTED_AT_MOST: usize = 500;

/// What an invocation did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What woke us.
    pub trigger: &'static str,
    /// Why nothing was done, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What happened to whom; of a sweep only those of note.
    pub users: Vec<UserReport>,
    /// Whether there are more of note than are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What was not done, in words, where an error does not tell it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// How often each outcome occurred; complete.
    pub counts: BTreeMap<Outcome, u64>,
    /// How long it all took, in milliseconds.
    pub millis: u64,
}

impl Report {
    /// A report of nothing yet.
    pub(crate) fn begin(trigger: &'static str) -> Self {
        let counts = Outcome::ALL
            .map(|outcome| (outcome, 0))
            .into_iter()
            .collect();
        Self {
            trigger,
            skipped: None,
            users: Vec::new(),
            truncated: false,
            problems: Vec::new(),
            counts,
            millis: 0,
        }
    }

    /// A report of these users, whose work took so long.
    pub(crate) fn of(trigger: &'static str, users: Vec<UserReport>, took: Duration) -> Self {
        let mut report = Self::begin(trigger);
        for user in users {
            report.add(user);
        }
        report.millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        report
    }

    /// Counts and lists a user.
    pub(crate) fn add(&mut self, user: UserReport) {
        *self.counts.entry(user.outcome).or_default() += 1;
        self.users.push(user);
    }

    /// Counts a user of a sweep, and lists who is of note while there is room.
    pub(crate) fn add_of_sweep(&mut self, user: UserReport) {
        if user.outcome == Outcome::Unchanged && !user.notes.remarked {
            *self.counts.entry(user.outcome).or_default() += 1;
        } else if self.users.len() < LISTED_AT_MOST {
            self.add(user);
        } else {
            self.truncated = true;
            *self.counts.entry(user.outcome).or_default() += 1;
        }
    }

    /// The report, unless its single user failed.
    ///
    /// # Errors
    /// [`Error::SyncFailed`] with the user's reason.
    pub(crate) fn or_failed(self) -> Result<Self, Error> {
        match self
            .users
            .iter()
            .find(|user| user.outcome == Outcome::Failed)
        {
            None => Ok(self),
            Some(failed) => Err(Error::SyncFailed {
                user: failed.user.to_string(),
                reason: failed.reason.clone(),
            }),
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
        Outcome::Retired => false,
        _ => user.notes.stale && delivery <= 1,
    }
}

#[cfg(test)]
mod tests;
