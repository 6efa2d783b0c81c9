//! The circuit breaker: when Vault is unreachable for some users, the others do not try it.

use std::cell::RefCell;

use crate::error::Error;

/// Stops calls to Vault once several users in a row found it unreachable. The other users are
/// then handed back at once instead of waiting for the same time limit each.
#[derive(Debug)]
pub struct CircuitBreaker {
    threshold: u32,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    problem: String,
}

impl CircuitBreaker {
    /// Creates a breaker that opens after `threshold` failures in a row.
    pub fn new(threshold: u32) -> Self {
        Self {
            threshold,
            state: RefCell::default(),
        }
    }

    /// Counts that Vault was unreachable. Once the breaker is open, later failures only repeat
    /// its own error, so they are not recorded.
    pub fn record_failure(&self, problem: &str) {
        let mut state = self.state.borrow_mut();
        if state.failures < self.threshold {
            state.failures += 1;
            problem.clone_into(&mut state.problem);
        }
    }

    /// Counts that Vault answered. An open breaker stays open for the rest of the invocation.
    pub fn record_success(&self) {
        let mut state = self.state.borrow_mut();
        if state.failures < self.threshold {
            state.failures = 0;
        }
    }

    /// Returns an error if the breaker is open.
    ///
    /// # Errors
    /// [`Error::Unreachable`] with the cause that opened the breaker.
    pub fn check(&self) -> Result<(), Error> {
        let State { failures, problem } = &*self.state.borrow();
        if *failures < self.threshold {
            return Ok(());
        }
        let problem = format!("found just before for another user of this invocation: {problem}");
        Err(Error::Unreachable {
            operation: "reaching",
            subject: "Vault".to_owned(),
            problem,
        })
    }
}
