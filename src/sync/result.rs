//! What was planned and done for one user: the source of report, metrics, redelivery and status.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Planned, Request};
use crate::apply::{Applied, VaultWrite};
use crate::error::Error;
use crate::keys::{UserName, full_path};
use crate::plan::{Action, Outcome, Plan, Reason};
use crate::snapshot::{Assignment, Snapshot};

/// What was planned and done for one secret of a user. Holds no key.
#[derive(Clone, Debug)]
pub struct SyncResult {
    /// The user.
    pub user: UserName,
    /// What was observed last.
    pub snapshot: Snapshot,
    /// The plan that was made from it.
    pub plan: Plan,
    /// The last write to Vault, and why it was made.
    pub written: Option<(VaultWrite, Reason)>,
    /// Why the plan could not be applied.
    pub error: Option<Error>,
    /// Whether the plan was made only, not applied.
    pub is_dry_run: bool,
    /// How often another process had changed the state object, or a damaged one was replaced.
    pub state_conflicts: u64,
    /// Whether a listing was expected to show the user, and did not.
    pub is_unlisted: bool,
    /// What to add to the reason in the report.
    pub remarks: Vec<String>,
    /// How long the work took.
    pub duration: Duration,
}

/// What the attempts for one user have done so far.
#[derive(Debug, Default)]
pub(super) struct Effects {
    written: Option<(VaultWrite, Reason)>,
    state_conflicts: u64,
}

impl Effects {
    /// Adds what one attempt did, and why.
    pub(super) fn add(&mut self, applied: &Applied, reason: &Reason) {
        self.state_conflicts += applied.state_conflicts;
        if let Some(write) = applied.written {
            self.state_conflicts += u64::from(*reason == Reason::Overruled);
            self.written = Some((write, reason.clone()));
        }
    }
}

impl SyncResult {
    /// Creates the results of the plans, one for each secret.
    pub(super) fn of_plans(
        request: &Request,
        planned: Planned,
        is_dry_run: bool,
        duration: Duration,
    ) -> Vec<Self> {
        let Planned { observed, plans } = planned;
        let secrets = observed.secrets.into_iter().zip(plans);
        let results = secrets.map(|(secret, plan)| Self {
            user: request.user.clone(),
            snapshot: secret.snapshot,
            plan,
            written: None,
            error: None,
            is_dry_run,
            state_conflicts: 0,
            is_unlisted: request.is_unlisted,
            remarks: request.remarks.clone(),
            duration,
        });
        results.collect()
    }

    /// Adds what was done.
    pub(super) fn add(&mut self, effects: Effects, error: Option<Error>) {
        self.written = effects.written;
        self.state_conflicts = effects.state_conflicts;
        self.error = error;
    }

    /// Returns whether the result is about a secret, or a user, that no target names.
    pub fn is_untargeted(&self) -> bool {
        !matches!(
            self.snapshot.assignment,
            Assignment::Named | Assignment::Unreadable(_)
        )
    }

    /// Returns the secret with its namespace, unless it is that of the default target.
    pub fn target(&self) -> Option<String> {
        match &self.snapshot.assignment {
            Assignment::Removed(path) | Assignment::Reassigned(path) => Some(path.clone()),
            Assignment::Named if !self.snapshot.target.is_default() => {
                let path = &self.snapshot.target.location.path;
                Some(full_path(path.namespace.as_deref(), &path.to_string()))
            }
            _ => None,
        }
    }

    /// Returns how the work ended.
    pub fn outcome(&self) -> Outcome {
        match (&self.error, self.plan.action) {
            (Some(_), _) => Outcome::Failed,
            // A second observation that finds nothing more to do does not undo the write before.
            (None, Action::Skip(Outcome::Unchanged) | Action::Adopt(_))
                if self.written.is_some() =>
            {
                Outcome::Written
            }
            (None, action) => Outcome::of(action, self.is_dry_run),
        }
    }

    /// Returns why it ended so, with the remarks.
    pub fn reason(&self) -> String {
        let reason = match (&self.error, &self.written) {
            (Some(error), _) => error.to_string(),
            (None, Some((_, reason))) if self.outcome() == Outcome::Written => reason.to_string(),
            (None, _) => self.plan.reason.to_string(),
        };
        self.remarks
            .iter()
            .fold(reason, |reason, remark| format!("{reason}; note: {remark}"))
    }

    /// Returns the version that was written to Vault, if the work ended with that.
    pub fn vault_version(&self) -> Option<u64> {
        let (write, _) = self.written.as_ref()?;
        (self.outcome() == Outcome::Written).then_some(write.version)
    }

    /// Returns whether drift in Vault was repaired.
    pub fn repaired_drift(&self) -> bool {
        self.written
            .as_ref()
            .is_some_and(|(_, reason)| reason.is_drift())
    }

    /// Returns whether the secret was written again, although its key had not been rotated: another
    /// version was found in Vault, or another place was recorded.
    pub fn is_rewritten(&self) -> bool {
        match &self.written {
            // An edit of a neighbouring field makes a version as well.
            Some((_, Reason::OtherVersion { .. })) => !self.snapshot.target.merge,
            Some((_, reason)) => matches!(reason, Reason::Recreated(_) | Reason::Moved),
            None => false,
        }
    }

    /// Returns the time from the event to the write.
    pub fn event_to_vault(&self) -> Option<SignedDuration> {
        let (write, _) = self.written.as_ref()?;
        Some(
            write
                .at
                .duration_since(self.snapshot.event?.time?)
                .max(SignedDuration::ZERO),
        )
    }

    /// Returns for how long the user's new key has been missing from Vault. If the state could not
    /// be read, the key counts as missing only if an event reported it: otherwise each user in
    /// sync would look outdated while the bucket is unavailable.
    pub fn unsynced_for(&self, now: Timestamp) -> Option<SignedDuration> {
        let has_event = self.snapshot.event.is_some();
        let is_recorded = self.snapshot.key_is_recorded().unwrap_or(!has_event);
        let may_be_missing = matches!(self.outcome(), Outcome::Failed | Outcome::Held);
        let since = self
            .snapshot
            .outdated_since()
            .filter(|_| may_be_missing && !is_recorded)?;
        Some(now.duration_since(since).max(SignedDuration::ZERO))
    }

    /// Returns whether a message about the user returns to the queue, given how often it was
    /// delivered. A stale read returns only after the first delivery: if the second read is no
    /// newer, the event was late, not the read.
    pub fn should_redeliver(&self, delivery: u32) -> bool {
        match self.outcome() {
            Outcome::Failed | Outcome::Held => true,
            Outcome::Retired => false,
            _ => self.plan.stale_read && delivery <= 1,
        }
    }

    /// Returns whether the report of a reconcile run lists the user.
    pub fn is_notable(&self) -> bool {
        self.outcome() != Outcome::Unchanged || !self.remarks.is_empty()
    }
}

#[cfg(test)]
mod tests;
