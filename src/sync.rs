//! The pipeline: observe, plan, apply; for one user, and for many at a time.
//!
//! All triggers use this loop. It performs no I/O itself. It decides only what a plan cannot know:
//! how many users events may retire, and that a secret that failed is not tried again.

mod refusal;
mod result;
mod secrets;

pub use result::SyncResult;

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

use crate::apply::{apply, back_off};
use crate::backends::Backends;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::observe::{Observed, ReadStrategy, Subject, observe};
use crate::plan::{Action, Plan, Policy, Retirement, plan};
use crate::snapshot::Event;
use crate::trigger::SyncUsers;
use refusal::refusal;
use secrets::{Next, Secrets};

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
    /// Whether an operator takes over secrets that another tool manages.
    pub adopts: bool,
    /// Whether a listing was expected to show the user, and did not.
    pub is_unlisted: bool,
    /// What to add to the reason in the report.
    pub remarks: Vec<String>,
}

impl Request {
    /// Creates a request without an event.
    pub fn new(user: UserName, strategy: ReadStrategy) -> Self {
        Self {
            user,
            event: None,
            retry_stale_read: false,
            retirement: Retirement::Allowed,
            strategy,
            adopts: false,
            is_unlisted: false,
            remarks: Vec::new(),
        }
    }

    /// Creates the request for a user whom an operator names because something seems wrong: Vault is
    /// read first.
    pub fn of_operator(user: &UserName, order: &SyncUsers) -> Self {
        Self {
            adopts: order.adopt,
            ..Self::new(user.clone(), ReadStrategy::VAULT_FIRST)
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            user: &self.user,
            event: self.event,
        }
    }
}

/// What was observed of a user, and what is to be done for each secret.
#[derive(Debug)]
pub struct Planned {
    /// What was observed.
    pub observed: Observed,
    /// What is to be done, in the order of the secrets.
    pub plans: Vec<Plan>,
}

/// Observes a user and returns the plans.
async fn plan_user<B: Backends>(
    invocation: &Invocation<'_, B>,
    request: &Request,
    strategy: ReadStrategy,
) -> Planned {
    let mut policy = Policy {
        on_user_deleted: invocation.ctx.config.on_user_deleted,
        retirement: request.retirement,
        adopts: request.adopts,
    };
    let mut strategy = strategy;
    loop {
        let observed = observe(invocation, request.subject(), strategy).await;
        let plan_all = |policy| {
            let secrets = observed.secrets.iter();
            secrets
                .map(|secret| plan(&secret.snapshot, policy))
                .collect::<Vec<_>>()
        };
        let mut plans = plan_all(policy);
        let deletes = |plan: &Plan| matches!(plan.action, Action::Retire(Some(_)));
        if request.event.is_some()
            && plans.iter().any(deletes)
            && !invocation.ctx.reserve_retirement(&request.user)
        {
            policy.retirement = Retirement::TooMany;
            plans = plan_all(policy);
        }
        for plan in &plans {
            let user = request.user.as_str();
            tracing::debug!(user, "{user}: {}", plan.reason);
        }
        if plans.iter().all(|plan| plan.action != Action::Reobserve) {
            return Planned { observed, plans };
        }
        strategy = ReadStrategy::VAULT_FIRST;
    }
}

/// Returns what a sync of the user would do, for each secret. A write that Vault would refuse is a
/// failure.
pub async fn dry_run<B: Backends>(
    invocation: &Invocation<'_, B>,
    mut request: Request,
) -> Vec<SyncResult> {
    let started = Instant::now();
    let strategy = std::mem::replace(&mut request.strategy, ReadStrategy::Optimistic);
    let planned = plan_user(invocation, &request, strategy).await;
    let mut results = SyncResult::of_plans(&request, planned, true, started.elapsed());
    let writes =
        |result: &SyncResult| matches!(result.plan.action, Action::Write(_) | Action::Patch(_));
    for result in results.iter_mut().filter(|result| writes(result)) {
        result.error = refusal(invocation, result).await;
    }
    results
}

/// Syncs a user. Plans and applies, all secrets at the same time. Repeats after a lost race and
/// after a stale read. Returns the result of each secret, at least one.
pub async fn sync_user<B: Backends>(
    invocation: &Invocation<'_, B>,
    mut request: Request,
) -> Vec<SyncResult> {
    let started = Instant::now();
    let mut strategy = std::mem::replace(&mut request.strategy, ReadStrategy::Optimistic);
    let mut stale_read_waits = STALE_READ_WAITS.into_iter();
    let has_states = invocation.ctx.states.is_some();
    let mut record_waits = RECORD_WAITS.into_iter().filter(|_| has_states);
    let mut secrets = Secrets::default();
    loop {
        let planned = plan_user(invocation, &request, strategy).await;
        if !secrets.accept(planned) {
            break;
        }
        if secrets.may_be_recorded_soon()
            && let Some(wait) = record_waits.next()
        {
            // This also drops the key, so it is not held during the wait.
            strategy = secrets.repeat();
            invocation.sleep(wait).await;
            continue;
        }
        let (observed, plans) = secrets.current();
        let applied = apply(invocation, &request.user, observed, plans).await;
        strategy = match secrets.add(applied) {
            Next::Done if request.retry_stale_read && secrets.has_stale_read() => {
                let wait = stale_read_waits.next();
                match wait.filter(|wait| invocation.has_time_for(2 * *wait)) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => break,
                }
                secrets.start_again();
                ReadStrategy::Optimistic
            }
            Next::Done => break,
            Next::Again(attempt) => {
                back_off(invocation, attempt).await;
                secrets.repeat()
            }
        };
    }
    secrets.into_results(&request, started.elapsed())
}

/// Syncs users, several at a time. One who takes long does not keep others from their turn. Returns
/// the results in the order of the requests.
pub async fn sync_all<B: Backends>(
    invocation: &Invocation<'_, B>,
    requests: Vec<Request>,
) -> Vec<Vec<SyncResult>> {
    let work = requests.into_iter().enumerate().map(|(place, request)| {
        let results = sync_user(invocation, request);
        results.map(move |results| (place, results)).boxed_local()
    });
    let work = stream::iter(work).buffer_unordered(invocation.ctx.config.concurrency);
    let mut results = work.collect::<Vec<_>>().await;
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests;
