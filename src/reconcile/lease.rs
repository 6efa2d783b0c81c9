//! The lease of a run, held in the reconcile record: of two runs at the same time, one waits.
//!
//! A lease is short, and renewed while its run lives. The lease of a killed run therefore ends
//! within minutes, and the retries of its trigger can take over.

mod start;

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::due::{NotDue, due};
use super::{Scope, Unfinished};
use crate::apply::MAX_ATTEMPTS;
use crate::backends::{Backends, Etag, PutResult, ReconcileRecords};
use crate::context::Context;
use crate::deadlines::Deadlines;
use crate::error::Error;
use crate::keys::UserName;
use crate::report::Report;
use crate::snapshot::ReconcileRecord;
use crate::trigger::Reconcile;
use start::{leased_until, listed, started};

/// How often a lease is renewed: a renewal may fail twice before the lease ends.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(35);

/// The longest pause before a lost race for the record is repeated.
const MAX_PAUSE_MILLIS: u64 = 100;

/// The largest number of users recorded whose secrets were written again.
const MAX_REWRITTEN: usize = 1000;

/// The permission to run.
#[derive(Debug)]
pub struct Lease {
    /// The users to cover.
    pub scope: Scope,
    /// The record of the run in progress, and its version; `None` if the run is not recorded.
    held: Option<RefCell<(ReconcileRecord, Etag)>>,
}

/// Requests a run that ends by `deadlines`, and records it as in progress. A dry run, a run of
/// named users, and basic mode are neither restricted nor recorded.
///
/// # Errors
/// Returns the errors of reading and writing the reconcile record.
pub async fn acquire<B: Backends>(
    ctx: &Context<B>,
    order: &Reconcile,
    request_id: &str,
    deadlines: &Deadlines,
) -> Result<Result<Lease, NotDue>, Error> {
    let unrecorded = |scope| Ok(Ok(Lease { scope, held: None }));
    if let Some(users) = &order.users {
        return unrecorded(Scope::Users(users.clone()));
    }
    let Some(states) = ctx.states.as_ref().filter(|_| !order.dry_run) else {
        return unrecorded(Scope::All {
            left_over: Vec::new(),
        });
    };
    let (mut last, mut etag) = states.load_record().await?;
    for _ in 0..MAX_ATTEMPTS {
        let now = Timestamp::now();
        let interval_hours = ctx.config.sync_interval_hours;
        let vault = ctx.config.vault.folder();
        let is_elsewhere = last.as_ref().is_some_and(|last| {
            last.vault
                .as_ref()
                .is_some_and(|recorded| *recorded != vault)
        });
        let scope = match due(last.as_ref(), now, interval_hours, order.force, request_id) {
            // Another deployment, or a former configuration, has covered another folder.
            Ok(Scope::Users(_)) | Err(NotDue::Complete { .. }) if is_elsewhere => Scope::All {
                left_over: Vec::new(),
            },
            Ok(Scope::Users(users)) => Scope::Users(listed(ctx, users)),
            Ok(scope) => scope,
            Err(reason) => return Ok(Err(reason)),
        };
        let record = ReconcileRecord {
            vault: Some(vault),
            ..started(last, &scope, order.force, request_id, deadlines)
        };
        if let PutResult::Saved(etag) = states.save_record(&record, etag.as_ref()).await? {
            let held = Some(RefCell::new((record, etag)));
            return Ok(Ok(Lease { scope, held }));
        }
        // Another run was first, or a write at the same moment made S3 refuse both. If the answer
        // to our own write was lost, the SDK's repetition fails because of it.
        pause().await;
        (last, etag) = states.load_record().await?;
        if let Some(etag) = etag.clone().filter(|_| last.as_ref() == Some(&record)) {
            let held = Some(RefCell::new((record, etag)));
            return Ok(Ok(Lease { scope, held }));
        }
    }
    Err(contended())
}

impl Lease {
    /// Returns the users whose secrets the last full run wrote again without a rotation.
    pub(super) fn rewritten_before(&self) -> HashSet<String> {
        let record = self.held.as_ref().map(|held| held.borrow().0.clone());
        let users = record.into_iter().flat_map(|record| record.rewritten_users);
        users.collect()
    }

