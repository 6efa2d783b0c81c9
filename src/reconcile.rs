//! The nightly sweep: everybody through the same pipeline, to repair what events missed or people changed.
//!
//! Streams: a user's secret lives only while the user is worked on. Must not do: retire anybody on the word of a listing
//! that is empty, cut short, or would make too many disappear.

mod claim;
mod everyone;

pub use claim::{Claim, LastRun, claim, record};

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::keys::UserName;
use crate::observe::Look;
use crate::report::UserReport;
use crate::stores::Stores;
use crate::sync::{Outage, Request, sync_each};
use crate::trigger::Reconcile;
use crate::world::World;

/// With less time than this nobody new is begun; of a short invocation, with less than half of its time.
const TO_FINISH: Duration = Duration::from_secs(18);

/// After so many users in a row to whom Vault gave no answer, the sweep writes nothing more.
const UNANSWERED: u32 = 3;

/// Whom a sweep is for.
#[derive(Debug, PartialEq)]
pub enum Scope {
    /// Exactly these.
    Only(Vec<UserName>),
    /// Everybody, these first.
    Everyone {
        /// Who was left over last time.
        first: Vec<UserName>,
    },
}

/// What a sweep could not do.
#[derive(Debug, Default)]
pub struct Ending {
    /// Who was not begun, for want of time or because the listing broke off.
    pub left: Vec<UserName>,
    /// Why the listing is not complete, where it is not: there may be users of whom nothing is known.
    pub unlisted: Option<String>,
}

/// A sweep under way.
struct Sweep<'a, W: Stores, F> {
    world: &'a World<W>,
    order: &'a Reconcile,
    /// Until when somebody may be begun.
    stop: Instant,
    /// Until when everybody must be done.
    deadline: Instant,
    outage: Outage,
    pace: Mutex<Interval>,
    /// Takes each user's report as it comes.
    sink: RefCell<F>,
}

/// Sweeps; each user's report goes to `sink` as it comes.
pub async fn sweep<W: Stores>(
    world: &World<W>,
    order: &Reconcile,
    scope: Scope,
    deadline: Instant,
    sink: impl FnMut(UserReport),
) -> Ending {
    let now = Instant::now();
    let stop = deadline - TO_FINISH.min(deadline.saturating_duration_since(now) / 2);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / world.config.ssm_calls_per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (outage, pace, sink) = (Outage::after(UNANSWERED), Mutex::new(pace), RefCell::new(sink));
    let sweep = Sweep { world, order, stop, deadline, outage, pace, sink };
    match scope {
        Scope::Only(users) => Ending { left: sweep.named(users).await, unlisted: None },
        Scope::Everyone { first } => {
            let done = first.iter().cloned().collect();
            let mut left = sweep.named(first).await;
            let mut ending = match &world.config.users {
                Some(users) => {
                    let others = users.iter().filter(|user| !left.contains(user)).cloned().collect();
                    Ending { left: sweep.named(others).await, unlisted: None }
                }
                None => sweep.everyone(&done).await,
            };
            ending.left.append(&mut left);
            ending
        }
    }
}

impl<W: Stores, F: FnMut(UserReport)> Sweep<'_, W, F> {
    /// Sweeps users by name; returns who was not begun for want of time.
    async fn named(&self, users: Vec<UserName>) -> Vec<UserName> {
        let queue = RefCell::new(VecDeque::from(users));
        let requests = stream::unfold((), async |()| {
            let user = self.has_time().then(|| queue.borrow_mut().pop_front())??;
            self.wait_for_turn().await;
            Some((self.request(user, Look::Thorough { refused: None }), ()))
        });
        let reports = sync_each(self.world, &self.outage, requests, self.deadline);
        reports.for_each(async |report| self.tell(report)).await;
        queue.into_inner().into()
    }

    fn request(&self, user: UserName, look: Look) -> Request {
        Request::asked(user, look, self.order.dry_run)
    }

    fn has_time(&self) -> bool {
        Instant::now() < self.stop
    }

    /// Waits for the next call to SSM that the limit allows; the account's quota is shared with everybody.
    async fn wait_for_turn(&self) {
        self.pace.lock().await.tick().await;
    }

    fn tell(&self, report: UserReport) {
        (self.sink.borrow_mut())(report);
    }
}

#[cfg(test)]
mod tests;
