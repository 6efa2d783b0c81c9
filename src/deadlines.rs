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

#[cfg(test)]
mod tests {
    use super::*;

    fn now_millis() -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        u64::try_from(now.unwrap().as_millis()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn deadlines_are_in_order_for_every_length() {
        for seconds in [0, 1, 3, 4, 10, 20, 40, 60, 900] {
            let limits = Deadlines::until(Instant::now() + Duration::from_secs(seconds));
            let points = [
                limits.started,
                limits.start_left_over,
                limits.start_users,
                limits.finish_users,
                limits.end,
            ];
            assert!(points.is_sorted(), "{seconds} s: {limits:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reserves_shrink_with_a_short_run() {
        // The end of work, the last start, and the last start of a left-over user.
        for (seconds, expected) in [
            (900, [898.0, 880.0, 293.333]),
            (42, [40.0, 22.0, 7.333]),
            (22, [20.0, 10.0, 3.333]),
            (4, [2.0, 1.0, 0.333]),
            (2, [1.0, 0.5, 0.166]),
            (0, [0.0, 0.0, 0.0]),
        ] {
            let limits = Deadlines::until(Instant::now() + Duration::from_secs(seconds));
            let points = [
                limits.finish_users,
                limits.start_users,
                limits.start_left_over,
            ];
            for (point, expected) in points.into_iter().zip(expected) {
                let after = (point - limits.started).as_secs_f64();
                assert!((after - expected).abs() < 0.001, "{seconds} s: {limits:?}");
            }
        }
    }

    #[test]
    fn the_answer_reserve_is_subtracted_from_the_time_left() {
        for (millis, longest) in [(60_000, 58_000), (8_000, 6_000), (4_000, 3_000), (400, 300)] {
            let before = std::time::Instant::now();
            let left = time_left(now_millis() + millis);
            let longest = Duration::from_millis(longest);
            // The clock goes on during the test.
            let shortest = longest.saturating_sub(before.elapsed() + Duration::from_millis(2));
            let expected = shortest..=longest;
            assert!(expected.contains(&left), "{millis} ms: {left:?}");
        }
    }

    #[test]
    fn a_deadline_that_is_not_a_time_of_day_gives_the_default() {
        for deadline_millis in [0, 60_000, now_millis() - 1] {
            assert_eq!(time_left(deadline_millis), DEFAULT_INVOCATION);
        }
    }
}
