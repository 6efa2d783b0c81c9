//! The status of all users: a dry run of a reconcile run, shown user by user, with the last run and
//! the token.
//!
//! It writes nothing. The plan decides what is in sync; this module only names the condition.

mod row;

pub(crate) use row::last_four;
pub use row::{Condition, LastSync, Row, SyncOutcome};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::backends::{Backends, ReconcileRecords};
use crate::context::Context;
use crate::deadlines::Deadlines;
use crate::error::Error;
use crate::keys::UserName;
use crate::reconcile::{Progress, reconcile};
use crate::snapshot::ReconcileRecord;
use crate::sync::SyncResult;
use crate::token::TokenView;
use crate::trigger::Reconcile;

/// The status of all users.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The users, by name.
    pub users: Vec<Row>,
    /// The number of secrets per condition, and of users without one.
    pub counts: BTreeMap<Condition, u64>,
    /// The record of the last reconcile run; null in basic mode and before the first run.
    pub last_run: Option<ReconcileRecord>,
    /// The token; null if it could not be read, which is then one of the problems.
    pub token: Option<TokenView>,
    /// What could not be read.
    pub problems: Vec<String>,
    /// Why the record of the last reconcile run could not be read, if that is so.
    #[serde(skip)]
    pub last_run_problem: Option<String>,
    /// Whether this is basic mode, in which reconcile runs are not recorded.
    #[serde(skip)]
    pub is_basic: bool,
}

/// Reads the status of these users, or of all, and returns it with what it was made from.
///
/// A user whose status cannot be determined is [`Condition::Failed`].
///
/// # Errors
/// [`Error::PartialFailure`] if it is cancelled before it starts.
pub(crate) async fn status<B: Backends>(
    ctx: &Context<B>,
    users: Option<Vec<UserName>>,
    deadlines: Deadlines,
    cancel: &CancellationToken,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<(Status, Vec<SyncResult>), Error> {
    let order = Reconcile {
        dry_run: true,
        users,
        ..Reconcile::default()
    };
    let mut results = Vec::new();
    let gather = |event: Progress<'_>| {
        if let Progress::User(user) = event {
            results.extend_from_slice(user);
        }
        progress(event);
    };
    let run = reconcile(ctx, &order, "status", deadlines, cancel, gather);
    let last_run = async {
        match &ctx.states {
            Some(states) => {
                let read = tokio::time::timeout_at(deadlines.end, states.load_record());
                let read = tokio::select! {
                    read = read => read.ok(),
                    () = cancel.cancelled() => None,
                };
                let no_answer =
                    || Error::unavailable("reading", "the reconcile record", "no answer");
                read.unwrap_or_else(|| Err(no_answer())).map(|(run, _)| run)
            }
            None => Ok(None),
        }
    };
    let token = tokio::time::timeout_at(deadlines.end, ctx.session.show());
    let (run, last_run, token) = tokio::join!(run, last_run, token);
    let mut problems = run?.problems;
    let last_run_problem = last_run.as_ref().err().map(ToString::to_string);
    problems.extend(last_run_problem.clone());
    let last_run = last_run.ok().flatten();
    let token = token.unwrap_or(Err(Error::OutOfTime));
    let token = token.map_err(|error| problems.push(error.to_string())).ok();
    results.sort_by(|a, b| a.user.cmp(&b.user));
    let now = Timestamp::now();
    let rows = results
        .iter()
        .map(|result| Row::new(result, last_run.as_ref(), now));
    let users = rows.collect::<Vec<_>>();
    let mut counts = BTreeMap::new();
    for row in &users {
        *counts.entry(row.condition).or_default() += 1;
    }
    Ok((
        Status {
            users,
            counts,
            last_run,
            token,
            problems,
            last_run_problem,
            is_basic: ctx.states.is_none(),
        },
        results,
    ))
}

#[cfg(test)]
mod tests;
