//! A reconcile run: all users through the same pipeline, to repair what events missed or people
//! changed, and the Vault token beside it.
//!
//! The run is a stream: `listing` finds the users, each is synced, `retire` limits how many are
//! retired, and `lease` keeps two runs apart. A secret exists only while its user is worked on.
//! Never retires users based on a listing that is empty, incomplete or over the mass-retire limit.

mod lease;
mod listing;
mod retire;

use std::cell::RefCell;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backends::Backends;
use crate::context::Context;
use crate::deadlines::Deadlines;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::observe::ReadStrategy;
use crate::plan::{Action, Retirement, SkipKind};
use crate::report::Report;
use crate::sync::{Outcome, Request, SyncResult, dry_run, sync_user};
use crate::token::TokenStatus;
use crate::trigger::Reconcile;
use lease::{Acquired, Lease};
use listing::{Listed, Listing};
use retire::Candidates;

/// The number of users in a row for whom Vault is unreachable before the run stops calling it.
const BREAKER_THRESHOLD: u32 = 3;

/// A parameter that was not put for this many days is not being rotated: that is due every two.
const STALLED_AFTER_DAYS: i64 = 3;

/// Maximum number of users that an error names.
const MAX_NAMED: usize = 20;

/// The users that a run covers.
#[derive(Debug, PartialEq)]
pub enum Scope {
    /// Exactly these.
    Users(Vec<UserName>),
    /// All users, and these first.
    All {
        /// The users who were left over by the last run.
        left_over: Vec<UserName>,
    },
}

/// What happens during a run.
#[derive(Debug)]
pub enum Progress<'a> {
    /// So many users are known in all.
    Total(usize),
    /// The work on a user has ended.
    User(&'a SyncResult),
}

/// What came of a run.
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
    /// Whether all users are in sync now, as far as the run covered them, or no run was due because
    /// the last one was complete. `None` if that says nothing about the daily run: in a dry run,
    /// for named users, and beside another run.
    pub complete: Option<bool>,
    /// The state of the Vault token; `None` in a dry run, which does not renew it.
    pub token: Option<Result<TokenStatus, String>>,
}

