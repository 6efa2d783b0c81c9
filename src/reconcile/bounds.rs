//! Until when a run may start calls: its deadline, and its cancellation.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// How long names are still listed after a cancellation, so that the users who were not started can
/// be named.
const NAMES_GRACE: Duration = Duration::from_secs(3);

/// Until when a run may start calls.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    until: Instant,
    cancel: &'a CancellationToken,
    grace: Duration,
}

impl<'a> Bounds<'a> {
    /// Creates bounds of a deadline and a cancellation.
    pub fn new(until: Instant, cancel: &'a CancellationToken) -> Self {
        let grace = Duration::ZERO;
        Self {
            until,
            cancel,
            grace,
        }
    }

    /// Returns the same bounds with an earlier deadline.
    pub fn until(self, until: Instant) -> Self {
        Self { until, ..self }
    }

    /// Returns the same bounds with some time after a cancellation, for the listing of names.
    pub fn for_names(self) -> Self {
        Self {
            grace: NAMES_GRACE,
            ..self
        }
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
        if Instant::now() >= self.until {
            return Err(Error::OutOfTime);
        }
        let cancelled = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            result = tokio::time::timeout_at(self.until, call) => {
                result.unwrap_or(Err(Error::OutOfTime))
            }
            () = cancelled => Err(Error::OutOfTime),
        }
    }
}
