//! The rates of calls to Parameter Store and to Vault.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// The time over which the calls that Vault accepted show its rate limit.
const WINDOW: Duration = Duration::from_secs(1);

/// How long the rate stays at what Vault accepted, before it grows again.
const HOLD: Duration = Duration::from_secs(10);

/// By how much the rate then grows each second.
const GROWTH: f64 = 1.1;

/// The pauses while Vault accepts nothing and does not state how long to wait; they double.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// The longest time that Vault can have all calls wait: if it accepted a call in the last second,
/// and if it did not.
const MAX_SHARED_WAITS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// The rate limit of calls to Parameter Store: the account's quota is shared by all callers.
pub struct Pace(Mutex<Interval>);

impl Pace {
    /// Creates a limit; the first call is allowed at once.
    pub fn new(calls_per_second: u32) -> Self {
        let mut interval = tokio::time::interval(Duration::from_secs(1) / calls_per_second);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(interval))
    }

    /// Waits until the next call is allowed.
    pub async fn wait(&self) {
        self.0.lock().await.tick().await;
    }
}

/// The rate of calls to Vault: as fast as possible, until Vault rejects a call because of a
/// rate-limit quota. Then it is what Vault accepted in the last second.
#[derive(Debug)]
pub struct VaultPace {
    cap: f64,
    /// Holds those who wait in the order of their arrival.
    queue: Mutex<()>,
    state: RefCell<VaultRate>,
}

#[derive(Debug)]
struct VaultRate {
    /// Calls per second.
    rate: f64,
    /// No call may start earlier.
    next: Instant,
    /// When the rate grows.
    grows: Instant,
    pause: Duration,
    accepted: VecDeque<Instant>,
    last_accepted: Option<Instant>,
}

impl VaultPace {
    /// Creates a pace with this limit of calls per second, if there is one.
    pub fn new(cap: Option<u32>) -> Self {
        let cap = cap.map_or(f64::INFINITY, f64::from);
        let now = Instant::now();
        let state = RefCell::new(VaultRate {
            rate: cap,
            next: now,
            grows: now,
            pause: Duration::ZERO,
            accepted: VecDeque::new(),
            last_accepted: None,
        });
        Self {
            cap,
            queue: Mutex::default(),
            state,
        }
    }

    /// Waits until the next call is allowed.
    pub async fn wait(&self) {
        let _turn = self.queue.lock().await;
        // A rejected call can delay the next one while this one waits for it.
        loop {
            let next = self.state.borrow().next;
            if next <= Instant::now() {
                break;
            }
            tokio::time::sleep_until(next).await;
        }
        let mut state = self.state.borrow_mut();
        // While Vault accepts nothing, one call at a time asks again.
        let gap = state.pause.max(Duration::from_secs_f64(1.0 / state.rate));
        state.next = Instant::now() + gap;
    }

    /// Counts a call that Vault accepted.
    pub fn accepted(&self) {
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        state.forget(now);
        state.accepted.push_back(now);
        state.last_accepted = Some(now);
        if !std::mem::take(&mut state.pause).is_zero() {
            state.next = now;
        }
        if state.rate < self.cap && state.grows <= now {
            state.rate = (state.rate * GROWTH).min(self.cap);
            state.grows = now + WINDOW;
        }
    }

    /// Returns whether Vault has accepted a call since then.
    pub fn has_accepted_since(&self, then: Instant) -> bool {
        self.state
            .borrow()
            .last_accepted
            .is_some_and(|last| last >= then)
    }

    /// Slows down after a call that Vault rejected because of its rate limit, and returns the new
    /// rate. A long `retry_after` does not stop all calls: the quota can be that of one namespace,
    /// mount or path.
    pub fn rejected(&self, retry_after: Option<Duration>) -> f64 {
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        state.forget(now);
        let accepted = u32::try_from(state.accepted.len()).map_or(f64::MAX, f64::from);
        let pause = if accepted > 0.0 {
            state.rate = accepted.min(self.cap);
            Duration::from_secs_f64(1.0 / state.rate)
        } else {
            let [least, most] = PAUSES;
            // Calls that were rejected at the same time double the pause once.
            if state.next <= now {
                state.pause = (2 * state.pause).clamp(least, most);
            }
            state.pause
        };
        // Vault rounds down, so that it may state 0.
        let most = MAX_SHARED_WAITS[usize::from(accepted <= 0.0)];
        let wait = retry_after.map_or(pause, |wait| wait.min(most).max(pause));
        state.next = state.next.max(now + wait);
        state.grows = now + HOLD;
        state.rate
    }
}

impl VaultRate {
    fn forget(&mut self, now: Instant) {
        while self
            .accepted
            .front()
            .is_some_and(|accepted| *accepted + WINDOW <= now)
        {
            self.accepted.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
