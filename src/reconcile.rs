//! The nightly sweep: everybody through the same pipeline, to repair what events missed or people changed.
//!
//! Streams: a user's secret lives only while the user is worked on. Must not do: retire anybody on the word of a listing
//! that is empty, cut short, or would make too many disappear.

mod claim;
mod everyone;
mod run;

pub use run::{Run, Watch, run};

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::backends::Backends;
use crate::context::Context;
use crate::keys::UserName;
use crate::observe::Look;
use crate::report::{Outcome, UserReport};
use crate::sync::{CircuitBreaker, OnlySay, Request, sync_each};
use crate::trigger::Reconcile;

/// With less time than this nobody new is begun; of a short invocation, with less than half of its time.
const TO_FINISH: Duration = Duration::from_secs(18);

/// After so many users in a row to whom Vault gave no answer, the sweep writes nothing more.
const BREAKER_THRESHOLD: u32 = 3;

/// So many users may be retired in one sweep, or a fifth of those that are known if that is more.
const RETIRE_FREELY: usize = 3;

/// The most users that an error names.
const NAMED_AT_MOST: usize = 20;

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
    /// Why everybody has to be looked at again, where that is so: a listing that is not complete, a refusal to retire, or
    /// a token that may be dead.
    pub unlisted: Option<String>,
}

