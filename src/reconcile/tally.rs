//! Counts the results of a run, and what the run could not do.

use jiff::Timestamp;

use super::Progress;
use crate::keys::UserName;
use crate::plan::Outcome;
use crate::report::Report;
use crate::sync::SyncResult;

/// A parameter that was not put for this many days is not being rotated: that is due every two.
const STALLED_AFTER_DAYS: i64 = 3;

/// Maximum number of users that an error names.
const MAX_NAMED: usize = 20;

/// Counts and reports the results of a run.
pub(super) struct Tally<P> {
    pub(super) report: Report,
    pub(super) failed: Vec<UserName>,
    pub(super) stalled: u64,
    pub(super) progress: P,
}

impl<P: FnMut(Progress<'_>)> Tally<P> {
    pub(super) fn new(progress: P) -> Self {
        Self {
            report: Report::empty("reconcile"),
            failed: Vec::new(),
            stalled: 0,
            progress,
        }
    }

    pub(super) fn add(&mut self, mut result: SyncResult) {
        let modified = result
            .snapshot
            .parameter
            .revision()
            .map(|revision| revision.modified);
        let now = Timestamp::now();
        let age = modified.map(|modified| now.duration_since(modified));
        let days = age.map_or(0, |age| age.as_hours() / 24);
        if days >= STALLED_AFTER_DAYS {
            result.remarks.push(format!("not rotated for {days} days"));
            self.stalled += 1;
        }
        if result.outcome() == Outcome::Failed {
            self.failed.push(result.user.clone());
        }
        (self.progress)(Progress::User(&result));
        self.report.add(&result, now);
    }
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
    /// Returns what was not done, for operators; empty if everything was.
    pub(super) fn problems(&self, with_failed: bool) -> Vec<String> {
        let named = |what: &str, users: &[UserName]| {
            let mut names = users
                .iter()
                .take(MAX_NAMED)
                .map(ToString::to_string)
                .collect::<Vec<_>>();
            if users.len() > MAX_NAMED {
                names.push("…".to_owned());
            }
            let list = names.join(", ");
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
