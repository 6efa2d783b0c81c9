//! Applies a plan: Vault with check-and-set first, then the state with a conditional put.
//!
//! It decides nothing about the user; it resolves a lost race for the state object
//! ([`Resolution`]). Each step can run twice, late, or beside another process. If the process ends
//! between Vault and the state, Vault has a version that the state does not know, and the
//! check-and-set of the next run finds it.

use std::time::Duration;

use jiff::Timestamp;

use crate::backends::{Backends, PutResult, States, Vault, WriteResult};
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::observe::Observed;
use crate::plan::Action;
use crate::snapshot::{Cas, ParameterView, Resolution, StateView, UserState};

/// How often a lost race is repeated, for Vault and for the state alike.
pub const MAX_ATTEMPTS: u32 = 5;

/// What was done.
#[derive(Debug)]
pub struct Applied {
    /// The write to Vault, if there was one, also if the state could not be written after it.
    pub written: Option<VaultWrite>,
    /// How often another process had changed the state object, or a damaged one was replaced.
    pub state_conflicts: u64,
    /// How the work ended.
    pub end: Result<End, Error>,
}

/// A write to Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultWrite {
    /// The version that was written.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
}

/// How applying a plan ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything is done.
    Done,
    /// Vault rejected this check-and-set version; nothing was written.
    CasMismatch(Cas),
    /// Another process recorded a state that does not agree: observe and plan again.
    Conflict,
}

/// Applies `action` for the user that was `observed`.
pub async fn apply<B: Backends>(
    invocation: &Invocation<'_, B>,
    user: &UserName,
    observed: &Observed,
    action: Action,
) -> Applied {
    let mut run = Run {
        invocation,
        user,
        observed,
        written: None,
        state_conflicts: 0,
    };
    let end = run.execute(action).await;
    Applied {
        written: run.written,
        state_conflicts: run.state_conflicts,
        end,
    }
}

struct Run<'a, B: Backends> {
    invocation: &'a Invocation<'a, B>,
    user: &'a UserName,
    observed: &'a Observed,
    written: Option<VaultWrite>,
    state_conflicts: u64,
}

impl<B: Backends> Run<'_, B> {
    async fn execute(&mut self, action: Action) -> Result<End, Error> {
        let ctx = self.invocation.ctx;
        match action {
            Action::Skip(_) | Action::Reobserve => Ok(End::Done),
            Action::Adopt(vault_version) => {
                let version = (vault_version, self.created_at(vault_version));
                let state = self.state_of(version, Timestamp::now());
                let end = self.record_unless_changed(state).await;
                if end.is_ok() {
                    ctx.forget_unrecorded(self.user);
                }
                end
            }
            Action::Write(cas) => match self.write(cas).await? {
                WriteResult::CasMismatch => Ok(End::CasMismatch(cas)),
                WriteResult::Written(version, created_at) => {
                    let at = Timestamp::now();
                    self.written = Some(VaultWrite { version, at });
                    let damaged = matches!(self.observed.snapshot.state, StateView::Damaged);
                    self.state_conflicts += u64::from(damaged);
                    let state = self.state_of((version, created_at), at);
                    let end = self.record(state.clone()).await;
                    match &end {
                        Ok(_) => ctx.forget_unrecorded(self.user),
                        Err(_) => ctx.remember_unrecorded(self.user, state),
                    }
                    end
                }
            },
            Action::Retire(soft_delete) => {
                if let Some(version) = soft_delete {
                    let deleted = self.soft_delete(version).await;
                    deleted.inspect_err(|_| ctx.release_retirement(self.user))?;
                }
                let state = self.observed.snapshot.state.recorded();
                let state = state.expect("only a user with a state is retired").clone();
                self.record(UserState {
                    retired_at: Some(Timestamp::now()),
                    ..state
                })
                .await
            }
        }
    }

    async fn write(&self, cas: Cas) -> Result<WriteResult, Error> {
        let key = self
            .observed
            .key
            .as_ref()
            .expect("only a current key is written");
        let (path, user) = (&self.observed.snapshot.location.path, self.user);
        self.invocation
            .call_vault(async |vault, token| vault.write(token, path, user, key, cas).await)
            .await
    }

    async fn soft_delete(&self, version: u64) -> Result<(), Error> {
        let path = &self.observed.snapshot.location.path;
        self.invocation
            .call_vault(async |vault, token| vault.soft_delete(token, path, version).await)
            .await
    }

    /// Returns when this version in Vault was created: as metadata shows, or as recorded.
    fn created_at(&self, version: u64) -> Option<Timestamp> {
        let snapshot = &self.observed.snapshot;
        let recorded = snapshot.state.recorded();
        let recorded = recorded.filter(|state| state.vault_version == Some(version));
        snapshot.created_at.or_else(|| recorded?.vault_created_at)
    }

    /// Returns the state that records the current key at this version in Vault.
    fn state_of(&self, version: (u64, Option<Timestamp>), now: Timestamp) -> UserState {
        let snapshot = &self.observed.snapshot;
        let ParameterView::Current(current) = &snapshot.parameter else {
            unreachable!("only a current key is recorded")
        };
        UserState::of_written(self.user, current, &snapshot.location, version, now)
    }

    /// Writes the state unless another process has recorded anything: what it wrote is known
    /// better than a version that was only read.
    async fn record_unless_changed(&mut self, state: UserState) -> Result<End, Error> {
        let Some(states) = &self.invocation.ctx.states else {
            return Ok(End::Done);
        };
        let save = states.save(self.user, &state, self.observed.etag.as_ref());
        match self.invocation.within(save).await? {
            PutResult::Saved(_) => Ok(End::Done),
            PutResult::PreconditionFailed => {
                self.state_conflicts += 1;
                Ok(End::Conflict)
            }
        }
    }

    /// Writes the state unless another process has recorded the same or more.
    async fn record(&mut self, state: UserState) -> Result<End, Error> {
        let Some(states) = &self.invocation.ctx.states else {
            return Ok(End::Done);
        };
        let mut if_match = self.observed.etag.clone();
        for attempt in 1..=MAX_ATTEMPTS {
            let save = states.save(self.user, &state, if_match.as_ref());
            if let PutResult::Saved(_) = self.invocation.within(save).await? {
                return Ok(End::Done);
            }
            self.state_conflicts += 1;
            back_off(self.invocation, attempt).await;
            let found = self.invocation.within(states.load(self.user)).await?;
            // A state of the legacy service has no object of ours to overwrite.
            let theirs = found.state.filter(|_| found.etag.is_some());
            match theirs.map_or(Resolution::Overwrite, |theirs| theirs.resolve(&state)) {
                Resolution::KeepTheirs => return Ok(End::Done),
                Resolution::Conflict => return Ok(End::Conflict),
                Resolution::Overwrite => if_match = found.etag,
            }
        }
        let subject = format!("the state of {}", self.user);
        Err(Error::Contended {
            subject,
            attempts: MAX_ATTEMPTS,
        })
    }
}

/// Waits for a random time before a lost race is repeated: long enough for the winner to finish,
/// longer with each attempt.
pub async fn back_off<B: Backends>(invocation: &Invocation<'_, B>, attempt: u32) {
    let longest = 100 * u64::from(attempt);
    let pause = Duration::from_millis(fastrand::u64(longest / 2..=longest));
    invocation.sleep(pause).await;
}
