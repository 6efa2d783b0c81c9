//! The points in time that bound an invocation, and the limits they are made from.

use std::time::{Duration, SystemTime};

use jiff::SignedDuration;
use tokio::time::Instant;

/// Maximum duration of a Lambda invocation
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>). Command-line runs
/// have the same limit.
pub const MAX_INVOCATION: Duration = Duration::from_mins(15);

/// Maximum difference between the clocks of two processes.
pub const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Maximum duration of the self-test.
pub const MAX_SELF_TEST: Duration = Duration::from_mins(1);

/// Time reserved to report and answer after the work.
pub const ANSWER_RESERVE: Duration = Duration::from_secs(2);

/// Time reserved to record how a reconcile run ended.
const RECORD_RESERVE: Duration = Duration::from_secs(2);

/// Time reserved to finish users in flight; no new user starts after this point.
const FINISH_RESERVE: Duration = Duration::from_secs(18);

/// Duration of an invocation whose deadline is not a time of day, as in some local emulators.
const DEFAULT_INVOCATION: Duration = Duration::from_secs(55);

/// The points in time that bound a reconcile run.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// When the run started.
    pub started: Instant,
    /// No user who was left over by the last run starts after this point, so that they do not use
    /// up the time of all others: reading by name costs ten times as much as reading by listing.
    pub start_left_over: Instant,
    /// No user starts after this point.
    pub start_users: Instant,
    /// Work on users ends.
    pub finish_users: Instant,
    /// Everything ends, the record included.
    pub end: Instant,
}

impl Deadlines {
    /// Returns the deadlines of a run that starts now. Of a short run, each reserve is at most
    /// half of the time that is left.
    pub fn until(end: Instant) -> Self {
        let started = Instant::now();
        let before = |end: Instant, reserve: Duration| {
            end - reserve.min(end.saturating_duration_since(started) / 2)
        };
        let finish_users = before(end, RECORD_RESERVE);
        let start_users = before(finish_users, FINISH_RESERVE);
        let start_left_over = started + start_users.saturating_duration_since(started) / 3;
        Self {
            started,
            start_left_over,
            start_users,
            finish_users,
            end,
        }
    }
}

/// Returns how long an invocation may work, given its deadline in milliseconds since the epoch.
pub fn time_left(deadline_millis: u64) -> Duration {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline_millis);
    let left = deadline.duration_since(SystemTime::now());
    left.map_or(DEFAULT_INVOCATION, |left| {
        left.saturating_sub(ANSWER_RESERVE.min(left / 4))
    })
}