/// Reconciles if that is due, and renews the Vault token in any case. Cancelling finishes the users
/// in flight.
///
/// # Errors
/// Those of the record of the last run.
pub async fn reconcile<B: Backends>(
    ctx: &Context<B>,
    order: &Reconcile,
    request_id: &str,
    deadlines: Deadlines,
    cancel: &CancellationToken,
    progress: impl FnMut(Progress<'_>),
) -> Result<ReconcileResult, Error> {
    let lease = match lease::acquire(ctx, order, request_id, &deadlines).await? {
        Acquired::Granted(lease) => lease,
        Acquired::NotDue {
            reason,
            is_complete,
        } => {
            return Ok(not_due(ctx, reason, is_complete, &deadlines).await);
        }
    };
    let is_full = matches!(lease.scope, Scope::All { .. });
    let run = Run {
        invocation: Invocation::new(ctx, deadlines.finish_users, BREAKER_THRESHOLD),
        order,
        deadlines,
        cancel,
        tally: RefCell::new(Tally::new(progress)),
    };
    // A dry run writes nothing, so it renews nothing.
    let renew = async {
        if order.dry_run {
            return None;
        }
        Some(ctx.maintain_token(true, deadlines.finish_users).await)
    };
    let (unfinished, token) = tokio::join!(run.process(&lease), renew);
    let Tally {
        mut report,
        failed,
        stalled,
        ..
    } = run.tally.into_inner();
    let mut result = Unfinished {
        failed,
        ..unfinished
    };
    // A run with an invalid token sees nothing of Vault, so it is recorded as incomplete.
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
    let released = tokio::time::timeout_at(deadlines.end, lease.release(ctx, &report, &result));
    let released = released.await.unwrap_or(Err(Error::OutOfTime));
    problems.extend(released.err().map(|error| error.to_string()));
    let (not_started, stalled) = (result.not_started, is_full.then_some(stalled));
    Ok(ReconcileResult {
        report,
        problems,
        not_started,
        stalled,
        complete,
        token,
    })
}

/// Renews the token when no run is due.
async fn not_due<B: Backends>(
    ctx: &Context<B>,
    reason: String,
    is_complete: bool,
    deadlines: &Deadlines,
) -> ReconcileResult {
    let token = ctx.maintain_token(true, deadlines.end).await;
    let problems = token
        .as_ref()
        .err()
        .cloned()
        .into_iter()
        .collect::<Vec<_>>();
    let mut report = Report {
        skipped: Some(reason),
        ..Report::empty("reconcile")
    };
    report.took(deadlines.started.elapsed());
    let complete = is_complete.then_some(problems.is_empty());
    let (not_started, stalled, token) = (Vec::new(), None, Some(token));
    ReconcileResult {
        report,
        problems,
        not_started,
        stalled,
        complete,
        token,
    }
}

/// What a run could not do.
#[derive(Debug, Default)]
struct Unfinished {
    failed: Vec<UserName>,
    /// The users who were not started: time ran out, or the listing ended early.
    not_started: Vec<UserName>,
    /// Why the next run must cover all users: the listing is incomplete, retirements were refused,
    /// or the token may be invalid.
    needs_full_run: Option<String>,
}

impl Unfinished {
    /// Returns what was not done, for operators; empty if everything was.
    fn problems(&self, with_failed: bool) -> Vec<String> {
        let named = |what: &str, users: &[UserName]| {
            let mut names = users
                .iter()
                .take(MAX_NAMED)
                .map(ToString::to_string)
                .collect::<Vec<_>>();
            if users.len() > MAX_NAMED {
                names.push("…".to_owned());
            }
            let list = names.join(", ");
            (!users.is_empty()).then(|| format!("{} {what} ({list})", users.len()))
        };
        let failed = named("failed", &self.failed).filter(|_| with_failed);
        let not_started = named("not started", &self.not_started);
        [failed, not_started, self.needs_full_run.clone()]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// A run in progress.
struct Run<'a, B: Backends, P> {
    invocation: Invocation<'a, B>,
    order: &'a Reconcile,
    deadlines: Deadlines,
    cancel: &'a CancellationToken,
    tally: RefCell<Tally<P>>,
}

impl<B: Backends, P: FnMut(Progress<'_>)> Run<'_, B, P> {
    /// Syncs the users of the lease while the others are still being listed, then retires those
    /// who are gone.
    async fn process(&self, lease: &Lease) -> Unfinished {
        let ctx = self.invocation.ctx;
        // One page ahead, so that no user waits for the next one; a page is full of secrets.
        let (sender, requests) = mpsc::channel(1);
        let total = |users| (self.tally.borrow_mut().progress)(Progress::Total(users));
        let listing = Listing::new(ctx, &self.deadlines, self.cancel, sender, &total);
        let listing = listing.send(&lease.scope);
        let requests = stream::unfold(requests, async |mut requests: mpsc::Receiver<Vec<_>>| {
            Some((stream::iter(requests.recv().await?), requests))
        });
        let mut candidates = Candidates::default();
        let requests = requests.flatten().map(|request| Request {
            retirement: Retirement::Deferred,
            ..request
        });
        let results = self.start_all(requests, |result| {
            candidates.count(&result);
            if result.plan.action == Action::Skip(SkipKind::RetirementDeferred) {
                candidates.gone.push(result);
            } else {
                self.emit(result);
            }
        });
        let (listed, mut not_started) = tokio::join!(listing, results);
        let Listed {
            not_started: not_listed,
            incomplete,
            pace,
        } = listed;
        not_started.extend(not_listed);
        let mut unfinished = Unfinished {
            not_started,
            needs_full_run: incomplete,
            ..Unfinished::default()
        };
        self.retire(candidates, &lease.scope, &pace, &mut unfinished)
            .await;
        unfinished
    }

    /// Works on users, several at a time, as long as new ones may start; returns the others.
    async fn start_all(
        &self,
        requests: impl Stream<Item = Request>,
        mut each: impl FnMut(SyncResult),
    ) -> Vec<UserName> {
        let not_started = RefCell::new(Vec::new());
        let work = requests.filter_map(|request| {
            let may_start = listing::may_start(self.deadlines.start_users, self.cancel);
            if !may_start {
                not_started.borrow_mut().push(request.user.clone());
            }
            std::future::ready(may_start.then(|| {
                if self.order.dry_run {
                    dry_run(&self.invocation, request).boxed_local()
                } else {
                    sync_user(&self.invocation, request).boxed_local()
                }
            }))
        });
        let results = work.buffered(self.invocation.ctx.config.concurrency);
        results
            .for_each(|result| {
                each(result);
                std::future::ready(())
            })
            .await;
        not_started.into_inner()
    }

    /// Retires the users who are gone, unless the listing is incomplete or they are too many.
    async fn retire(
        &self,
        candidates: Candidates,
        scope: &Scope,
        pace: &listing::Pace,
        unfinished: &mut Unfinished,
    ) {
        if unfinished.needs_full_run.is_some() {
            // Absence from an incomplete listing proves nothing: these users were not reached.
            unfinished
                .not_started
                .extend(candidates.gone.into_iter().map(|result| result.user));
            return;
        }
        let is_all = matches!(scope, Scope::All { .. });
        if let Err(error) = candidates.check(is_all, self.order.allow_mass_retire) {
            unfinished.needs_full_run = Some(error.to_string());
            for result in candidates.gone {
                self.emit(SyncResult {
                    error: Some(error.clone()),
                    ..result
                });
            }
            return;
        }
        if self.order.dry_run {
            candidates
                .gone
                .into_iter()
                .for_each(|result| self.emit(result));
            return;
        }
        let requests = stream::iter(candidates.gone).then(async |result| {
            pace.wait().await;
            Request::new(result.user, ReadStrategy::VAULT_FIRST)
        });
        let not_started = self.start_all(requests, |result| self.emit(result)).await;
        unfinished.not_started.extend(not_started);
    }

    fn emit(&self, result: SyncResult) {
        self.tally.borrow_mut().add(result);
    }
}

/// Counts and reports the results of a run.
struct Tally<P> {
    report: Report,
    failed: Vec<UserName>,
    stalled: u64,
    progress: P,
}

impl<P: FnMut(Progress<'_>)> Tally<P> {
    fn new(progress: P) -> Self {
        Self {
            report: Report::empty("reconcile"),
            failed: Vec::new(),
            stalled: 0,
            progress,
        }
    }

    fn add(&mut self, mut result: SyncResult) {
        let modified = result
            .snapshot
            .parameter
            .revision()
            .map(|revision| revision.modified);
        let age = modified.map(|modified| Timestamp::now().duration_since(modified));
        let days = age.map_or(0, |age| age.as_hours() / 24);
        if days >= STALLED_AFTER_DAYS {
            result.remarks.push(format!("not rotated for {days} days"));
            self.stalled += 1;
        }
        if result.outcome() == Outcome::Failed {
            self.failed.push(result.user.clone());
        }
        (self.progress)(Progress::User(&result));
        self.report.add(&result);
    }
}

#[cfg(test)]
mod tests;
