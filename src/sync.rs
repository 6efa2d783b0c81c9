//! The pipeline: observe, plan, apply; for one user, and for many at a time.
//!
//! All triggers use this loop. It performs no I/O itself and decides no business rule.

mod refusal;
mod result;

pub use result::SyncResult;

use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::Instant;

use crate::apply::{End, MAX_ATTEMPTS, apply, back_off};
use crate::backends::Backends;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::observe::{Observed, ReadStrategy, observe};
use crate::plan::{Action, Plan, Policy, Retirement, plan};
use crate::snapshot::{Cas, Event, ParameterView, VaultView};
use refusal::refusal;
use result::Effects;

/// How long to wait for a read that is as new as its event: Parameter Store promises no
/// read-after-write consistency.
const STALE_READ_WAITS: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// How long to wait, after a rejected check-and-set, for the record of the invocation whose write
/// was first. Without the record, the same key would be written again.
const RECORD_WAITS: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// A user to sync, and what is known beforehand.
#[derive(Debug)]
pub struct Request {
    /// The user.
    pub user: UserName,
    /// The newest event about the user's parameter, if there is one.
    pub event: Option<Event>,
    /// Whether to observe again while the read is older than the event.
    pub retry_stale_read: bool,
    /// Whether the user may be retired.
    pub retirement: Retirement,
    /// How to observe first.
    pub strategy: ReadStrategy,
    /// Whether a listing was expected to show the user, and did not.
    pub is_unlisted: bool,
    /// What to add to the reason in the report.
    pub remarks: Vec<String>,
}

impl Request {
    /// Creates a request without an event.
    pub fn new(user: UserName, strategy: ReadStrategy) -> Self {
        let (event, retirement, remarks) = (None, Retirement::Allowed, Vec::new());
        Self {
            user,
            event,
            retry_stale_read: false,
            retirement,
            strategy,
            is_unlisted: false,
            remarks,
        }
    }
}

/// What was observed, and what is to be done.
#[derive(Debug)]
pub struct Planned {
    /// What was observed.
    pub observed: Observed,
    /// What is to be done.
    pub plan: Plan,
}

impl Planned {
    /// Returns whether another invocation may have written to Vault, but not yet recorded it.
    fn may_be_recorded_soon(&self) -> bool {
        let seen = &self.observed.snapshot;
        // The versions of another server do not compare.
        let state = seen.state.recorded();
        let here = state.filter(|state| state.is_at(&seen.location));
        let recorded = here.and_then(|state| state.vault_version);
        let is_ahead = match (seen.rejected, &seen.vault, recorded) {
            (Some(Cas::Version(known)), VaultView::At(found), _)
            | (None, VaultView::At(found), Some(known)) => *found == known + 1,
            (Some(Cas::Version(_)), VaultView::Hidden, _) => true,
            _ => false,
        };
        is_ahead && !self.plan.reason.is_drift() && matches!(self.plan.action, Action::Write(_))
    }

    /// Returns whether the deadline came before anything was observed.
    fn ran_out_of_time(&self) -> bool {
        let seen = &self.observed.snapshot;
        matches!(seen.parameter, ParameterView::Unreadable(Error::OutOfTime))
    }
}

/// Observes a user and returns the plan.
async fn plan_user<B: Backends>(
    invocation: &Invocation<'_, B>,
    request: &Request,
    strategy: ReadStrategy,
) -> Planned {
    let on_user_deleted = invocation.ctx.config.on_user_deleted;
    let mut policy = Policy {
        on_user_deleted,
        retirement: request.retirement,
    };
    let mut strategy = strategy;
    loop {
        let observed = observe(invocation, &request.user, request.event, strategy).await;
        let mut plan = plan(&observed.snapshot, policy);
        if request.event.is_some()
            && matches!(plan.action, Action::Retire(Some(_)))
            && !invocation.ctx.reserve_retirement(&request.user)
        {
            policy.retirement = Retirement::TooMany;
            plan = crate::plan::plan(&observed.snapshot, policy);
        }
        let user = request.user.as_str();
        tracing::debug!(user, "{user}: {}", plan.reason);
        if plan.action != Action::Reobserve {
            return Planned { observed, plan };
        }
        strategy = ReadStrategy::VAULT_FIRST;
    }
}

