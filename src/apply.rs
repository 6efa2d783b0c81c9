//! Applies the plans of a user: Vault with check-and-set first, all secrets at the same time, then
//! the state with one conditional put.
//!
//! It decides nothing about the user; [`record`] resolves a lost race for the state object. Each
//! step can run twice, late, or beside another process. If the process ends between Vault and the
//! state, Vault has a version that the state does not know, and the check-and-set of the next run
//! finds it.

mod record;
mod result;

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::backends::{Backends, PatchResult, Vault, WriteResult};
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::{AccessKey, UserName};
use crate::observe::{Observed, ObservedSecret};
use crate::plan::{Action, Plan, Removal};
use crate::snapshot::{Cas, ParameterView, SecretRecord, StateView};
use crate::targets::{SecretFields, Target};

use record::{Change, record};
pub use result::{Applied, End, VaultWrite};

/// How often a lost race is repeated, for Vault and for the state alike.
pub const MAX_ATTEMPTS: u32 = 5;

/// Applies a plan to each secret that was `observed`; the results are in their order.
pub async fn apply<B: Backends>(
    invocation: &Invocation<'_, B>,
    user: &UserName,
    observed: &Observed,
    plans: &[Plan],
) -> Vec<Applied> {
    let secrets = observed.secrets.iter().zip(plans);
    let work = secrets.map(async |(secret, plan)| {
        let run = Run {
            invocation,
            user,
            secret,
            key: observed.key.as_ref(),
        };
        run.change_vault(plan.action).await
    });
    let mut effects = join_all(work).await;
    if nothing_was_removed(plans, &effects) {
        invocation.ctx.release_retirement(user);
    }
    record(invocation, user, observed, &mut effects).await;
    let effects = effects.into_iter();
    effects.map(|effect| effect.applied).collect()
}

/// Returns whether Vault denied all removals. After any other failure, a key may have been deleted.
fn nothing_was_removed(plans: &[Plan], effects: &[Effect]) -> bool {
    let is_removal = |plan: &Plan| matches!(plan.action, Action::Retire(Some(_)));
    let is_denied = |effect: &Effect| matches!(effect.applied.end, Err(Error::Denied { .. }));
    let mut applied = plans.iter().zip(effects);
    plans.iter().any(is_removal)
        && applied.all(|(plan, effect)| !is_removal(plan) || is_denied(effect))
}

/// What happened to one secret in Vault, and what is to be recorded.
struct Effect {
    applied: Applied,
    change: Option<Change>,
}

impl Effect {
    fn end(end: Result<End, Error>) -> Self {
        let applied = Applied {
            written: None,
            state_conflicts: 0,
            end,
        };
        Self {
            applied,
            change: None,
        }
    }
}

struct Run<'a, B: Backends> {
    invocation: &'a Invocation<'a, B>,
    user: &'a UserName,
    secret: &'a ObservedSecret,
    key: Option<&'a AccessKey>,
}

