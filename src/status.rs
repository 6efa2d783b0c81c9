//! How everybody stands: a dry run of the sweep, told user by user, with the last sweep and the token.
//!
//! Writes nothing. What is in step and what is not, the plan decides; here it only gets a name.

mod row;

pub(crate) use row::ending;
pub use row::{Condition, LastSync, Row, SyncOutcome};

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::backends::{Backends, ReconcileRecords};
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::plan::Sighting;
use crate::reconcile::{Watch, run};
use crate::report::UserReport;
use crate::snapshot::ReconcileRecord;
use crate::token::TokenView;
use crate::trigger::Reconcile;

/// How everybody stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The users, by name.
    pub users: Vec<Row>,
    /// How many users are in which condition.
    pub counts: BTreeMap<Condition, u64>,
    /// The record of the last sweep; `None` in basic mode and before the first.
    pub last_run: Option<ReconcileRecord>,
    /// The token; `None` where it gave no answer, which is then among the problems.
    pub token: Option<TokenView>,
    /// What could not be found out.
    pub problems: Vec<String>,
    /// Whether the record of the last sweep could be read.
    #[serde(skip)]
    pub last_run_is_known: bool,
}

/// A user's row and what it was made from.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) row: Row,
    /// `None` where nothing could be seen.
    pub(crate) sighting: Option<Box<Sighting>>,
}

/// Looks at these users, or at everybody.
///
/// A user whose status cannot be found out is [`Condition::Failed`].
///
/// # Errors
/// None but those of claiming a sweep, which a dry run does not do.
pub(crate) async fn status<W: Backends>(
    ctx: &Context<W>,
    users: Option<Vec<UserName>>,
    deadline: Instant,
    watch: &impl Watch,
) -> Result<(Status, Vec<Seen>), Error> {
    let order = Reconcile {
        dry_run: true,
        users,
        ..Reconcile::default()
    };
    let gather = Gather {
        watch,
        reports: RefCell::default(),
    };
    let last_run = async {
        match &ctx.states {
            Some(states) => states.load_record().await.map(|(run, _)| run),
            None => Ok(None),
        }
    };
    let token = tokio::time::timeout_at(deadline, ctx.session.show());
    let (run, last_run, token) = tokio::join!(
        run(ctx, &order, "status", deadline, &gather),
        last_run,
        token
    );
    let mut problems = run?.problems;
    let last_run = last_run.map_err(|error| problems.push(error.to_string()));
    let last_run_is_known = last_run.is_ok();
    let last_run = last_run.ok().flatten();
    let token = token
        .unwrap_or(Err(Error::OutOfTime))
        .map_err(|error| problems.push(error.to_string()))
        .ok();
    let now = Timestamp::now();
    let reports = gather.reports.into_inner().into_iter();
    let mut seen = reports
        .map(|report| Seen::of(report, last_run.as_ref(), now))
        .collect::<Vec<_>>();
    seen.sort_by(|a, b| a.row.user.cmp(&b.row.user));
    let users = seen.iter().map(|seen| seen.row.clone()).collect::<Vec<_>>();
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
            last_run_is_known,
        },
        seen,
    ))
}

impl Seen {
    fn of(
        (report, sighting): (Told, Option<Box<Sighting>>),
        last_run: Option<&ReconcileRecord>,
        now: Timestamp,
    ) -> Self {
        let row = Row::of(report, sighting.as_deref(), last_run, now);
        Self { row, sighting }
    }
}

/// What a dry run told of a user.
#[derive(Debug)]
struct Told {
    user: String,
    outcome: crate::report::Outcome,
    reason: String,
}

/// Keeps what is told, and passes it on.
struct Gather<'a, H> {
    watch: &'a H,
    reports: RefCell<Vec<(Told, Option<Box<Sighting>>)>>,
}

impl<H: Watch> Watch for Gather<'_, H> {
    fn expect(&self, users: usize) {
        self.watch.expect(users);
    }

    fn ended(&self, user: &UserReport) {
        let told = Told {
            user: user.user.to_string(),
            outcome: user.outcome,
            reason: user.reason.clone(),
        };
        self.reports
            .borrow_mut()
            .push((told, user.sighting.clone()));
        self.watch.ended(user);
    }

    fn stops(&self) -> bool {
        self.watch.stops()
    }
}

#[cfg(test)]
mod tests;
