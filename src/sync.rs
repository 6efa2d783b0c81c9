//! The pipeline on one screen: observe, plan, apply, report; for one user, and for many at a time.
//!
//! Every trigger runs through here; only the scope differs. Must not do: talk to a store itself, or decide a rule of
//! the business.

mod breaker;

pub use breaker::CircuitBreaker;

use std::mem;
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::apply::{ATTEMPTS, Applied, apply, pause};
use crate::backends::Backends;
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::observe::{Look, observe};
use crate::plan::{Reason, Sighting, Step, plan};
use crate::report::{Outcome, UserReport};
use crate::snapshot::{Snapshot, VaultView};

/// How long to wait for a read that is as new as the event that told of it: Parameter Store promises no read after
/// write.
const STALE_READ_WAITS: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// How much later than the parameter an event may be without telling of a newer one.
const EVENT_LAG: SignedDuration = SignedDuration::from_secs(2);

/// A user to sync, and what is known of it beforehand.
#[derive(Debug)]
pub struct Request {
    /// Who.
    pub user: UserName,
    /// Whether the newest event tells that the parameter was deleted.
    pub told_deleted: bool,
    /// When the newest event says that the parameter changed, if one told of it.
    pub told_at: Option<Timestamp>,
    /// Whether to read again when the parameter looks older than that.
    pub patient: bool,
    /// How to look first; after a lost race it is always thoroughly.
    pub look: Look,
    /// What must not be done, only said.
    pub only_say: OnlySay,
}

/// What must not be done, only said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlySay {
    /// Everything may be done.
    Nothing,
    /// That a user would be retired: a sweep counts those first.
    Retirement,
    /// Everything: a dry run.
    All,
}

impl Request {
    /// A request without an event.
    pub fn asked(user: UserName, look: Look, only_say: OnlySay) -> Self {
        Self {
            user,
            told_deleted: false,
            told_at: None,
            patient: false,
            look,
            only_say,
        }
    }
}

/// Syncs users, several at a time; the reports come in the order of the requests. Whoever is not done by `deadline`
/// fails.
pub async fn sync_all<W: Backends>(
    ctx: &Context<W>,
    requests: Vec<Request>,
    deadline: Instant,
) -> Vec<UserReport> {
    let breaker = CircuitBreaker::after(1);
    sync_each(ctx, &breaker, stream::iter(requests), deadline)
        .collect()
        .await
}

/// Syncs users as they come. Whoever is not done by `deadline` fails.
pub fn sync_each<'a, W: Backends>(
    ctx: &'a Context<W>,
    breaker: &'a CircuitBreaker,
    requests: impl Stream<Item = Request> + 'a,
    deadline: Instant,
) -> impl Stream<Item = UserReport> + 'a {
    let one = move |request| sync_user(ctx, request, breaker, deadline).boxed_local();
    requests.map(one).buffered(ctx.config.concurrency)
}

