//! Reconciles all users through the same pipeline, to repair what events missed or people changed.
//! Renews the Vault token at the same time.
//!
//! The run is a stream: `listing` finds the users, each is synced, `retire` limits how many are
//! retired, and `lease` keeps two runs apart. The secrets in memory are those of the users in
//! flight, and of at most two pages. A run never retires users based on a listing that is empty,
//! incomplete or broken, or users over the mass-retire limit.

mod bounds;
mod due;
mod known;
mod lease;
mod listing;
mod retire;
mod run;
mod tally;

use std::cell::RefCell;

use tokio_util::sync::CancellationToken;

use crate::backends::Backends;
use crate::context::Context;
use crate::deadlines::Deadlines;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::report::Report;
use crate::sync::SyncResult;
use crate::token::TokenStatus;
use crate::trigger::Reconcile;
use bounds::Bounds;
use due::NotDue;
use run::Run;
use tally::{Tally, Unfinished};

/// The number of calls in a row that do not reach Vault before the run stops calling it.
const BREAKER_THRESHOLD: u32 = 3;

/// The likely cause of a secret that has to be written again in each run.
const OTHER_WRITER: &str = "another process writes to the same folder in Vault, or another \
    deployment uses the same bucket; give each deployment a folder and a bucket of its own";

/// The start of the request ids of `keysync`. Those of Lambda are UUIDs.
pub const OPERATOR_REQUEST: &str = "keysync-";

/// The users that a run covers.
#[derive(Debug, PartialEq)]
pub enum Scope {
    /// Only these users.
    Users(Vec<UserName>),
    /// All users, starting with the left-over ones.
    All {
        /// The users who were left over by the last run.
        left_over: Vec<UserName>,
    },
}

/// What happens during a run.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The total number of users.
    Total(usize),
    /// The results of a user whose work has ended, one for each secret.
    User(&'a [SyncResult]),
}

/// The result of a run.
#[derive(Debug)]
pub struct ReconcileResult {
    /// What happened to the users.
    pub report: Report,
    /// What was not done; empty if everything was.
    pub problems: Vec<String>,
    /// The users who were not started.
    pub not_started: Vec<UserName>,
    /// The number of parameters that are not being rotated; `None` if not all users were covered.
    pub stalled: Option<u64>,
    /// The number of secrets that this run and the one before wrote again without a rotation;
    /// `None` if not all users were covered.
    pub rewritten_again: Option<u64>,
    /// Whether all users are in sync now, as far as the run covered them. Also true if no run was
    /// due because the last one was complete. `None` if the result is no statement about the daily
    /// run:
    ///
    /// - in a dry run,
    /// - for named users,
    /// - while another run is in progress.
    pub complete: Option<bool>,
    /// The state of the Vault token; `None` in a dry run, which does not renew it.
    pub token: Option<Result<TokenStatus, String>>,
}

/// Reconciles if that is due, and renews the Vault token in any case. Cancelling finishes the users
/// in flight.
///
/// # Errors
/// Returns the errors of reading and writing the reconcile record.
pub async fn reconcile<B: Backends>(
    ctx: &Context<B>,
    order: &Reconcile,
    request_id: &str,
    deadlines: Deadlines,
    cancel: &CancellationToken,
    progress: impl FnMut(Progress<'_>),
) -> Result<ReconcileResult, Error> {
    let invocation = Invocation::new(ctx, deadlines.finish_users, BREAKER_THRESHOLD).paced();
    let acquire = lease::acquire(ctx, order, request_id, &deadlines);
    let bounds = Bounds::new(deadlines.finish_users, cancel);
    // The targets are read at the same time; the users find them, or the error.
    let (acquired, _) = tokio::join!(bounds.run(acquire), invocation.targets());
    let acquired = acquired.map_err(|error| match error {
        Error::OutOfTime if cancel.is_cancelled() => {
            Error::PartialFailure("it was stopped before it started".to_owned())
        }
        Error::OutOfTime => Error::unavailable("reading", "the reconcile record", "no answer"),
        error => error,
    });
    let lease = match acquired? {
        Ok(lease) => lease,
        Err(reason) => return Ok(not_due(ctx, &reason, &deadlines).await),
    };
    let is_full = matches!(lease.scope, Scope::All { .. });
    let run = Run {
        invocation,
        order,
        deadlines,
        cancel,
        tally: RefCell::new(Tally::new(progress, lease.rewritten_before())),
    };
    // A dry run writes nothing, so it renews nothing.
    let renew = async {
        if order.dry_run {
            return None;
        }
        Some(ctx.maintain_token(true, deadlines.finish_users).await)
    };
    let work = async { tokio::join!(run.process(&lease), renew) };
    let (unfinished, token) = tokio::select! {
        done = work => done,
        never = lease.keep(ctx, &deadlines) => never,
    };
    let Tally {
        mut report,
        failed,
        stalled,
        rewritten,
        rewritten_again,
        ..
    } = run.tally.into_inner().sorted();
    warn_of_other_writers(&rewritten_again);
    let mut result = Unfinished {
        failed,
        ..unfinished
    };
    // A run with an invalid token cannot read Vault, so it is recorded as incomplete.
    if let Some(Err(problem)) = &token {
        result.needs_full_run.get_or_insert_with(|| problem.clone());
    }
    // In a dry run, a user who would fail is an entry of the report.
    let mut problems = result.problems(!order.dry_run);
    if let Some(Err(problem)) = &token
        && !problems.contains(problem)
    {
        problems.push(problem.clone());
    }
    let complete = (order.users.is_none() && !order.dry_run).then_some(problems.is_empty());
    report.took(deadlines.started.elapsed());
    let released = tokio::time::timeout_at(
        deadlines.end,
        lease.release(ctx, &report, &result, &rewritten),
    );
    let released = released.await.unwrap_or(Err(Error::OutOfTime));
    problems.extend(released.err().map(|error| error.to_string()));
    Ok(ReconcileResult {
        report,
        problems,
        not_started: result.not_started,
        stalled: is_full.then_some(stalled),
        rewritten_again: is_full.then_some(rewritten_again.len() as u64),
        complete,
        token,
    })
}

/// Renews the token when no run is due.
async fn not_due<B: Backends>(
    ctx: &Context<B>,
    reason: &NotDue,
    deadlines: &Deadlines,
) -> ReconcileResult {
    let token = ctx.maintain_token(true, deadlines.end).await;
    let is_complete = matches!(reason, NotDue::Complete { .. });
    // The other run may have been killed: the trigger retries until one is complete.
    let unfinished = (!is_complete).then(|| reason.to_string());
    let problems = unfinished.into_iter().chain(token.as_ref().err().cloned());
    let problems = problems.collect::<Vec<_>>();
    let mut report = Report {
        skipped: Some(reason.to_string()),
        ..Report::empty("reconcile")
    };
    report.took(deadlines.started.elapsed());
    let complete = is_complete.then_some(problems.is_empty());
    ReconcileResult {
        report,
        problems,
        not_started: Vec::new(),
        stalled: None,
        rewritten_again: None,
        complete,
        token: Some(token),
    }
}

/// Warns of users whose secrets had to be written again in two full runs, one after the other.
fn warn_of_other_writers(users: &[UserName]) {
    if users.is_empty() {
        return;
    }
    let shown = tally::shorten(users);
    tracing::warn!(
        users = users.len(),
        "{} secrets were written again as in the run before, although their keys had not been \
         rotated ({shown}): {OTHER_WRITER}",
        users.len()
    );
}

#[cfg(test)]
mod tests;