impl<B: Backends> Run<'_, B> {
    async fn change_vault(&self, action: Action) -> Effect {
        let change = match action {
            Action::Skip(_) | Action::Reobserve => return Effect::end(Ok(End::Done)),
            Action::Adopt(version) => {
                let version = (version, self.created_at(version));
                Change::Adopted(self.record_of(version, Timestamp::now()))
            }
            Action::Write(cas) => match self.put(cas).await {
                Ok(WriteResult::Written(version, created_at)) => {
                    return self.written((version, created_at));
                }
                Ok(WriteResult::CasMismatch) => return Effect::end(Ok(End::CasMismatch(cas))),
                Err(error) => return Effect::end(Err(error)),
            },
            Action::Patch(version) => match self.patch(version, &self.fields()).await {
                Ok(PatchResult::Written(version, created_at)) => {
                    return self.written((version, created_at));
                }
                other => return self.not_patched(version, other),
            },
            Action::Retire(None) => Change::Retired(self.retired()),
            Action::Retire(Some(Removal::Version(version))) => {
                if let Err(error) = self.soft_delete(version).await {
                    return Effect::end(Err(error));
                }
                Change::Retired(self.retired())
            }
            Action::Retire(Some(Removal::Fields(version))) => {
                let none = SecretFields::default();
                match self.patch(version, &none).await {
                    Ok(PatchResult::Written(version, created_at)) => {
                        Change::Retired(SecretRecord {
                            vault_version: Some(version),
                            vault_created_at: created_at,
                            ..self.retired()
                        })
                    }
                    Ok(PatchResult::Absent) => Change::Retired(self.retired()),
                    other => return self.not_patched(version, other),
                }
            }
        };
        Effect {
            change: Some(change),
            ..Effect::end(Ok(End::Done))
        }
    }

    fn written(&self, version: (u64, Option<Timestamp>)) -> Effect {
        let at = Timestamp::now();
        let damaged = matches!(self.secret.snapshot.state, StateView::Damaged);
        Effect {
            applied: Applied {
                written: Some(VaultWrite {
                    version: version.0,
                    at,
                }),
                state_conflicts: u64::from(damaged),
                end: Ok(End::Done),
            },
            change: Some(Change::Written(self.record_of(version, at))),
        }
    }

    fn target(&self) -> &Target {
        let target = self.secret.target.as_ref();
        target.expect("only the secret of a target is written")
    }

    fn fields(&self) -> SecretFields {
        let key = self.key.expect("only a current key is written");
        self.target().render(key, self.user, Timestamp::now())
    }

    async fn put(&self, cas: Cas) -> Result<WriteResult, Error> {
        let (fields, path) = (self.fields(), &self.target().location);
        let put = async |vault: &B::Vault, token: &_| vault.put(token, path, &fields, cas).await;
        self.invocation.call_vault(put).await
    }

    /// Replaces the published fields of this version by `fields`.
    async fn patch(&self, version: u64, fields: &SecretFields) -> Result<PatchResult, Error> {
        let snapshot = &self.secret.snapshot;
        // A write that is not recorded yet may have published others.
        let unrecorded = snapshot.state.recorded().filter(|_| snapshot.is_unrecorded);
        let records = [self.secret.record.as_ref(), unrecorded];
        let published = records.into_iter().flatten();
        let published = published.flat_map(SecretRecord::published_fields);
        let published = published.collect::<Vec<_>>();
        let path = &snapshot.target.location.path;
        let call = async |vault: &B::Vault, token: &_| {
            vault.patch(token, path, fields, &published, version).await
        };
        self.invocation.call_vault(call).await
    }

    fn not_patched(&self, version: u64, result: Result<PatchResult, Error>) -> Effect {
        Effect::end(match result {
            Ok(PatchResult::Absent) => Ok(End::Vanished(version)),
            Ok(PatchResult::Unsupported) => Err(self.unsupported()),
            // Another writer was first, or this PATCH was sent again after its answer was lost.
            Ok(_) => Ok(End::CasMismatch(Cas::Version(version))),
            Err(error) => Err(error),
        })
    }

    async fn soft_delete(&self, version: u64) -> Result<(), Error> {
        let path = &self.secret.snapshot.target.location.path;
        let delete =
            async |vault: &B::Vault, token: &_| vault.soft_delete(token, path, version).await;
        self.invocation.call_vault(delete).await
    }

    /// Returns the record of a user who is retired now.
    fn retired(&self) -> SecretRecord {
        let record = self.secret.snapshot.state.recorded();
        let record = record.expect("only a user with a state is retired");
        SecretRecord {
            retired_at: Some(Timestamp::now()),
            ..record.clone()
        }
    }

    fn unsupported(&self) -> Error {
        let path = &self.secret.snapshot.target.location.path;
        let problem = "Vault answers PATCH with 405, as versions before 1.9 do";
        let remedy = "use Vault 1.9 or later, or set \"merge\": false for the target";
        Error::unexpected("changing the key in Vault at", path.to_string(), problem)
            .with_remedy(remedy)
    }

    /// Returns when this version in Vault was created: as metadata shows, or as recorded.
    fn created_at(&self, version: u64) -> Option<Timestamp> {
        let snapshot = &self.secret.snapshot;
        let recorded = snapshot.state.recorded();
        let recorded = recorded.filter(|record| record.vault_version == Some(version));
        snapshot.created_at.or_else(|| recorded?.vault_created_at)
    }

    /// Returns the record of the current key at this version in Vault.
    fn record_of(&self, version: (u64, Option<Timestamp>), now: Timestamp) -> SecretRecord {
        let snapshot = &self.secret.snapshot;
        let ParameterView::Current(current) = &snapshot.parameter else {
            unreachable!("only a current key is recorded")
        };
        SecretRecord::of_written(self.user, current, &snapshot.target, version, now)
    }
}

/// Waits for a random time before a lost race is repeated: long enough for the winner to finish,
/// longer with each attempt.
pub async fn back_off<B: Backends>(invocation: &Invocation<'_, B>, attempt: u32) {
    let longest = 100 * u64::from(attempt);
    let pause = Duration::from_millis(fastrand::u64(longest / 2..=longest));
    invocation.sleep(pause).await;
}
