//! The secrets of one user on their way through the attempts of a sync.

use std::collections::HashMap;
use std::time::Duration;

use super::result::Effects;
use super::{Planned, Request, SyncResult};
use crate::apply::{Applied, End, MAX_ATTEMPTS};
use crate::error::Error;
use crate::keys::{VaultPath, full_path};
use crate::observe::{Attempt, Observed, ObservedSecret, ReadStrategy};
use crate::plan::{Action, Outcome, Plan};
use crate::snapshot::{Assignment, Cas, ParameterView, Snapshot, VaultView};

/// The secrets of one user: what was planned last, and what was done so far.
#[derive(Default)]
pub(super) struct Secrets {
    current: Option<Planned>,
    progress: HashMap<Name, Progress>,
}

/// The path by which a secret is known. If no target names the mount of a recorded secret, that is
/// the default path, which is also that of others, and the recorded path.
type Name = (VaultPath, Option<String>);

/// What was done for one secret so far.
#[derive(Default)]
struct Progress {
    attempts: u32,
    effects: Effects,
    error: Option<Error>,
    /// What happened in the last attempt, if there is to be another.
    repeats: Option<Attempt>,
}

/// What follows an attempt.
pub(super) enum Next {
    Done,
    /// Observe again after the lost races of so many attempts.
    Again(u32),
}

impl Secrets {
    /// Takes over new plans. A secret that failed is not tried again. Returns false if the deadline
    /// came before anything was observed: then the plans before stay.
    pub(super) fn accept(&mut self, mut planned: Planned) -> bool {
        if self.current.is_some() && planned.ran_out_of_time() {
            for progress in self.progress.values_mut() {
                if progress.repeats.is_some() {
                    progress.error = Some(Error::OutOfTime);
                }
            }
            return false;
        }
        let secrets = planned.observed.secrets.iter().zip(&mut planned.plans);
        for (secret, plan) in secrets {
            let progress = self.progress.get(&name_of(&secret.snapshot));
            if progress.is_some_and(|progress| progress.error.is_some()) {
                plan.action = Action::Skip(Outcome::Failed);
            }
        }
        self.current = Some(planned);
        true
    }

    /// Returns what was observed and planned last.
    pub(super) fn current(&self) -> (&Observed, &[Plan]) {
        let planned = self.current.as_ref().expect("plans were accepted");
        (&planned.observed, &planned.plans)
    }

    fn plans(&self) -> impl Iterator<Item = (&ObservedSecret, &Plan)> {
        let (observed, plans) = self.current();
        observed.secrets.iter().zip(plans)
    }

    /// Returns whether another invocation may have written to Vault, but not yet recorded it.
    pub(super) fn may_be_recorded_soon(&self) -> bool {
        self.plans().any(|(secret, plan)| {
            let seen = &secret.snapshot;
            // The versions of another server do not compare.
            let state = seen.state.recorded();
            let here = state.filter(|state| state.is_at(&seen.target.location));
            let recorded = here.and_then(|state| state.vault_version);
            let is_ahead = match (seen.rejected, &seen.vault, recorded) {
                (Some(Cas::Version(known)), VaultView::At(found), _)
                | (None, VaultView::At(found), Some(known)) => *found == known + 1,
                (Some(Cas::Version(_)), VaultView::Hidden, _) => true,
                _ => false,
            };
            is_ahead
                && !plan.reason.is_drift()
                && matches!(plan.action, Action::Write(_) | Action::Patch(_))
        })
    }

    /// Returns whether an event refers to a newer revision than the one that was read.
    pub(super) fn has_stale_read(&self) -> bool {
        self.plans().any(|(_, plan)| plan.stale_read)
    }

    /// Adds what was done, and returns what follows.
    pub(super) fn add(&mut self, applied: Vec<Applied>) -> Next {
        let planned = self.current.as_mut().expect("plans were accepted");
        // The secret does not outlive its use.
        planned.observed.key = None;
        let mut again = None;
        let secrets = planned.observed.secrets.iter().zip(&planned.plans);
        for ((secret, plan), applied) in secrets.zip(applied) {
            let path = &secret.snapshot.target.location.path;
            let progress = self.progress.entry(name_of(&secret.snapshot)).or_default();
            progress.effects.add(&applied, &plan.reason);
            progress.repeats = None;
            let vanished = matches!(applied.end, Ok(End::Vanished(_)));
            let (rejected, written) = match applied.end {
                Ok(End::Done) => continue,
                Ok(End::CasMismatch(cas)) => (Some(cas), None),
                Ok(End::Vanished(version)) => (Some(Cas::Version(version)), None),
                Ok(End::Conflict) => (None, applied.written.map(|write| write.version)),
                Err(error) => {
                    progress.error = Some(error);
                    continue;
                }
            };
            progress.attempts += 1;
            if progress.attempts == MAX_ATTEMPTS {
                progress.error = Some(if vanished {
                    let problem =
                        "Vault answers PATCH with 404, although metadata shows the secret";
                    let remedy = "check what stands between this service and Vault, or set \
                        \"merge\": false for the target";
                    Error::unexpected("changing the key in Vault at", path.to_string(), problem)
                        .with_remedy(remedy)
                } else {
                    Error::Contended {
                        subject: format!("the secret {path} in Vault"),
                        attempts: MAX_ATTEMPTS,
                    }
                });
                continue;
            }
            progress.repeats = Some(Attempt {
                path: path.clone(),
                rejected,
                written,
            });
            again = again.max(Some(progress.attempts));
        }
        again.map_or(Next::Done, Next::Again)
    }

    /// Returns how to observe again after lost races.
    pub(super) fn repeat(&mut self) -> ReadStrategy {
        if let Some(planned) = &mut self.current {
            planned.observed.key = None;
        }
        let of_targets = self
            .progress
            .iter()
            .filter(|((_, removed), _)| removed.is_none());
        let attempts = of_targets.filter_map(|(_, progress)| progress.repeats.clone());
        ReadStrategy::VaultFirst(attempts.collect())
    }

    /// Starts to count attempts anew, for another revision.
    pub(super) fn start_again(&mut self) {
        for progress in self.progress.values_mut() {
            progress.attempts = 0;
        }
    }

    /// Returns the results.
    pub(super) fn into_results(mut self, request: &Request, duration: Duration) -> Vec<SyncResult> {
        let planned = self.current.take().expect("plans were accepted");
        let mut results = SyncResult::of_plans(request, planned, false, duration);
        for result in &mut results {
            if let Some(progress) = self.progress.remove(&name_of(&result.snapshot)) {
                result.add(progress.effects, progress.error);
            }
        }
        results
    }
}

fn name_of(seen: &Snapshot) -> Name {
    let removed = match &seen.assignment {
        Assignment::Removed(path) | Assignment::Reassigned(path) => Some(path),
        _ => None,
    };
    let path = &seen.target.location.path;
    let found = full_path(path.namespace.as_deref(), &path.to_string());
    (
        path.clone(),
        removed.filter(|path| **path != found).cloned(),
    )
}

impl Planned {
    /// Returns whether the deadline came before anything was observed.
    fn ran_out_of_time(&self) -> bool {
        let mut secrets = self.observed.secrets.iter();
        secrets.all(|secret| {
            let parameter = &secret.snapshot.parameter;
            matches!(parameter, ParameterView::Unreadable(Error::OutOfTime))
        })
    }
}
