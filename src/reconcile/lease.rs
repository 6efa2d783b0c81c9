//! Whether a run is due, and the record that decides it: of two runs at the same time one does
//! nothing, and a complete run is not repeated on the same day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Scope, Unfinished};
use crate::backends::{Backends, Etag, PutResult, ReconcileRecords};
use crate::context::Context;
use crate::deadlines::{ANSWER_RESERVE, Deadlines, MAX_CLOCK_SKEW, MAX_INVOCATION};
use crate::error::Error;
use crate::keys::UserName;
use crate::report::Report;
use crate::snapshot::ReconcileRecord;
use crate::time_format::utc;
use crate::trigger::Reconcile;

/// The answer to the request for a run.
#[derive(Debug)]
pub enum Acquired {
    /// The run may start.
    Granted(Lease),
    /// The run must not start.
    NotDue {
        /// Why not.
        reason: String,
        /// Whether that is because the last run was complete, whatever triggered it.
        is_complete: bool,
    },
}

/// The permission to run.
#[derive(Debug)]
pub struct Lease {
    /// The users to cover.
    pub scope: Scope,
    /// The record to finish, and its version; `None` if the run is not recorded.
    record: Option<(ReconcileRecord, Etag)>,
}

/// Requests a run that ends by `deadlines`, and records it as in progress. A dry run, a run of
/// named users, and basic mode are neither restricted nor recorded.
///
/// # Errors
/// Returns the errors of reading and writing the reconcile record.
pub async fn acquire<B: Backends>(
    ctx: &Context<B>,
    order: &Reconcile,
    request_id: &str,
    deadlines: &Deadlines,
) -> Result<Acquired, Error> {
    let unrecorded = |scope| {
        Ok(Acquired::Granted(Lease {
            scope,
            record: None,
        }))
    };
    if let Some(users) = &order.users {
        return unrecorded(Scope::Users(users.clone()));
    }
    let Some(states) = ctx.states.as_ref().filter(|_| !order.dry_run) else {
        return unrecorded(Scope::All {
            left_over: Vec::new(),
        });
    };
    let now = Timestamp::now();
    let (last, etag) = states.load_record().await?;
    let interval_hours = ctx.config.sync_interval_hours;
    let scope = match due(last.as_ref(), now, interval_hours, order.force, request_id) {
        Ok(scope) => scope,
        Err(reason) => {
            let finished = |last: &ReconcileRecord| last.finished_at.is_some();
            let is_complete = last.is_some_and(|last| finished(&last) && is_complete(&last));
            return Ok(Acquired::NotDue {
                reason,
                is_complete,
            });
        }
    };
    let continues = last.filter(|_| matches!(scope, Scope::Users(_)));
    let lasts = deadlines.end.saturating_duration_since(deadlines.started) + ANSWER_RESERVE;
    let (Scope::Users(left_over) | Scope::All { left_over }) = &scope;
    let is_full = matches!(scope, Scope::All { .. });
    let record = ReconcileRecord {
        started_at: continues.map_or(now, |last| last.started_at),
        finished_at: None,
        trigger: if is_full {
            "reconcile"
        } else {
            "reconcile-rest"
        }
        .to_owned(),
        counts: BTreeMap::new(),
        failed_users: left_over.iter().map(ToString::to_string).collect(),
        needs_full_run: is_full,
        leased_until: Some(now.checked_add(lasts).unwrap_or(Timestamp::MAX)),
        request_id: Some(request_id.to_owned()),
    };
    let etag = match states.save_record(&record, etag.as_ref()).await? {
        PutResult::Saved(etag) => Some(etag),
        // If the answer to our own write was lost, the SDK's repetition fails because of it.
        PutResult::PreconditionFailed => {
            let (theirs, etag) = states.load_record().await?;
            etag.filter(|_| theirs.as_ref() == Some(&record))
        }
    };
    let Some(etag) = etag else {
        let reason = "another reconcile run started at the same moment".to_owned();
        return Ok(Acquired::NotDue {
            reason,
            is_complete: false,
        });
    };
    Ok(Acquired::Granted(Lease {
        scope,
        record: Some((record, etag)),
    }))
}

/// Returns the users that a run covers now, or why none is due.
fn due(
    last: Option<&ReconcileRecord>,
    now: Timestamp,
    interval_hours: u32,
    force: bool,
    request_id: &str,
) -> Result<Scope, String> {
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
        let (started, until) = (utc(last.started_at), utc(until));
        return Err(format!(
            "another reconcile run, started at {started}, may be in progress until {until}; to run \
             all the same, use force (--force)"
        ));
    };
    match (
        is_complete(last),
        force || is_old(last.started_at, now, interval_hours),
    ) {
        (_, true) => all(),
        (true, false) => Err(format!(
            "the last reconcile run was complete at {}, and one every {interval_hours} h is \
             sufficient; to repeat it, use force (--force)",
            utc(finished)
        )),
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

/// Returns whether a run that started then is due again, an eighth of the interval early: a daily
/// schedule with a flexible window can run less than 23 hours apart when the clocks change.
fn is_old(started: Timestamp, now: Timestamp, interval_hours: u32) -> bool {
    let interval = SignedDuration::from_hours(i64::from(interval_hours));
    now.duration_since(started) >= interval - interval / 8
}

impl Lease {
    /// Records how the run ended.
    ///
    /// # Errors
    /// Returns the errors of reading and writing the reconcile record.
    pub(super) async fn release<B: Backends>(
        self,
        ctx: &Context<B>,
        report: &Report,
        unfinished: &Unfinished,
    ) -> Result<(), Error> {
        let (Some((record, etag)), Some(states)) = (self.record, &ctx.states) else {
            return Ok(());
        };
        let counts = report.counts.iter();
        let left_over = unfinished.failed.iter().chain(&unfinished.not_started);
        let finished = ReconcileRecord {
            finished_at: Some(Timestamp::now()),
            counts: counts
                .map(|(outcome, count)| (outcome.as_str().to_owned(), *count))
                .collect(),
            failed_users: left_over.map(ToString::to_string).collect(),
            needs_full_run: unfinished.needs_full_run.is_some(),
            leased_until: None,
            ..record
        };
        if states.save_record(&finished, Some(&etag)).await? == PutResult::PreconditionFailed
            && states.load_record().await?.0.as_ref() != Some(&finished)
        {
            tracing::warn!(
                "another reconcile run has recorded itself meanwhile: this run outlasted its lease, \
                 or the other one was forced"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