    /// Renews the lease for as long as this is polled.
    pub(super) async fn keep<B: Backends>(&self, ctx: &Context<B>, deadlines: &Deadlines) -> ! {
        while let (Some(held), Some(states)) = (&self.held, &ctx.states) {
            tokio::time::sleep(RENEWAL_INTERVAL).await;
            let (record, etag) = held.borrow().clone();
            let renewed = ReconcileRecord {
                leased_until: Some(leased_until(deadlines)),
                ..record
            };
            match states.save_record(&renewed, Some(&etag)).await {
                Ok(PutResult::Saved(etag)) => *held.borrow_mut() = (renewed, etag),
                Ok(PutResult::PreconditionFailed) => match states.load_record().await {
                    // A renewal before took effect, but was not answered.
                    Ok((Some(found), Some(etag))) if is_same_run(&found, &renewed) => {
                        *held.borrow_mut() = (found, etag);
                    }
                    Ok(_) => break,
                    Err(error) => log_renewal(&error),
                },
                Err(error) => log_renewal(&error),
            }
        }
        std::future::pending().await
    }

    /// Records how the run ended, and the users whose secrets it wrote again without a rotation.
    ///
    /// # Errors
    /// Returns the errors of reading and writing the reconcile record.
    pub(super) async fn release<B: Backends>(
        self,
        ctx: &Context<B>,
        report: &Report,
        unfinished: &Unfinished,
        rewritten: &[UserName],
    ) -> Result<(), Error> {
        let (Some(held), Some(states)) = (self.held, &ctx.states) else {
            return Ok(());
        };
        let (record, mut if_match) = held.into_inner();
        let counts = report.counts.iter();
        let counts = counts.map(|(outcome, count)| (outcome.as_str().to_owned(), *count));
        let is_full = matches!(self.scope, Scope::All { .. });
        let finished = ReconcileRecord {
            finished_at: Some(Timestamp::now()),
            counts: counts.collect(),
            failed_users: unfinished.left_over(&record.failed_users),
            needs_full_run: unfinished.needs_full_run.is_some(),
            leased_until: None,
            rewritten_users: if is_full {
                names(rewritten.iter().take(MAX_REWRITTEN))
            } else {
                record.rewritten_users.clone()
            },
            ..record.clone()
        };
        for _ in 0..MAX_ATTEMPTS {
            if let PutResult::Saved(_) = states.save_record(&finished, Some(&if_match)).await? {
                return Ok(());
            }
            match states.load_record().await? {
                (Some(found), _) if found == finished => return Ok(()),
                (Some(found), Some(etag)) if is_same_run(&found, &record) => if_match = etag,
                _ => {
                    tracing::warn!(
                        "another reconcile run has recorded itself meanwhile: this run outlasted \
                         its lease, or the other one was forced"
                    );
                    return Ok(());
                }
            }
        }
        Err(contended())
    }
}

/// Returns whether a record is that of the same run, still in progress.
fn is_same_run(found: &ReconcileRecord, ours: &ReconcileRecord) -> bool {
    found.finished_at.is_none()
        && (found.started_at, &found.request_id) == (ours.started_at, &ours.request_id)
}

fn names<'a>(users: impl IntoIterator<Item = &'a UserName>) -> Vec<String> {
    users.into_iter().map(ToString::to_string).collect()
}

fn log_renewal(error: &Error) {
    tracing::info!(error = %error, "the lease was not renewed, which is repeated: {error}");
}

fn contended() -> Error {
    Error::Contended {
        subject: "the record of the reconcile run".to_owned(),
        attempts: MAX_ATTEMPTS,
    }
}

async fn pause() {
    let pause = fastrand::u64(MAX_PAUSE_MILLIS / 2..=MAX_PAUSE_MILLIS);
    tokio::time::sleep(Duration::from_millis(pause)).await;
}

#[cfg(test)]
mod tests;
