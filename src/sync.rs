//! The pipeline on one screen: observe, plan, apply, report; for one user, and for many at a time.
//!
//! Every trigger runs through here; only the scope differs. Must not do: talk to a store itself, or decide a rule of
//! the business.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;

use crate::apply::{ATTEMPTS, Applied, apply, pause};
use crate::error::Error;
use crate::keys::UserName;
use crate::observe::observe;
use crate::plan::plan;
use crate::report::{Notes, Outcome, UserReport};
use crate::stores::Stores;
use crate::world::World;

/// How long to wait for a read that is as new as the event that told of it: Parameter Store promises no read after
/// write.
const STALE_READ_WAITS: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// A user to sync, and what an event said of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who.
    pub user: UserName,
    /// Whether the newest event tells that the parameter was deleted.
    pub told_deleted: bool,
    /// When the newest event says that the parameter changed; `None` accepts a read of any age.
    pub told_at: Option<Timestamp>,
}

impl Request {
    /// A request without an event.
    pub fn asked(user: UserName) -> Self {
        Self { user, told_deleted: false, told_at: None }
    }
}

/// Syncs users, several at a time; the reports come in the order of the requests. Whoever is not done by `deadline`
/// fails.
pub async fn sync_all<W: Stores>(
    world: &World<W>,
    requests: Vec<Request>,
    deadline: tokio::time::Instant,
) -> Vec<UserReport> {
    let outage = Outage::default();
    let one = |request| {
        let outage = &outage;
        sync_user(world, request, outage, deadline).boxed_local()
    };
    stream::iter(requests).map(one).buffered(world.config.concurrency).collect().await
}

async fn sync_user<W: Stores>(
    world: &World<W>,
    request: Request,
    outage: &Outage,
    deadline: tokio::time::Instant,
) -> UserReport {
    let started = Instant::now();
    let mut report = UserReport::begin(request.user.clone());
    let ended = tokio::time::timeout_at(deadline, until_fresh(world, &request, outage, &mut report)).await;
    if let Err(error) = ended.unwrap_or(Err(Error::OutOfTime)) {
        outage.note(&error);
        report.fail(&error);
    }
    report.millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

/// Tries again while what was read looks older than the event.
async fn until_fresh<W: Stores>(
    world: &World<W>,
    request: &Request,
    outage: &Outage,
    report: &mut UserReport,
) -> Result<(), Error> {
    attempt(world, request, outage, report).await?;
    for wait in STALE_READ_WAITS {
        report.notes.stale = looks_stale(request, report);
        if !report.notes.stale {
            return Ok(());
        }
        tokio::time::sleep(wait).await;
        attempt(world, request, outage, report).await?;
    }
    report.notes.stale = looks_stale(request, report);
    Ok(())
}

/// Observes, plans and applies, again when Vault refuses the guard.
async fn attempt<W: Stores>(
    world: &World<W>,
    request: &Request,
    outage: &Outage,
    report: &mut UserReport,
) -> Result<(), Error> {
    let mut refused = None;
    for attempt in 1..=ATTEMPTS {
        outage.check()?;
        let seen = observe(world, &request.user, request.told_deleted, refused).await?;
        let plan = plan(&seen.snapshot, world.config.on_user_deleted);
        report.saw(&seen.snapshot.parameter);
        outage.check()?;
        match apply(world, &request.user, &seen, &plan, &mut report.notes).await? {
            Applied::Done(outcome, vault_version) => {
                report.end(outcome, plan.reason.to_string(), vault_version);
                return Ok(());
            }
            Applied::Refused(cas) => refused = Some(cas),
        }
        pause(attempt).await;
    }
    Err(Error::Contended { subject: format!("the key of {} in Vault", request.user), attempts: ATTEMPTS })
}

fn looks_stale(request: &Request, report: &UserReport) -> bool {
    let Some(told_at) = request.told_at else { return false };
    matches!(report.outcome, Outcome::Unchanged | Outcome::Missing)
        && match report.notes {
            Notes { parameter_modified: Some(modified), .. } => told_at > modified,
            Notes { parameter_modified: None, .. } => !request.told_deleted,
        }
}

/// Whether Vault gave no answer to a user of this invocation: then the others are not tried, so that they are handed
/// back at once instead of waiting for the same time limit each.
#[derive(Debug, Default)]
struct Outage(RefCell<Option<String>>);

impl Outage {
    fn note(&self, error: &Error) {
        if let Error::Unreachable { problem, .. } = error {
            self.0.borrow_mut().get_or_insert_with(|| problem.clone());
        }
    }

    fn check(&self) -> Result<(), Error> {
        match &*self.0.borrow() {
            None => Ok(()),
            Some(problem) => {
                let (operation, subject) = ("reaching", "Vault".to_owned());
                Err(Error::Unreachable {
                    operation,
                    subject,
                    problem: format!("found just before, by another user of this invocation: {problem}"),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
