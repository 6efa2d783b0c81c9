//! Whether a run is due: a complete run is not repeated on the same day. Pure.

use jiff::{SignedDuration, Timestamp};

use super::Scope;
use crate::deadlines::{MAX_CLOCK_SKEW, MAX_INVOCATION};
use crate::keys::UserName;
use crate::snapshot::ReconcileRecord;
use crate::time_format::utc;

/// Why no run is due.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotDue {
    /// The last run was complete, whatever triggered it.
    #[error(
        "the last reconcile run was complete at {}, and one every {interval_hours} h is \
         sufficient; to repeat it, use force (--force)",
        utc(*finished)
    )]
    Complete {
        /// When the run finished.
        finished: Timestamp,
        /// The interval of runs, in hours.
        interval_hours: u32,
    },
    /// Another run holds the lease.
    #[error(
        "another reconcile run, started at {}, holds the lease until {}; retry after that, or use \
         force (--force)",
        utc(*started),
        utc(*until)
    )]
    InProgress {
        /// When the run started.
        started: Timestamp,
        /// When its lease ends unless it is renewed.
        until: Timestamp,
    },
}

/// Returns the users that a run covers now, or why none is due.
pub(super) fn due(
    last: Option<&ReconcileRecord>,
    now: Timestamp,
    interval_hours: u32,
    force: bool,
    request_id: &str,
) -> Result<Scope, NotDue> {
    let Some(last) = last else {
        return Ok(Scope::All {
            left_over: Vec::new(),
        });
    };
    let left_over = || {
        let names = last.failed_users.iter();
        names
            .filter_map(|name| UserName::parse(name).ok())
            .collect::<Vec<_>>()
    };
    let all = || {
        Ok(Scope::All {
            left_over: left_over(),
        })
    };
    // A start in the future would postpone every run until then.
    if last.started_at > later(now, MAX_CLOCK_SKEW) {
        return all();
    }
    let Some(finished) = last.finished_at else {
        let until = last.leased_until.unwrap_or(last.started_at);
        let longest = MAX_CLOCK_SKEW + SignedDuration::try_from(MAX_INVOCATION).unwrap_or_default();
        let is_ours = last.request_id.as_deref() == Some(request_id);
        if force || now >= until || until > later(now, longest) || is_ours {
            return all();
        }
        return Err(NotDue::InProgress {
            started: last.started_at,
            until,
        });
    };
    match (
        is_complete(last),
        force || is_old(last, now, interval_hours),
    ) {
        (_, true) => all(),
        (true, false) => Err(NotDue::Complete {
            finished,
            interval_hours,
        }),
        (false, false) if last.needs_full_run || left_over().is_empty() => all(),
        (false, false) => Ok(Scope::Users(left_over())),
    }
}

/// Returns whether a finished run brought all users in sync.
fn is_complete(last: &ReconcileRecord) -> bool {
    last.failed_users.is_empty() && !last.needs_full_run
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Returns whether another run is due. That is an eighth of the interval early: a daily schedule
/// with a flexible window can run less than 23 hours apart when the clocks change. A run that an
/// operator started replaces one of the schedule only for a quarter of the interval. Otherwise 45
/// hours could pass between two runs, nearly as long as a replaced key lives.
fn is_old(last: &ReconcileRecord, now: Timestamp, interval_hours: u32) -> bool {
    let interval = SignedDuration::from_hours(i64::from(interval_hours));
    let enough = if last.on_demand {
        interval / 4
    } else {
        interval - interval / 8
    };
    now.duration_since(last.started_at) >= enough
}

#[cfg(test)]
mod tests;
