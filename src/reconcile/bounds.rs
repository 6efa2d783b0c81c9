//! Until when a run may start calls: its deadline, and its cancellation.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// Until when a run may start calls.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    until: Instant,
    cancel: &'a CancellationToken,
}

impl<'a> Bounds<'a> {
    /// Creates bounds of a deadline and a cancellation.
    pub fn new(until: Instant, cancel: &'a CancellationToken) -> Self {
        Self { until, cancel }
    }

    /// Returns the same bounds with an earlier deadline.
    pub fn until(self, until: Instant) -> Self {
        Self { until, ..self }
    }

    /// Returns whether a call, or a user, may be started now.
    pub fn may_start(&self) -> bool {
        Instant::now() < self.until && !self.cancel.is_cancelled()
    }

    /// Returns why nothing more may be started.
    pub fn reason(&self) -> &'static str {
        if self.cancel.is_cancelled() {
            "the run was stopped"
        } else {
            "there was no time left to list more parameters"
        }
    }

    /// Waits for `call` within the bounds.
    ///
    /// # Errors
    /// Those of `call`; [`Error::OutOfTime`] at the deadline or after a cancellation.
    pub async fn run<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if !self.may_start() {
            return Err(Error::OutOfTime);
        }
        tokio::select! {
            result = tokio::time::timeout_at(self.until, call) => {
                result.unwrap_or(Err(Error::OutOfTime))
            }
            () = self.cancel.cancelled() => Err(Error::OutOfTime),
        }
    }
}
