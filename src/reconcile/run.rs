//! Syncs users while the others are still being listed.

use std::cell::RefCell;

use futures_util::{FutureExt, Stream, StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bounds::Bounds;
use super::lease::Lease;
use super::listing::{Listed, Listing};
use super::retire::{Candidates, is_gone};
use super::tally::{Tally, Unfinished};
use super::{Progress, Scope};
use crate::backends::Backends;
use crate::deadlines::Deadlines;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::observe::ReadStrategy;
use crate::plan::Retirement;
use crate::sync::{Request, SyncResult, dry_run, sync_user};
use crate::trigger::Reconcile;

/// A run in progress.
pub(super) struct Run<'a, B: Backends, P> {
    pub(super) invocation: Invocation<'a, B>,
    pub(super) order: &'a Reconcile,
    pub(super) deadlines: Deadlines,
    pub(super) cancel: &'a CancellationToken,
    pub(super) tally: RefCell<Tally<P>>,
}

impl<B: Backends, P: FnMut(Progress<'_>)> Run<'_, B, P> {
    /// Syncs the users of the lease while the others are still being listed, then retires those
    /// who are gone.
    pub(super) async fn process(&self, lease: &Lease) -> Unfinished {
        // Reads at most one page ahead: users do not wait for a page, and few secrets are in
        // memory.
        let (sender, requests) = mpsc::channel(1);
        let total = |users| (self.tally.borrow_mut().progress)(Progress::Total(users));
        let invocation = &self.invocation;
        let (bounds, dry_run) = (self.bounds(), self.order.dry_run);
        let listing = Listing::new(invocation, &self.deadlines, bounds, sender, &total, dry_run);
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
            candidates.count(&result, Timestamp::now());
            if is_gone(&result) {
                candidates.gone.push(result);
            } else {
                self.emit(result);
            }
        });
        let (listed, mut not_started) = tokio::join!(listing, results);
        let Listed {
            not_started: not_listed,
            incomplete,
            is_empty,
        } = listed;
        not_started.extend(not_listed);
        let doubt = || {
            candidates
                .doubt(is_empty)
                .filter(|_| covers_all(&lease.scope))
        };
        let needs_full_run = incomplete.or_else(doubt);
        let mut unfinished = Unfinished {
            not_started,
            needs_full_run,
            ..Unfinished::default()
        };
        self.retire(candidates, lease, &mut unfinished).await;
        unfinished
    }

    fn bounds(&self) -> Bounds<'_> {
        Bounds::new(self.deadlines.start_users, self.cancel)
    }

    /// Works on users, several at a time, as long as new ones may start; returns the users that
    /// were not started.
    async fn start_all(
        &self,
        requests: impl Stream<Item = Request>,
        mut each: impl FnMut(Vec<SyncResult>),
    ) -> Vec<UserName> {
        let not_started = RefCell::new(Vec::new());
        let work = requests.filter_map(|request| {
            let starts = self.bounds().may_start();
            if !starts {
                not_started.borrow_mut().push(request.user.clone());
            }
            std::future::ready(starts.then(|| {
                if self.order.dry_run {
                    dry_run(&self.invocation, request).boxed_local()
                } else {
                    sync_user(&self.invocation, request).boxed_local()
                }
            }))
        });
        let results = work.buffer_unordered(self.invocation.ctx.config.concurrency);
        results
            .for_each(|result| {
                each(result);
                std::future::ready(())
            })
            .await;
        not_started.into_inner()
    }

    /// Retires the users who are gone, unless the listing is in doubt or they are too many.
    async fn retire(&self, candidates: Candidates, lease: &Lease, unfinished: &mut Unfinished) {
        if !self.bounds().may_start() {
            // Not all users were counted, so the limit cannot be checked.
            unfinished.not_started.extend(candidates.gone_users());
            return;
        }
        let covers_all = covers_all(&lease.scope);
        let is_rest = !covers_all && self.order.users.is_none();
        let checked = candidates.check(covers_all, self.order.allow_mass_retire);
        if let Err(error) = checked {
            unfinished.needs_full_run = Some(error.to_string());
            for mut user in candidates.gone {
                for result in &mut user {
                    result.error = Some(error.clone());
                }
                self.emit(user);
            }
            return;
        }
        let in_doubt = unfinished.needs_full_run.is_some() && !self.order.allow_mass_retire;
        if !candidates.gone.is_empty() && (in_doubt || is_rest) {
            // Only a full run without doubts counts all users. These users are not started.
            let why = "users seem gone; a full run retires them";
            unfinished
                .needs_full_run
                .get_or_insert_with(|| why.to_owned());
            unfinished.not_started.extend(candidates.gone_users());
            return;
        }
        if self.order.dry_run {
            candidates
                .gone
                .into_iter()
                .for_each(|result| self.emit(result));
            return;
        }
        let gone = candidates.gone_users().into_iter();
        let requests = gone.map(|user| Request::new(user, ReadStrategy::VAULT_FIRST));
        let requests = stream::iter(requests);
        let not_started = self.start_all(requests, |result| self.emit(result)).await;
        unfinished.not_started.extend(not_started);
    }

    fn emit(&self, user: Vec<SyncResult>) {
        self.tally.borrow_mut().add(user);
    }
}

fn covers_all(scope: &Scope) -> bool {
    matches!(scope, Scope::All { .. })
}