/// Returns what a sync of the user would do. A write that Vault would refuse is a failure.
pub async fn dry_run<B: Backends>(
    invocation: &Invocation<'_, B>,
    mut request: Request,
) -> SyncResult {
    let started = Instant::now();
    let strategy = std::mem::replace(&mut request.strategy, ReadStrategy::Optimistic);
    let planned = plan_user(invocation, &request, strategy).await;
    let error = match planned.plan.action {
        Action::Write(_) => refusal(invocation).await,
        _ => None,
    };
    SyncResult {
        error,
        ..SyncResult::planned(request, planned, started.elapsed())
    }
}

/// Syncs a user. Plans and applies. Repeats after a lost race and after a stale read.
pub async fn sync_user<B: Backends>(
    invocation: &Invocation<'_, B>,
    mut request: Request,
) -> SyncResult {
    let started = Instant::now();
    let mut strategy = std::mem::replace(&mut request.strategy, ReadStrategy::Optimistic);
    let mut stale_read_waits = STALE_READ_WAITS.into_iter();
    let mut record_waits = RECORD_WAITS
        .into_iter()
        .filter(|_| invocation.ctx.states.is_some());
    let (mut attempt, mut effects, mut before) = (0, Effects::default(), None::<Planned>);
    let (planned, error) = loop {
        let mut planned = plan_user(invocation, &request, strategy).await;
        if let Some(before) = before.take().filter(|_| planned.ran_out_of_time()) {
            break (before, Some(Error::OutOfTime));
        }
        if planned.may_be_recorded_soon()
            && let Some(wait) = record_waits.next()
        {
            invocation.sleep(wait).await;
            planned.observed.key = None;
            let rejected = planned.observed.snapshot.rejected;
            let written = None;
            strategy = ReadStrategy::VaultFirst { rejected, written };
            before = Some(planned);
            continue;
        }
        let plan = &planned.plan;
        let applied = apply(invocation, &request.user, &planned.observed, plan.action).await;
        effects.add(&applied, &plan.reason);
        // The secret does not outlive its use.
        planned.observed.key = None;
        let plan = &planned.plan;
        attempt += 1;
        strategy = match applied.end {
            Ok(End::Done) if plan.stale_read && request.retry_stale_read => {
                let wait = stale_read_waits.next();
                match wait.filter(|wait| invocation.has_time_for(2 * *wait)) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => break (planned, None),
                }
                attempt = 0;
                ReadStrategy::Optimistic
            }
            Ok(End::Done) => break (planned, None),
            Err(error) => break (planned, Some(error)),
            Ok(End::CasMismatch(_) | End::Conflict) if attempt == MAX_ATTEMPTS => {
                let subject = format!("the key of {} in Vault", request.user);
                break (
                    planned,
                    Some(Error::Contended {
                        subject,
                        attempts: MAX_ATTEMPTS,
                    }),
                );
            }
            Ok(End::CasMismatch(cas)) => {
                back_off(invocation, attempt).await;
                ReadStrategy::VaultFirst {
                    rejected: Some(cas),
                    written: None,
                }
            }
            Ok(End::Conflict) => {
                back_off(invocation, attempt).await;
                let written = applied.written.map(|write| write.version);
                ReadStrategy::VaultFirst {
                    rejected: None,
                    written,
                }
            }
        };
        before = Some(planned);
    };
    SyncResult::applied(request, planned, effects, error, started.elapsed())
}

/// Syncs users as they come, several at a time; the results come in the order of the requests.
pub fn sync_all<'a, B: Backends>(
    invocation: &'a Invocation<'a, B>,
    requests: impl Stream<Item = Request> + 'a,
) -> impl Stream<Item = SyncResult> + 'a {
    let one = move |request| sync_user(invocation, request).boxed_local();
    requests
        .map(one)
        .buffered(invocation.ctx.config.concurrency)
}

#[cfg(test)]
mod tests;
