//! What can happen at a call to the stores in memory.

use std::time::Duration;

use super::{Inner, Memory};
use crate::error::Error;

/// What happens at one call.
pub enum CallFault {
    /// It fails, and has no effect.
    Fails(fn() -> Error),
    /// It takes effect where it is a write, but the answer is lost.
    AnswerIsLost(fn() -> Error),
    /// The process is killed before it takes effect.
    KilledBefore,
    /// The process is killed after it took effect, if it is a write.
    KilledAfter,
    /// Somebody does something right before it.
    Meanwhile(Box<dyn Fn(&mut Inner)>),
}

/// A call that has begun, by its number.
pub struct Step(usize);

impl Memory {
    /// Begins a call: it is noted, takes its time, and meets what is due.
    pub(super) async fn call(&self, call: &'static str, subject: &str) -> Result<Step, Error> {
        let seconds = {
            let inner = self.0.borrow();
            inner
                .paces
                .get(inner.calls.len() % inner.paces.len().max(1))
                .copied()
                .unwrap_or(1)
        };
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
        self.must_live().await;
        let (step, meanwhile, trouble) = {
            let mut inner = self.0.borrow_mut();
            let step = inner.calls.len();
            inner.calls.push(format!("{call} {subject}"));
            let due = inner.meanwhile.iter().position(|(name, _)| *name == call);
            let meanwhile = due.map(|due| inner.meanwhile.remove(due).1);
            let trouble = match inner.call_faults.get(&step) {
                Some(CallFault::Meanwhile(_) | CallFault::Fails(_) | CallFault::KilledBefore) => {
                    inner.call_faults.remove(&step)
                }
                _ => None,
            };
            (step, meanwhile, trouble)
        };
        if let Some(act) = meanwhile {
            act(&mut self.0.borrow_mut());
        }
        match trouble {
            Some(CallFault::Meanwhile(act)) => act(&mut self.0.borrow_mut()),
            Some(CallFault::Fails(error)) => return Err(error()),
            Some(CallFault::KilledBefore) => self.die().await,
            _ => {}
        }
        let mut inner = self.0.borrow_mut();
        let fault = inner.faults.iter().position(|(name, _)| *name == call);
        fault.map_or(Ok(Step(step)), |fault| Err(inner.faults.remove(fault).1()))
    }

    /// Ends a call that took effect.
    pub(super) async fn answer<T>(&self, step: Step, answer: T) -> Result<T, Error> {
        let trouble = self.0.borrow_mut().call_faults.remove(&step.0);
        match trouble {
            Some(CallFault::AnswerIsLost(error)) => return Err(error()),
            Some(CallFault::KilledAfter) => self.die().await,
            _ => {}
        }
        Ok(answer)
    }

    async fn die(&self) {
        self.0.borrow_mut().dead = true;
        self.must_live().await;
    }

    /// Never goes on once the process is dead.
    async fn must_live(&self) {
        if self.0.borrow().dead {
            std::future::pending::<()>().await;
        }
    }
}
