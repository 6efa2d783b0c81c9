//! The circuit breaker: when some calls did not reach Vault, it is not called any more.

use std::cell::RefCell;

use crate::error::{Error, RETRY_LATER};

/// Stops calls to Vault once several in a row found it unreachable. The messages of the other users
/// then return to the queue at once, instead of waiting for the same time limit each.
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
        let problem = format!("found just before by another call of this invocation: {problem}");
        Err(Error::Unreachable {
            operation: "reaching",
            subject: "Vault".to_owned(),
            problem,
            remedy: RETRY_LATER,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(breaker: &CircuitBreaker) -> Option<String> {
        breaker.check().err().map(|error| error.to_string())
    }

    #[test]
    fn a_breaker_opens_at_its_threshold() {
        let breaker = CircuitBreaker::new(3);
        for problem in ["one", "two"] {
            breaker.record_failure(problem);
            assert_eq!(message(&breaker), None, "{problem}");
        }
        breaker.record_failure("three");
        let message = message(&breaker).unwrap();
        assert!(
            message.contains("found just before by another call"),
            "{message}"
        );
        assert!(message.contains("three"), "{message}");
    }

    #[test]
    fn a_success_resets_a_closed_breaker() {
        let breaker = CircuitBreaker::new(2);
        for _ in 0..3 {
            breaker.record_failure("refused");
            breaker.record_success();
        }
        assert_eq!(message(&breaker), None);
    }

    #[test]
    fn an_open_breaker_stays_open_and_its_message_does_not_grow() {
        let breaker = CircuitBreaker::new(1);
        breaker.record_failure("refused");
        let first = message(&breaker);
        assert!(first.is_some());
        for _ in 0..3 {
            breaker.record_failure(&message(&breaker).unwrap());
            breaker.record_success();
            assert_eq!(message(&breaker), first);
        }
    }
}
