//! Faults of the backends in memory: errors, lost answers, a killed process, concurrent changes.

use std::time::Duration;

use super::{Inner, Memory};
use crate::error::Error;

/// What happens at one call.
pub enum CallFault {
    /// The call fails without an effect.
    Fails(fn() -> Error),
    /// The call takes effect if it is a write, but its answer is lost.
    AnswerIsLost(fn() -> Error),
    /// The process is killed before the call takes effect.
    KilledBefore,
    /// The process is killed after the call took effect, if it is a write.
    KilledAfter,
    /// Another process changes something right before the call.
    BeforeCall(Box<dyn Fn(&mut Inner)>),
}

/// The number of a call in progress, from 0.
pub struct CallNumber(usize);

impl Memory {
    /// Starts a call: records it, waits for its latency, and applies the faults that are due.
    pub(super) async fn call(
        &self,
        name: &'static str,
        subject: &str,
    ) -> Result<CallNumber, Error> {
        let seconds = {
            let inner = self.inner();
            let turn = inner.calls.len() % inner.latencies.len().max(1);
            let slow = inner.slow.filter(|(slow, _)| *slow == name);
            let more = slow.map_or(0, |(_, seconds)| seconds);
            u64::from(inner.latencies.get(turn).copied().unwrap_or(1)) + more
        };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.stop_if_killed().await;
        let (number, change, fault) = {
            let mut inner = self.inner();
            let number = inner.calls.len();
            inner.calls.push(format!("{name} {subject}"));
            let due = inner.before_call.iter().position(|(due, _)| *due == name);
            let change = due.map(|due| inner.before_call.remove(due).1);
            let is_due = inner.call_faults.get(&number).is_some_and(|fault| {
                use CallFault::{BeforeCall, Fails, KilledBefore};
                matches!(fault, BeforeCall(_) | Fails(_) | KilledBefore)
            });
            let fault = is_due.then(|| inner.call_faults.remove(&number)).flatten();
            (number, change, fault)
        };
        if let Some(change) = change {
            change(&mut self.inner());
        }
        match fault {
            Some(CallFault::BeforeCall(change)) => change(&mut self.inner()),
            Some(CallFault::Fails(error)) => return Err(error()),
            Some(CallFault::KilledBefore) => self.kill().await,
            _ => {}
        }
        let mut inner = self.inner();
        let fault = inner.faults.iter().position(|(due, _)| *due == name);
        fault.map_or(Ok(CallNumber(number)), |fault| {
            Err(inner.faults.remove(fault).1())
        })
    }

    /// Ends a call that took effect.
    pub(super) async fn answer<T>(&self, call: CallNumber, answer: T) -> Result<T, Error> {
        let fault = self.inner().call_faults.remove(&call.0);
        match fault {
            Some(CallFault::AnswerIsLost(error)) => return Err(error()),
            Some(CallFault::KilledAfter) => self.kill().await,
            _ => {}
        }
        Ok(answer)
    }

    async fn kill(&self) {
        self.inner().killed = true;
        self.stop_if_killed().await;
    }

    /// Never returns once the process is killed.
    async fn stop_if_killed(&self) {
        if self.inner().killed {
            std::future::pending::<()>().await;
        }
    }
}
