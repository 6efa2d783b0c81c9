//! The mass-retire limit: how many users one run may retire. Pure.

use jiff::{SignedDuration, Timestamp};

use super::tally::{MAX_NAMED, shorten};
use crate::error::Error;
use crate::keys::UserName;
use crate::plan::{Action, Outcome, Reason};
use crate::snapshot::ParameterView;
use crate::sync::SyncResult;

/// The number of users that one run may always retire; above it, a fifth of the known users.
const MAX_RETIRED: usize = 3;

/// For how long retired users count against the limit, so that it cannot be reached every night.
const MEMORY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The users who are gone, and the counts that the limit compares them with.
#[derive(Debug, Default)]
pub struct Candidates {
    /// The results of the users who are gone.
    pub gone: Vec<Vec<SyncResult>>,
    known: usize,
    with_parameter: usize,
    /// The users who may be gone, but could not be checked.
    unchecked: usize,
    /// The users who are not gone, but have no parameter or are not shown by the listing.
    unlisted: usize,
    /// The first of them.
    unlisted_users: Vec<UserName>,
    /// The users who were retired in the last seven days.
    retired_recently: usize,
}

impl Candidates {
    /// Counts a user. Users who were retired long ago do not count, or they would raise the limit
    /// year by year.
    pub fn count(&mut self, user: &[SyncResult], now: Timestamp) {
        // Users without a target are known from the document, whatever a listing shows.
        if user.iter().all(SyncResult::is_untargeted) {
            return;
        }
        let result = representative(user);
        let snapshot = &result.snapshot;
        if result.plan.reason == Reason::AlreadyRetired {
            let retired_at = snapshot.state.recorded().and_then(|state| state.retired_at);
            let age = retired_at.map(|at| now.duration_since(at));
            self.retired_recently += usize::from(age.is_some_and(|age| age < MEMORY));
            return;
        }
        self.known += 1;
        self.with_parameter += usize::from(snapshot.parameter.revision().is_some());
        let may_be_gone = matches!(
            snapshot.parameter,
            ParameterView::Absent | ParameterView::Unreadable(_)
        );
        self.unchecked += usize::from(may_be_gone && result.outcome() == Outcome::Failed);
        let is_gone = is_gone(user);
        // No parameter can have such a name, so no listing can show it.
        let is_unnameable = result.plan.reason == Reason::Unnameable;
        let is_absent = matches!(snapshot.parameter, ParameterView::Absent);
        let is_unlisted = (result.is_unlisted || is_absent) && !is_gone && !is_unnameable;
        self.unlisted += usize::from(is_unlisted);
        if is_unlisted && self.unlisted_users.len() < MAX_NAMED {
            self.unlisted_users.push(result.user.clone());
        }
    }

    /// Returns the users who are gone.
    pub fn gone_users(&self) -> Vec<UserName> {
        let users = self.gone.iter();
        users
            .map(|user| representative(user).user.clone())
            .collect()
    }

    /// Returns why a run that covers all users is incomplete, if it is. Either the listing is broken:
    /// it does not show users who are known from elsewhere. Or users could not be checked.
    pub fn doubt(&self, listing_is_empty: bool) -> Option<String> {
        let Self {
            known,
            unchecked,
            unlisted,
            ..
        } = self;
        let is_empty = listing_is_empty || self.with_parameter == 0;
        if *unlisted > self.limit() || (is_empty && *unlisted > 0) {
            return Some(format!(
                "the listing is broken: it does not show {unlisted} of {known} known users ({}); check \
                 the Region, the account, SSM_PARAMETER_PREFIX and SSM_PARAMETER_SUFFIX; if these \
                 users have no key yet, wait for the platform; if they never existed, their state \
                 objects were made up: delete them",
                shorten(&self.unlisted_users)
            ));
        }
        (*unchecked > 0).then(|| format!("{unchecked} users without a parameter were not checked"))
    }

    /// Checks the limit for the users who are gone, and for those who may be. In a run that covers
    /// all users, it is also exceeded if no user has a parameter.
    ///
    /// # Errors
    /// [`Error::MassRetireLimit`] if the limit is exceeded and `allow_mass_retire` is not set.
    pub fn check(&self, covers_all: bool, allow_mass_retire: bool) -> Result<(), Error> {
        let (gone, known) = (self.gone.len(), self.known + self.retired_recently);
        let none_left = covers_all && self.with_parameter == 0;
        let in_all = gone + self.unchecked + self.retired_recently;
        if gone > 0 && !allow_mass_retire && (in_all > self.limit() || none_left) {
            let (unchecked, recently) = (self.unchecked, self.retired_recently);
            return Err(Error::MassRetireLimit {
                gone,
                known,
                unchecked,
                recently,
            });
        }
        Ok(())
    }

    fn limit(&self) -> usize {
        MAX_RETIRED.max((self.known + self.retired_recently) / 5)
    }
}

/// Returns whether a user is gone, by the plan for any secret.
pub fn is_gone(user: &[SyncResult]) -> bool {
    let is_gone = |result: &SyncResult| result.plan.action == Action::Skip(Outcome::PlannedRetired);
    user.iter().any(is_gone)
}

/// Returns the secret that decides how a user counts: one that is to be retired, else one that
/// failed, else one that was retired.
fn representative(user: &[SyncResult]) -> &SyncResult {
    let rank = |result: &&SyncResult| match (result.plan.action, result.outcome()) {
        (Action::Skip(Outcome::PlannedRetired), _) => 0,
        (_, Outcome::Failed) => 1,
        _ if result.plan.reason == Reason::AlreadyRetired => 2,
        _ => 3,
    };
    user.iter().min_by_key(rank).expect("a user has a result")
}

#[cfg(test)]
mod tests;
