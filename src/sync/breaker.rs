//! What users of one invocation learn of each other: that Vault does not answer.

use std::cell::RefCell;

use crate::error::Error;

/// Whether Vault gave no answer to users of this invocation: then the others do not write to it any more, so that they
/// are handed back at once instead of waiting for the same time limit each.
#[derive(Debug)]
pub struct CircuitBreaker {
    /// How many users in a row must have got no answer.
    patience: u32,
    unanswered: RefCell<(u32, String)>,
}

impl CircuitBreaker {
    /// An breaker that is believed after so many users in a row.
    pub fn after(patience: u32) -> Self {
        Self {
            patience,
            unanswered: RefCell::default(),
        }
    }

    pub(super) fn note(&self, ended: &Result<(), Error>) {
        let mut unanswered = self.unanswered.borrow_mut();
        match ended {
            // Once it is believed, what the others hear of it is what `check` says.
            _ if unanswered.0 >= self.patience => {}
            Err(Error::Unreachable { problem, .. }) => {
                *unanswered = (unanswered.0 + 1, problem.clone())
            }
            _ => unanswered.0 = 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let (count, problem) = &*self.unanswered.borrow();
        if *count < self.patience {
            return Ok(());
        }
        let (operation, subject) = ("reaching", "Vault".to_owned());
        let problem = format!("found just before, by another user of this invocation: {problem}");
        Err(Error::Unreachable {
            operation,
            subject,
            problem,
        })
    }
}