impl Ending {
    /// What was not done, for people, given who failed; empty when everything was.
    pub fn problems(&self, failed: &[UserName]) -> Vec<String> {
        let named = |what: &str, users: &[UserName]| {
            let mut names = users
                .iter()
                .take(NAMED_AT_MOST)
                .map(ToString::to_string)
                .collect::<Vec<_>>();
            if users.len() > NAMED_AT_MOST {
                names.push("…".to_owned());
            }
            (!users.is_empty()).then(|| format!("{} {what} ({})", users.len(), names.join(", ")))
        };
        [
            named("failed", failed),
            named("not begun", &self.left),
            self.unlisted.clone(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What came of users who were swept, but not retired.
struct Screened {
    /// Who was not begun for want of time.
    left: Vec<UserName>,
    /// Who would be retired.
    gone: Vec<UserReport>,
    /// How many were in step, which those are who were retired before.
    in_step: usize,
}

/// A sweep under way.
struct Sweep<'a, W: Backends, H: Watch, F> {
    ctx: &'a Context<W>,
    order: &'a Reconcile,
    watch: &'a H,
    /// Until when somebody may be begun.
    stop: Instant,
    /// Until when everybody must be done.
    deadline: Instant,
    breaker: CircuitBreaker,
    pace: Mutex<Interval>,
    /// Takes each user's report as it comes.
    sink: RefCell<F>,
}

/// Sweeps; each user's report goes to `sink` as it comes.
pub async fn sweep<W: Backends>(
    ctx: &Context<W>,
    order: &Reconcile,
    scope: Scope,
    deadline: Instant,
    watch: &impl Watch,
    sink: impl FnMut(UserReport),
) -> Ending {
    let now = Instant::now();
    let stop = deadline - TO_FINISH.min(deadline.saturating_duration_since(now) / 2);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / ctx.config.ssm_calls_per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (breaker, pace, sink) = (
        CircuitBreaker::after(BREAKER_THRESHOLD),
        Mutex::new(pace),
        RefCell::new(sink),
    );
    let sweep = Sweep {
        ctx,
        order,
        watch,
        stop,
        deadline,
        breaker,
        pace,
        sink,
    };
    match scope {
        Scope::Only(users) => sweep.only(users, None).await,
        Scope::Everyone { mut first } => {
            if let Some(users) = &ctx.config.users {
                first.retain(|user| users.contains(user));
            }
            let mut done = first.iter().cloned().collect::<HashSet<_>>();
            // By name is ten times as dear as by listing, so those who come first must not use up everybody's time.
            let until = now + stop.saturating_duration_since(now) / 3;
            let Screened { left, gone, .. } = sweep.screen(first, by_name, until).await;
            // Who seems to be gone is looked at again with everybody else, because they must be counted together.
            let again = gone.into_iter().map(|report| report.user).chain(left);
            for user in again {
                done.remove(&user);
            }
            match &ctx.config.users {
                Some(all) => {
                    sweep
                        .only(
                            all.iter()
                                .filter(|user| !done.contains(user))
                                .cloned()
                                .collect(),
                            Some(all.len()),
                        )
                        .await
                }
                None => sweep.everyone(&done).await,
            }
        }
    }
}

impl<W: Backends, H: Watch, F: FnMut(UserReport)> Sweep<'_, W, H, F> {
    /// Sweeps exactly these users; `everybody` is how many they are with those swept before them, where that is known.
    async fn only(&self, users: Vec<UserName>, everybody: Option<usize>) -> Ending {
        let known = everybody.unwrap_or(users.len());
        self.watch.expect(users.len());
        let Screened { mut left, gone, .. } = self.screen(users, by_name, self.stop).await;
        let nothing_is_there = !gone.is_empty() && everybody == Some(gone.len());
        let refused = self.retire(gone, known, nothing_is_there, &mut left).await;
        Ending {
            left,
            unlisted: refused,
        }
    }

    /// Sweeps users, but retires nobody.
    async fn screen(
        &self,
        users: Vec<UserName>,
        look: impl Fn(&UserName) -> Look,
        until: Instant,
    ) -> Screened {
        let only_say = if self.order.dry_run {
            OnlySay::All
        } else {
            OnlySay::Retirement
        };
        let (mut gone, mut in_step) = (Vec::new(), 0);
        let left = self.each(users, look, only_say, until, |report| {
            match report.outcome {
                Outcome::PlannedRetired => gone.push(report),
                outcome => {
                    in_step += usize::from(outcome == Outcome::Unchanged);
                    self.tell(report);
                }
            }
        });
        Screened {
            left: left.await,
            gone,
            in_step,
        }
    }

    /// Works on users as long as there is time; returns who was not begun.
    async fn each(
        &self,
        users: Vec<UserName>,
        look: impl Fn(&UserName) -> Look,
        only_say: OnlySay,
        until: Instant,
        mut take: impl FnMut(UserReport),
    ) -> Vec<UserName> {
        let queue = RefCell::new(VecDeque::from(users));
        let requests = stream::unfold((), async |()| {
            let user = self
                .may_begin(until)
                .then(|| queue.borrow_mut().pop_front())??;
            let look = look(&user);
            if !matches!(look, Look::Listed { .. }) {
                self.wait_for_turn().await;
            }
            Some((Request::asked(user, look, only_say), ()))
        });
        let reports = sync_each(self.ctx, &self.breaker, requests, self.deadline);
        let told = reports.for_each(|report| {
            take(report);
            std::future::ready(())
        });
        told.await;
        queue.take().into()
    }

    /// Retires users who are gone, unless they are suspiciously many; adds to `left` who was not begun, and returns why it
    /// was refused, if it was.
    async fn retire(
        &self,
        gone: Vec<UserReport>,
        known: usize,
        nothing_is_there: bool,
        left: &mut Vec<UserName>,
    ) -> Option<String> {
        let count = gone.len();
        if !self.order.allow_mass_retire
            && (count > RETIRE_FREELY.max(known / 5) || nothing_is_there)
        {
            let refusal = format!(
                "refused: {count} of {known} users would be retired at once, as if a listing were broken; check Parameter \
                 Store, then repeat with allowMassRetire (--allow-mass-retire) if they are really gone"
            );
            for mut report in gone {
                report.end(Outcome::Failed, refusal.clone(), None);
                self.tell(report);
            }
            return Some(refusal);
        }
        if self.order.dry_run {
            for report in gone {
                self.tell(report);
            }
        } else {
            let users = gone.into_iter().map(|report| report.user).collect();
            left.extend(
                self.each(users, by_name, OnlySay::Nothing, self.stop, |report| {
                    self.tell(report)
                })
                .await,
            );
        }
        None
    }

    /// Whether somebody may be begun, as far as the time and whoever watches allow it.
    fn may_begin(&self, until: Instant) -> bool {
        Instant::now() < until && !self.watch.stops()
    }

    /// Waits for the next call to SSM that the limit allows; the account's quota is shared with everybody.
    async fn wait_for_turn(&self) {
        self.pace.lock().await.tick().await;
    }

    fn tell(&self, report: UserReport) {
        (self.sink.borrow_mut())(report);
    }
}

/// How to look at a user of whom only the name is known.
fn by_name(_: &UserName) -> Look {
    Look::THOROUGH
}

#[cfg(test)]
mod tests;
