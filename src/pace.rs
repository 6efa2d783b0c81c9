//! The rate limit of calls to Parameter Store.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior};

/// The rate limit of calls to Parameter Store: the account's quota is shared by all callers.
pub struct Pace(Mutex<Interval>);

impl Pace {
    /// Creates a limit; the first call is allowed at once.
    pub fn new(calls_per_second: u32) -> Self {
        let mut interval = tokio::time::interval(Duration::from_secs(1) / calls_per_second);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(interval))
    }

    /// Waits until the next call is allowed.
    pub async fn wait(&self) {
        self.0.lock().await.tick().await;
    }
}
