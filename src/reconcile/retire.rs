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
