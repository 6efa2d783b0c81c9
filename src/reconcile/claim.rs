//! Whether a sweep is due, and the record that says so: of two at the same time one does nothing, and a complete one is
//! not repeated the same day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Ending, Scope};
use crate::backends::{Backends, Etag, PutResult, ReconcileRecords};
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::report::{Outcome, Report};
use crate::snapshot::ReconcileRecord;
use crate::time_format::utc;
use crate::trigger::Reconcile;

/// How much the clocks of two functions may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(10);

/// No invocation lasts longer (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), and the clocks.
const LONGEST: SignedDuration = SignedDuration::from_mins(15 + 10);

/// What came of asking for a sweep.
#[derive(Debug)]
pub enum Claim {
    /// It is ours to do.
    Granted {
        /// Whom it is for.
        scope: Scope,
        /// The record to finish and its version; `None` where nothing is recorded.
        record: Option<(ReconcileRecord, Etag)>,
    },
    /// It is not to be done.
    NotDue {
        /// Why not.
        reason: String,
        /// Whether that is because the last one was complete, whoever asked for it.
        complete: bool,
    },
}

/// Asks for a sweep that may last until `until`, and records it as under way. A dry run, one of named users, and basic
/// mode are neither guarded nor recorded.
///
/// # Errors
/// Those of the record.
pub async fn claim<W: Backends>(
    ctx: &Context<W>,
    order: &Reconcile,
    request_id: &str,
    until: Timestamp,
) -> Result<Claim, Error> {
    if let Some(users) = &order.users {
        return Ok(Claim::Granted {
            scope: Scope::Only(users.clone()),
            record: None,
        });
    }
    let Some(states) = ctx.states.as_ref().filter(|_| !order.dry_run) else {
        return Ok(Claim::Granted {
            scope: Scope::Everyone { first: Vec::new() },
            record: None,
        });
    };
    let now = Timestamp::now();
    let (last, etag) = states.load_record().await?;
    let scope = match due(
        last.as_ref(),
        now,
        ctx.config.sync_interval_hours,
        order.force,
        request_id,
    ) {
        Ok(scope) => scope,
        Err(reason) => {
            let complete = last
                .as_ref()
                .is_some_and(|last| last.finished_at.is_some() && is_complete(last));
            return Ok(Claim::NotDue { reason, complete });
        }
    };
    let goes_on = last.filter(|_| matches!(scope, Scope::Only(_)));
    let run = ReconcileRecord {
        started_at: goes_on.map_or(now, |last| last.started_at),
        finished_at: None,
        trigger: if matches!(scope, Scope::Only(_)) {
            "reconcile-rest"
        } else {
            "reconcile"
        }
        .to_owned(),
        counts: BTreeMap::new(),
        failed_users: left_over(&scope).iter().map(ToString::to_string).collect(),
        unlisted: matches!(scope, Scope::Everyone { .. }),
        claimed_until: Some(until),
        request_id: Some(request_id.to_owned()),
    };
    match states.save_record(&run, etag.as_ref()).await? {
        PutResult::Saved(etag) => Ok(Claim::Granted {
            scope,
            record: Some((run, etag)),
        }),
        // The first answer to our own write may have been lost, and then the repetition lost against it.
        PutResult::PreconditionFailed => match states.load_record().await? {
            (Some(theirs), Some(etag)) if theirs == run => Ok(Claim::Granted {
                scope,
                record: Some((run, etag)),
            }),
            _ => {
                let reason = "another sweep began at the same moment".to_owned();
                Ok(Claim::NotDue {
                    reason,
                    complete: false,
                })
            }
        },
    }
}

fn left_over(scope: &Scope) -> &[UserName] {
    match scope {
        Scope::Only(users) | Scope::Everyone { first: users } => users,
    }
}

/// Whom a sweep is for now, or why none is due. Pure.
fn due(
    last: Option<&ReconcileRecord>,
    now: Timestamp,
    interval_hours: u32,
    force: bool,
    request_id: &str,
) -> Result<Scope, String> {
    let Some(last) = last else {
        return Ok(Scope::Everyone { first: Vec::new() });
    };
    let first = || {
        last.failed_users
            .iter()
            .filter_map(|name| UserName::parse(name).ok())
            .collect::<Vec<_>>()
    };
    // A date to come would put off every sweep until then.
    if last.started_at > later(now, CLOCKS) {
        return Ok(Scope::Everyone { first: first() });
    }
    let (Some(finished), is_old) = (
        last.finished_at,
        is_old(last.started_at, now, interval_hours),
    ) else {
        let until = last.claimed_until.unwrap_or(last.started_at);
        let alive = now < until
            && until <= later(now, LONGEST)
            && last.request_id.as_deref() != Some(request_id);
        return if alive && !force {
            Err(format!(
                "another sweep, begun at {}, may be under way until {}; force (--force) sweeps all the same",
                utc(last.started_at),
                utc(until)
            ))
        } else {
            Ok(Scope::Everyone { first: first() })
        };
    };
    match (is_complete(last), force || is_old) {
        (_, true) => Ok(Scope::Everyone { first: first() }),
        (true, false) => Err(format!(
            "the last sweep was complete at {}, and one every {interval_hours} h is enough; force (--force) repeats it",
            utc(finished)
        )),
        (false, false) if last.unlisted || first().is_empty() => {
            Ok(Scope::Everyone { first: first() })
        }
        (false, false) => Ok(Scope::Only(first())),
    }
}

/// Whether a sweep that ended brought everybody in step.
fn is_complete(last: &ReconcileRecord) -> bool {
    last.failed_users.is_empty() && !last.unlisted
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Whether a sweep that began then is due again. With an eighth of the interval to spare: a nightly schedule with a
/// flexible window, on a night when the clocks change, comes after less than 23 hours.
fn is_old(started: Timestamp, now: Timestamp, interval_hours: u32) -> bool {
    let interval = SignedDuration::from_hours(i64::from(interval_hours));
    now.duration_since(started) >= interval - interval / 8
}

/// Records how a claimed sweep ended.
///
/// # Errors
/// Those of the record.
pub async fn record<W: Backends>(
    ctx: &Context<W>,
    claimed: Option<(ReconcileRecord, Etag)>,
    report: &Report,
    failed: &[UserName],
    ending: &Ending,
) -> Result<(), Error> {
    let (Some((run, etag)), Some(states)) = (claimed, &ctx.states) else {
        return Ok(());
    };
    let counts = report
        .counts
        .iter()
        .map(|(outcome, count): (&Outcome, &u64)| (outcome.as_str().to_owned(), *count));
    let finished = ReconcileRecord {
        finished_at: Some(Timestamp::now()),
        counts: counts.collect(),
        failed_users: failed
            .iter()
            .chain(&ending.left)
            .map(ToString::to_string)
            .collect(),
        unlisted: ending.unlisted.is_some(),
        claimed_until: None,
        ..run
    };
    if states.save_record(&finished, Some(&etag)).await? == PutResult::PreconditionFailed
        && states.load_record().await?.0.as_ref() != Some(&finished)
    {
        tracing::warn!(
            "another sweep has recorded itself meanwhile: this one lasted longer than it had claimed, or that one was forced"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
