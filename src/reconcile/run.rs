//! A whole sweep: whether it is due, everybody, the token meanwhile, and the record of it.
//!
//! The night and the command line run the same; they differ in who watches.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::claim::{Claim, claim, record};
use super::{Scope, sweep};
use crate::backends::Backends;
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::report::{Outcome, Report, UserReport};
use crate::token::TokenStatus;
use crate::trigger::Reconcile;

/// A parameter that was not put for so long is not being rotated: that is due every two days.
const STALLED_AFTER_DAYS: i64 = 3;

/// What is kept of the time to write down how the sweep ended.
const TO_RECORD: Duration = Duration::from_secs(2);

/// How much later than its deadline an invocation may still be at work: as long as the function keeps for its answer.
const TO_ANSWER: Duration = Duration::from_secs(2);

/// Who watches a sweep, and may end it early.
pub trait Watch {
    /// So many users are known of, all in all.
    fn expect(&self, _users: usize) {}
    /// The work on a user has ended.
    fn ended(&self, _user: &UserReport) {}
    /// Whether nobody more is to be begun.
    fn stops(&self) -> bool {
        false
    }
}

/// Nobody watches.
impl Watch for () {}

/// What a sweep came to.
#[derive(Debug)]
pub struct Run {
    /// What happened to whom.
    pub report: Report,
    /// What was not done, in words; empty when everything was.
    pub problems: Vec<String>,
    /// Who was not begun.
    pub left: Vec<UserName>,
    /// How many parameters are not being rotated; `None` for a sweep that did not see everybody's.
    pub stalled: Option<u64>,
    /// Whether everybody is in step now, as far as the sweep was for them, or none was due because the last one, by whomever,
    /// was complete; `None` where that says nothing of the night: in a dry run, for named users, beside another sweep.
    pub complete: Option<bool>,
    /// How the token is; `None` in a dry run, which leaves it alone.
    pub token: Option<Result<TokenStatus, String>>,
}

/// Sweeps, if that is due, and renews the token in any case.
///
/// # Errors
/// Those of the record of the last sweep.
pub async fn run<W: Backends>(
    ctx: &Context<W>,
    order: &Reconcile,
    request_id: &str,
    deadline: Instant,
    watch: &impl Watch,
) -> Result<Run, Error> {
    let started = Instant::now();
    let mut report = Report::begin("reconcile");
    let lasts = deadline.saturating_duration_since(started);
    let until = Timestamp::now()
        .checked_add(lasts + TO_ANSWER)
        .unwrap_or(Timestamp::MAX);
    let done_by = deadline - TO_RECORD.min(lasts / 2);
    let (scope, claimed) = match claim(ctx, order, request_id, until).await? {
        Claim::Granted { scope, record } => (scope, record),
        Claim::NotDue { reason, complete } => {
            report.skipped = Some(reason);
            let token = ctx.maintain_token(true, deadline).await;
            let problems = token
                .as_ref()
                .err()
                .cloned()
                .into_iter()
                .collect::<Vec<_>>();
            report.millis = millis_since(started);
            let complete = complete.then_some(problems.is_empty());
            return Ok(Run {
                report,
                problems,
                left: Vec::new(),
                stalled: None,
                complete,
                token: Some(token),
            });
        }
    };
    let everybody = matches!(scope, Scope::Everyone { .. });
    let mut failed = Vec::new();
    let mut stalled = 0;
    let told = |mut user: UserReport| {
        let modified = user.notes.parameter_modified;
        let days = modified.map_or(0, |modified| {
            Timestamp::now().duration_since(modified).as_hours() / 24
        });
        if days >= STALLED_AFTER_DAYS {
            user.remark(&format!("not rotated for {days} days"));
            stalled += 1;
        }
        if user.outcome == Outcome::Failed {
            failed.push(user.user.clone());
        }
        watch.ended(&user);
        report.add_of_sweep(user);
    };
    // A dry run writes nothing, so it renews nothing.
    let renew_if_due = async {
        if order.dry_run {
            None
        } else {
            Some(ctx.maintain_token(true, done_by).await)
        }
    };
    let (mut ending, token) =
        tokio::join!(sweep(ctx, order, scope, done_by, watch, told), renew_if_due);
    // What is only said to fail is in the report.
    let mut problems = ending.problems(if order.dry_run { &[] } else { &failed });
    // A sweep with a dead token sees nothing of Vault, so it is none, and is recorded as none.
    if let Some(Err(problem)) = &token {
        problems.push(problem.clone());
        ending.unlisted.get_or_insert_with(|| problem.clone());
    }
    let complete = (order.users.is_none() && !order.dry_run).then_some(problems.is_empty());
    report.millis = millis_since(started);
    let recorded =
        tokio::time::timeout_at(deadline, record(ctx, claimed, &report, &failed, &ending)).await;
    problems.extend(
        recorded
            .unwrap_or(Err(Error::OutOfTime))
            .err()
            .map(|error| error.to_string()),
    );
    let stalled = everybody.then_some(stalled);
    Ok(Run {
        report,
        problems,
        left: ending.left,
        stalled,
        complete,
        token,
    })
}

fn millis_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
