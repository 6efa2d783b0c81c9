//! Counts the results of a run, and what the run could not do.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{OTHER_WRITER, Progress};
use crate::keys::UserName;
use crate::plan::Outcome;
use crate::report::Report;
use crate::sync::SyncResult;

/// A parameter that was not put for this many days is not being rotated: that is due every two.
const STALLED_AFTER_DAYS: i64 = 3;

/// Maximum number of users that an error names.
pub(super) const MAX_NAMED: usize = 20;

/// Counts and reports the results of a run.
pub(super) struct Tally<P> {
    pub(super) report: Report,
    pub(super) failed: Vec<UserName>,
    pub(super) stalled: u64,
    /// The users whose secrets were written again, although their keys had not been rotated.
    pub(super) rewritten: Vec<UserName>,
    /// Those of them for whom the run before did the same.
    pub(super) rewritten_again: Vec<UserName>,
    pub(super) progress: P,
    rewritten_before: HashSet<String>,
}

impl<P: FnMut(Progress<'_>)> Tally<P> {
    /// Creates an empty tally, given the users whose secrets the run before wrote again.
    pub(super) fn new(progress: P, rewritten_before: HashSet<String>) -> Self {
        Self {
            report: Report::empty("reconcile"),
            failed: Vec::new(),
            stalled: 0,
            rewritten: Vec::new(),
            rewritten_again: Vec::new(),
            progress,
            rewritten_before,
        }
    }

    /// Sorts by user, because users end in any order. The secrets of a user keep theirs.
    pub(super) fn sorted(mut self) -> Self {
        self.report
            .users
            .sort_by(|one, other| one.user.cmp(&other.user));
        self.failed.sort();
        self.rewritten.sort();
        self
    }

    /// Adds the results of a user, one for each secret.
    pub(super) fn add(&mut self, mut user: Vec<SyncResult>) {
        let now = Timestamp::now();
        let days = days_since_rotation(&user, now);
        self.stalled += u64::from(days >= STALLED_AFTER_DAYS);
        let (mut is_rewritten, mut has_failed) = (false, false);
        for result in &mut user {
            if days >= STALLED_AFTER_DAYS {
                result.remarks.push(format!("not rotated for {days} days"));
            }
            is_rewritten |= result.is_rewritten();
            if result.is_rewritten() && self.rewritten_before.contains(result.user.as_str()) {
                let remark = format!("the run before wrote it again, too: {OTHER_WRITER}");
                result.remarks.push(remark);
            }
            has_failed |= result.outcome() == Outcome::Failed;
            self.report.add(result, now);
        }
        let Some(name) = user.first().map(|result| result.user.clone()) else {
            return;
        };
        if is_rewritten && self.rewritten_before.contains(name.as_str()) {
            self.rewritten_again.push(name.clone());
        }
        self.rewritten.extend(is_rewritten.then(|| name.clone()));
        self.failed.extend(has_failed.then_some(name));
        (self.progress)(Progress::User(&user));
    }
}

/// Returns how many days ago the platform put the user's parameter.
fn days_since_rotation(user: &[SyncResult], now: Timestamp) -> i64 {
    let revision = user
        .first()
        .and_then(|result| result.snapshot.parameter.revision());
    let age = revision.map(|revision| now.duration_since(revision.modified));
    age.map_or(0, |age| age.as_hours() / 24)
}

fn set(names: &[String]) -> HashSet<&String> {
    names.iter().collect()
}

/// Returns the names of at most 20 users.
pub(super) fn shorten(users: &[UserName]) -> String {
    let names = users.iter().take(MAX_NAMED).map(ToString::to_string);
    let more = (users.len() > MAX_NAMED).then(|| "…".to_owned());
    names.chain(more).collect::<Vec<_>>().join(", ")
}

/// What a run could not do.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    pub(super) failed: Vec<UserName>,
    /// The users who were not started: time ran out, or the listing ended early.
    pub(super) not_started: Vec<UserName>,
    /// Why the next run must cover all users: the listing is incomplete, the mass-retire limit
    /// was exceeded, or the token may be invalid.
    pub(super) needs_full_run: Option<String>,
}

impl Unfinished {
    /// Returns the users whom the next run starts with: first those who have waited longest, so
    /// that runs with too little time reach each user in turn; last those who were tried and
    /// failed.
    pub(super) fn left_over(&self, waiting: &[String]) -> Vec<String> {
        let names = |users: &[UserName]| users.iter().map(ToString::to_string).collect::<Vec<_>>();
        let not_started = names(&self.not_started);
        let (waited, remain) = (set(waiting), set(&not_started));
        let first = waiting.iter().filter(|user| remain.contains(*user));
        let then = not_started.iter().filter(|user| !waited.contains(*user));
        first
            .chain(then)
            .cloned()
            .chain(names(&self.failed))
            .collect()
    }

    /// Returns what was not done, for operators; empty if everything was.
    pub(super) fn problems(&self, with_failed: bool) -> Vec<String> {
        let named = |what: &str, users: &[UserName]| {
            let list = shorten(users);
            (!users.is_empty()).then(|| format!("{} {what} ({list})", users.len()))
        };
        let failed = named("failed", &self.failed).filter(|_| with_failed);
        let not_started = named("not started", &self.not_started);
        [failed, not_started, self.needs_full_run.clone()]
            .into_iter()
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests;