async fn sync_user<W: Backends>(
    ctx: &Context<W>,
    mut request: Request,
    breaker: &CircuitBreaker,
    deadline: Instant,
) -> UserReport {
    let started = std::time::Instant::now();
    let mut report = UserReport::begin(request.user.clone());
    let work = until_fresh(ctx, &mut request, breaker, &mut report, deadline);
    let ended = tokio::time::timeout_at(deadline, work)
        .await
        .unwrap_or(Err(Error::OutOfTime));
    breaker.note(&ended);
    if let Err(error) = ended {
        report.fail(&error);
    }
    report.measure(Timestamp::now(), request.told_at.is_some());
    report.millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

/// Tries again while what was read looks older than the event, as far as there is time.
async fn until_fresh<W: Backends>(
    ctx: &Context<W>,
    request: &mut Request,
    breaker: &CircuitBreaker,
    report: &mut UserReport,
    deadline: Instant,
) -> Result<(), Error> {
    attempt(ctx, request, breaker, report).await?;
    for wait in STALE_READ_WAITS {
        report.notes.stale = looks_stale(request, report);
        if !report.notes.stale || !request.patient || Instant::now() + 2 * wait > deadline {
            return Ok(());
        }
        tokio::time::sleep(wait).await;
        attempt(ctx, request, breaker, report).await?;
    }
    report.notes.stale = looks_stale(request, report);
    Ok(())
}

/// Observes, plans and applies; again when Vault refuses the guard, or when what was seen is no proof.
async fn attempt<W: Backends>(
    ctx: &Context<W>,
    request: &mut Request,
    breaker: &CircuitBreaker,
    report: &mut UserReport,
) -> Result<(), Error> {
    let mut look = mem::replace(&mut request.look, Look::Quick);
    for attempt in 1..=ATTEMPTS {
        let asks_vault = matches!(
            look,
            Look::Thorough { .. }
                | Look::Listed {
                    vault: VaultView::NotRead,
                    ..
                }
        );
        let answers = if asks_vault { breaker.check() } else { Ok(()) };
        let seen = match answers {
            Ok(()) => observe(ctx, &request.user, request.told_deleted, look, report).await,
            Err(error) => Err(error),
        };
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => {
                if request.only_say == OnlySay::All {
                    report.sighting = without_vault(ctx, request, &error, report).await;
                }
                return Err(error);
            }
        };
        let plan = plan(&seen.snapshot, ctx.config.on_user_deleted);
        tracing::debug!(
            user = request.user.as_str(),
            "{}: {}",
            request.user,
            plan.reason
        );
        if plan.step.changes_vault() {
            breaker.check().inspect_err(|error| {
                report.sighting =
                    sighting(request, &seen.snapshot, Reason::NotRead(error.to_string()));
            })?;
            if !seen.proven {
                look = Look::THOROUGH;
                continue;
            }
        }
        let only_say = match request.only_say {
            OnlySay::Nothing => false,
            OnlySay::Retirement => matches!(plan.step, Step::Retire { .. }),
            OnlySay::All => true,
        };
        if only_say {
            report.sighting = sighting(request, &seen.snapshot, plan.reason.clone());
            report.end(Outcome::planned(&plan.step), plan.reason.to_string(), None);
            return Ok(());
        }
        match apply(ctx, &request.user, &seen, &plan, &mut report.notes).await? {
            Applied::Done(outcome, vault_version) => {
                report.end(outcome, plan.reason.to_string(), vault_version);
                return Ok(());
            }
            Applied::Refused(cas) => {
                look = Look::Thorough {
                    refused: Some(cas),
                    written: None,
                }
            }
            Applied::Overtaken(vault_version) => {
                // What was written was written, also if the next look finds nothing more to do.
                if vault_version.is_some() {
                    report.end(Outcome::Written, plan.reason.to_string(), vault_version);
                }
                look = Look::Thorough {
                    refused: None,
                    written: vault_version,
                };
            }
        }
        if attempt < ATTEMPTS {
            pause(attempt).await;
        }
    }
    Err(Error::Contended {
        subject: format!("the key of {} in Vault", request.user),
        attempts: ATTEMPTS,
    })
}

/// What can be told of a user when Vault gives no answer: parameter and record.
async fn without_vault<W: Backends>(
    ctx: &Context<W>,
    request: &Request,
    error: &Error,
    report: &mut UserReport,
) -> Option<Box<Sighting>> {
    let seen = observe(
        ctx,
        &request.user,
        request.told_deleted,
        Look::Quick,
        report,
    )
    .await
    .ok()?;
    sighting(request, &seen.snapshot, Reason::NotRead(error.to_string()))
}

/// What a dry run tells of what was seen.
fn sighting(request: &Request, seen: &Snapshot, reason: Reason) -> Option<Box<Sighting>> {
    (request.only_say == OnlySay::All).then(|| Box::new(Sighting::of(seen, reason)))
}

/// Whether what was read looks older than the event that told of it. A parameter without a current key is always worth
/// another look, because the next put follows within seconds; for a key, the event's time, which knows no fractions of a
/// second and may lag, has to be clearly later.
fn looks_stale(request: &Request, report: &UserReport) -> bool {
    let Some(told_at) = request.told_at else {
        return false;
    };
    match (report.outcome, report.notes.parameter_modified) {
        (Outcome::Failed | Outcome::Retired, _) => false,
        (Outcome::Held, Some(modified)) => told_at > modified,
        (_, Some(modified)) => told_at.duration_since(modified) > EVENT_LAG,
        (_, None) => !request.told_deleted,
    }
}

#[cfg(test)]
mod tests;
