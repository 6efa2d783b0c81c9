//! Does what the plan says: Vault with check-and-set first, then the state with a conditional put.
//!
//! Decides nothing. Each step can run twice, late, or beside another: a death between Vault and the state leaves a
//! version that the state does not know, which the next run's check-and-set finds.

use std::time::Duration;

use jiff::Timestamp;

use crate::backends::{Backends, Etag, PutResult, States, Vault, WriteResult};
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::observe::Observation;
use crate::plan::{Plan, Step};
use crate::report::{Notes, Outcome};
use crate::snapshot::{Cas, Resolution, UserState};

/// How often a lost race is run again, for Vault and for the state alike.
pub const ATTEMPTS: u32 = 5;

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is done; with the version of Vault's secret, if one was written.
    Done(Outcome, Option<u64>),
    /// Vault refused this guard; nothing was written.
    Refused(Cas),
    /// Somebody else recorded something that does not agree with what we wrote: it must be decided again.
    /// With the version that we wrote, if we did.
    Overtaken(Option<u64>),
}

/// Carries out `plan` for the user that was `seen`.
///
/// # Errors
/// Those of Vault and of the state. Vault may have the key although the state could not be written.
pub async fn apply<W: Backends>(
    ctx: &Context<W>,
    user: &UserName,
    seen: &Observation,
    plan: &Plan<'_>,
    notes: &mut Notes,
) -> Result<Applied, Error> {
    let path = &seen.snapshot.path;
    let recorder = Recorder {
        ctx,
        user,
        over: &seen.etag,
    };
    match plan.step {
        Step::Nothing => Ok(Applied::Done(Outcome::Unchanged, None)),
        Step::Hold => Ok(Applied::Done(Outcome::Held, None)),
        Step::Yield => Ok(Applied::Done(Outcome::Superseded, None)),
        Step::ReportMissing => Ok(Applied::Done(Outcome::Missing, None)),
        Step::Fail => Ok(Applied::Done(Outcome::Failed, None)),
        Step::Adopt {
            current,
            vault_version,
        } => {
            let state = UserState::of_written(user, current, path, vault_version, Timestamp::now());
            recorder.adopt(state, notes).await
        }
        Step::Write { current, cas } => {
            match ctx
                .session
                .call(async |vault, token| vault.write(token, path, user, &current.key, cas).await)
                .await?
            {
                WriteResult::CasMismatch => Ok(Applied::Refused(cas)),
                WriteResult::Written(version) => {
                    let now = Timestamp::now();
                    notes.in_vault_at = Some(now);
                    notes.drift_repaired = plan.reason.is_drift();
                    notes.state_conflicts += u64::from(seen.damaged);
                    let state = UserState::of_written(user, current, path, version, now);
                    recorder
                        .record(state, Applied::Done(Outcome::Written, Some(version)), notes)
                        .await
                }
            }
        }
        Step::Retire { state, soft_delete } => {
            if let Some(version) = soft_delete {
                ctx.session
                    .call(async |vault, token| vault.soft_delete(token, path, version).await)
                    .await?;
            }
            let state = UserState {
                retired_at: Some(Timestamp::now()),
                ..state.clone()
            };
            recorder
                .record(state, Applied::Done(Outcome::Retired, None), notes)
                .await
        }
    }
}

struct Recorder<'a, W: Backends> {
    ctx: &'a Context<W>,
    user: &'a UserName,
    over: &'a Option<Etag>,
}

impl<W: Backends> Recorder<'_, W> {
    /// Writes the state unless somebody has recorded anything meanwhile: that they did knows more than a version that was
    /// only seen.
    async fn adopt(&self, state: UserState, notes: &mut Notes) -> Result<Applied, Error> {
        let Some(states) = &self.ctx.states else {
            return Ok(Applied::Done(Outcome::Unchanged, None));
        };
        if states.save(&state, self.over.as_ref()).await? != PutResult::PreconditionFailed {
            return Ok(Applied::Done(Outcome::Unchanged, None));
        }
        notes.state_conflicts += 1;
        Ok(Applied::Overtaken(None))
    }

    /// Writes the state and returns `done`, unless somebody has recorded more, or something else, meanwhile.
    async fn record(
        &self,
        state: UserState,
        done: Applied,
        notes: &mut Notes,
    ) -> Result<Applied, Error> {
        let Some(states) = &self.ctx.states else {
            return Ok(done);
        };
        let mut over = self.over.clone();
        for attempt in 1..=ATTEMPTS {
            if states.save(&state, over.as_ref()).await? != PutResult::PreconditionFailed {
                return Ok(done);
            }
            notes.state_conflicts += 1;
            pause(attempt).await;
            let found = states.load(self.user).await?;
            let theirs = found.state.filter(|_| found.etag.is_some());
            match theirs.map_or(Resolution::Overwrite, |theirs| theirs.resolve(&state)) {
                Resolution::KeepTheirs => return Ok(done),
                Resolution::Conflict => {
                    let written = match done {
                        Applied::Done(Outcome::Written, version) => version,
                        _ => None,
                    };
                    return Ok(Applied::Overtaken(written));
                }
                Resolution::Overwrite => over = found.etag,
            }
        }
        Err(Error::Contended {
            subject: format!("the state of {}", self.user),
            attempts: ATTEMPTS,
        })
    }
}

/// Waits a random while before a lost race is run again: long enough for the winner to finish, longer each time.
pub async fn pause(attempt: u32) {
    let longest = 100 * u64::from(attempt);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(longest / 2..=longest))).await;
}
