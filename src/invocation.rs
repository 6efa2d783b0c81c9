//! What the work of one invocation shares: the context, the deadline and the circuit breaker.

use std::rc::Rc;

use secrecy::SecretString;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Duration, Instant};

use crate::backends::Backends;
use crate::breaker::CircuitBreaker;
use crate::capabilities::Capabilities;
use crate::context::Context;
use crate::error::Error;
use crate::pace::Pace;
use crate::targets::Targets;

/// Time that a call to Vault leaves for the record, at most.
const MAX_RECORD_TIME: Duration = Duration::from_secs(10);

/// For how long the targets are not read again.
const TARGETS_TTL: Duration = Duration::from_mins(1);

/// The targets, and when they were read.
type ReadTargets = (Instant, Result<Rc<Targets>, Error>);

/// One invocation, or one reconcile run.
pub struct Invocation<'a, B: Backends> {
    /// The configuration and the backends.
    pub ctx: &'a Context<B>,
    /// When all work must have ended.
    pub deadline: Instant,
    /// The rate limit of calls to Parameter Store, if there is one.
    pace: Option<Pace>,
    /// Whether Vault is known to be unreachable.
    breaker: CircuitBreaker,
    /// The targets, and when they were read.
    targets: Mutex<Option<ReadTargets>>,
    /// The capabilities of the token, once a dry run has read them; `None` if they are unknown, and
    /// an error if the token is not valid.
    pub capabilities: OnceCell<Result<Option<Capabilities>, Error>>,
}

impl<'a, B: Backends> Invocation<'a, B> {
    /// Creates an invocation whose breaker opens after `breaker_threshold` failures in a row.
    pub fn new(ctx: &'a Context<B>, deadline: Instant, breaker_threshold: u32) -> Self {
        Self {
            ctx,
            deadline,
            pace: None,
            breaker: CircuitBreaker::new(breaker_threshold),
            targets: Mutex::default(),
            capabilities: OnceCell::new(),
        }
    }

    /// Limits the rate of calls to Parameter Store to the configured one.
    #[must_use]
    pub fn paced(self) -> Self {
        let pace = Some(Pace::new(self.ctx.config.ssm_calls_per_second));
        Self { pace, ..self }
    }

    /// Waits until the next call to Parameter Store is allowed.
    pub async fn wait_for_turn(&self) {
        if let Some(pace) = &self.pace {
            pace.wait().await;
        }
    }

    /// Returns the targets. They are read again after a minute, so that a long run does not
    /// undo what events have written since by a newer document.
    ///
    /// # Errors
    /// Those of reading the document, and [`Error::BadTargets`] if it is refused.
    pub async fn targets(&self) -> Result<Rc<Targets>, Error> {
        self.targets_since(TARGETS_TTL).await
    }

    /// Returns the targets as they are now.
    ///
    /// # Errors
    /// Those of [`targets`](Self::targets).
    pub async fn newest_targets(&self) -> Result<Rc<Targets>, Error> {
        self.targets_since(Duration::ZERO).await
    }

    async fn targets_since(&self, max_age: Duration) -> Result<Rc<Targets>, Error> {
        let mut known = self.targets.lock().await;
        match &*known {
            Some((read_at, targets)) if read_at.elapsed() < max_age => targets.clone(),
            _ => {
                let targets = self.within(self.ctx.targets()).await;
                *known = Some((Instant::now(), targets.clone()));
                targets
            }
        }
    }

    /// Waits for `work` until the deadline. After the deadline nothing is started.
    ///
    /// # Errors
    /// Those of `work`; [`Error::OutOfTime`] at the deadline.
    pub async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if !self.has_time_for(Duration::ZERO) {
            return Err(Error::OutOfTime);
        }
        tokio::time::timeout_at(self.deadline, work)
            .await
            .unwrap_or(Err(Error::OutOfTime))
    }

    /// Calls Vault, unless the circuit breaker is open, and counts whether Vault was reached. A
    /// call that Vault rejects because of its rate limit ends before the deadline, so that there is
    /// time to record what was written elsewhere.
    ///
    /// # Errors
    /// Those of the call; [`Error::Unreachable`] if the breaker is open; [`Error::OutOfTime`] at the
    /// deadline.
    pub async fn call_vault<T>(
        &self,
        call: impl AsyncFn(&B::Vault, &SecretString) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.breaker.check()?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let end = self.deadline - (left / 4).min(MAX_RECORD_TIME);
        let result = self.within(self.ctx.session.call_until(end, call)).await;
        match &result {
            Err(Error::Unreachable { problem, .. }) => self.breaker.record_failure(problem),
            Err(Error::OutOfTime) => {}
            _ => self.breaker.record_success(),
        }
        result
    }

    /// Sleeps, but not beyond the deadline.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep_until(self.deadline.min(Instant::now() + duration)).await;
    }

    /// Returns whether the deadline is further away than `duration`.
    pub fn has_time_for(&self, duration: Duration) -> bool {
        Instant::now() + duration < self.deadline
    }
}
