//! The mass-retire limit: how many users one run may retire. Pure.

use crate::error::Error;
use crate::plan::Reason;
use crate::sync::SyncResult;

/// The number of users that one run may always retire; above it, a fifth of the known users.
const MAX_RETIRED: usize = 3;

/// The users who are gone, and the counts that the limit compares them with.
#[derive(Debug, Default)]
pub struct Candidates {
    /// The users who are gone.
    pub gone: Vec<SyncResult>,
    known: usize,
    with_parameter: usize,
}

impl Candidates {
    /// Counts a user. Users who were retired before do not count, or they would raise the limit
    /// year by year.
    pub fn count(&mut self, result: &SyncResult) {
        self.known += usize::from(result.plan.reason != Reason::AlreadyRetired);
        self.with_parameter += usize::from(result.snapshot.parameter.revision().is_some());
    }

    /// Checks the limit for the users who are gone. In a run that covers all users, it is also
    /// exceeded if no user has a parameter.
    ///
    /// # Errors
    /// [`Error::MassRetireLimit`] if the limit is exceeded and `allow_mass_retire` is not set.
    pub fn check(&self, covers_all: bool, allow_mass_retire: bool) -> Result<(), Error> {
        let (gone, known) = (self.gone.len(), self.known);
        let none_left = covers_all && gone > 0 && self.with_parameter == 0;
        if !allow_mass_retire && (gone > MAX_RETIRED.max(known / 5) || none_left) {
            return Err(Error::MassRetireLimit { gone, known });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Outcome;
    use crate::testing::results::{result, snapshot};

    /// Returns users who are gone, and others with and without a parameter.
    fn candidates(gone: usize, with_parameter: usize, without_parameter: usize) -> Candidates {
        let mut candidates = Candidates::default();
        let mut known = result("alice", Outcome::Unchanged);
        known.snapshot = snapshot(Some("2026-01-01T00:00:00Z"));
        (0..with_parameter).for_each(|_| candidates.count(&known));
        (0..without_parameter).for_each(|_| candidates.count(&result("bob", Outcome::Missing)));
        for _ in 0..gone {
            let gone = result("carol", Outcome::PlannedRetired);
            candidates.count(&gone);
            candidates.gone.push(gone);
        }
        candidates
    }

    #[test]
    fn a_run_retires_three_users_or_a_fifth_but_not_all() {
        for (gone, with_parameter, without_parameter, covers_all, allowed) in [
            (3, 1, 0, true, true),
            (4, 1, 0, true, false),
            (4, 15, 0, true, false),
            (4, 16, 0, true, true),
            (6, 24, 0, true, true),
            (7, 23, 0, true, false),
            (7, 23, 0, false, false),
            // No user has a parameter.
            (1, 0, 0, true, false),
            (1, 0, 9, true, false),
            (1, 0, 9, false, true),
            (0, 0, 9, true, true),
        ] {
            let candidates = candidates(gone, with_parameter, without_parameter);
            let checked = candidates.check(covers_all, false);
            assert_eq!(
                checked.is_ok(),
                allowed,
                "{candidates:?}, all: {covers_all}"
            );
            assert!(
                candidates.check(covers_all, true).is_ok(),
                "the limit is lifted"
            );
        }
    }

    #[test]
    fn users_who_were_retired_before_do_not_raise_the_limit() {
        let mut candidates = candidates(7, 23, 0);
        let mut retired = result("dave", Outcome::Unchanged);
        retired.plan.reason = Reason::AlreadyRetired;
        (0..100).for_each(|_| candidates.count(&retired));
        let error = candidates.check(true, false).unwrap_err();
        assert!(error.to_string().contains("7 of 30 users"), "{error}");
    }
}
