//! Records what was done to the secrets of a user, with one conditional put, and marks the secrets
//! at the same time.

use futures_util::future::join_all;

use super::{Effect, End, MAX_ATTEMPTS, back_off};
use crate::backends::{Backends, Etag, MetadataPatchResult, PutResult, States, Vault};
use crate::context::Degradation;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::observe::{Observed, ObservedSecret};
use crate::snapshot::{Mark, Resolution, SecretRecord, UserState};

/// What is to be recorded of a secret.
#[derive(Clone)]
pub(super) enum Change {
    /// A key was written.
    Written(SecretRecord),
    /// The secret holds the key already.
    Adopted(SecretRecord),
    /// The user was retired.
    Retired(SecretRecord),
}

impl Change {
    fn record(&self) -> &SecretRecord {
        let (Self::Written(record) | Self::Adopted(record) | Self::Retired(record)) = self;
        record
    }
}

/// Records the changes, and says in each effect how that ended.
pub(super) async fn record<B: Backends>(
    invocation: &Invocation<'_, B>,
    user: &UserName,
    observed: &Observed,
    effects: &mut [Effect],
) {
    let marks = observed.secrets.iter().zip(&*effects);
    let marks = marks.filter_map(|(secret, effect)| match &effect.change {
        Some(Change::Written(record)) => Some((secret, record.clone())),
        _ => None,
    });
    let marks = marks.collect::<Vec<_>>();
    let marks = marks
        .iter()
        .map(|(secret, record)| mark(invocation, user, secret, record));
    let save = save(invocation, user, observed, effects);
    tokio::join!(save, join_all(marks));
}

async fn save<B: Backends>(
    invocation: &Invocation<'_, B>,
    user: &UserName,
    observed: &Observed,
    effects: &mut [Effect],
) {
    let ctx = invocation.ctx;
    if ctx.states.is_none() || effects.iter().all(|effect| effect.change.is_none()) {
        return;
    }
    let saved = save_changes(invocation, user, observed, effects).await;
    for effect in effects {
        let Some(change) = effect.change.take() else {
            continue;
        };
        match (&saved, &change) {
            (Ok(()), _) => ctx.forget_unrecorded(user, change.record()),
            (Err(error), _) => {
                effect.applied.end = Err(error.clone());
                if let Change::Written(record) = change {
                    ctx.remember_unrecorded(user, record);
                }
            }
        }
    }
}

/// Writes the state with all changes, except those that another process has overtaken: their
/// effects end with a conflict, or with nothing left to do.
async fn save_changes<B: Backends>(
    invocation: &Invocation<'_, B>,
    user: &UserName,
    observed: &Observed,
    effects: &mut [Effect],
) -> Result<(), Error> {
    let states = invocation.ctx.states.as_ref();
    let states = states.expect("a state is written in enhanced mode only");
    let mut stored = observed.stored.clone().unwrap_or_default();
    let mut if_match: Option<Etag> = observed.etag.clone();
    for attempt in 1..=MAX_ATTEMPTS {
        let changes = observed.secrets.iter().zip(&*effects);
        let state = changes.fold(stored, |state, (secret, effect)| match &effect.change {
            Some(change) => {
                let replaced = replaced(&state, secret);
                state.with(replaced.as_ref(), change.record())
            }
            None => state,
        });
        let save = states.save(user, &state, if_match.as_ref());
        if let PutResult::Saved(_) = invocation.within(save).await? {
            return Ok(());
        }
        let only_adopted = effects
            .iter()
            .all(|effect| matches!(effect.change, None | Some(Change::Adopted(_))));
        if !only_adopted {
            back_off(invocation, attempt).await;
        }
        let found = invocation.within(states.load(user)).await?;
        if_match = found.etag;
        // A state of the legacy service has no object of ours to overwrite.
        stored = found
            .state
            .filter(|_| if_match.is_some())
            .unwrap_or_default();
        let mut remain = false;
        for (secret, effect) in observed.secrets.iter().zip(&mut *effects) {
            let Some(change) = &effect.change else {
                continue;
            };
            effect.applied.state_conflicts += 1;
            match resolve(change, secret, replaced(&stored, secret).as_ref()) {
                Resolution::Overwrite => remain = true,
                Resolution::KeepTheirs => {
                    invocation.ctx.forget_unrecorded(user, change.record());
                    effect.change = None;
                }
                Resolution::Conflict => {
                    effect.applied.end = Ok(End::Conflict);
                    effect.change = None;
                }
            }
        }
        if !remain {
            return Ok(());
        }
    }
    Err(Error::Contended {
        subject: format!("the state of {user}"),
        attempts: MAX_ATTEMPTS,
    })
}

/// Returns the record that a change of this secret replaces.
fn replaced(state: &UserState, secret: &ObservedSecret) -> Option<SecretRecord> {
    let target = &secret.snapshot.target;
    match (&secret.target, &secret.record) {
        // No target names the secret any more.
        (None, Some(record)) => state.record_of_same_place(record).cloned(),
        _ => state
            .record_of(&target.location, target.is_default())
            .cloned(),
    }
}

/// Decides between a change and the record that another process wrote meanwhile. What it wrote is
/// known better than a version that was only read.
fn resolve(change: &Change, secret: &ObservedSecret, theirs: Option<&SecretRecord>) -> Resolution {
    match (change, theirs) {
        (Change::Adopted(_), theirs) if theirs != secret.record.as_ref() => Resolution::Conflict,
        (Change::Adopted(_), _) | (_, None) => Resolution::Overwrite,
        (Change::Written(ours) | Change::Retired(ours), Some(theirs)) => theirs.resolve(ours),
    }
}

/// Marks a secret as written. The mark is a hint, so a failure changes nothing.
async fn mark<B: Backends>(
    invocation: &Invocation<'_, B>,
    user: &UserName,
    secret: &ObservedSecret,
    record: &SecretRecord,
) {
    let ctx = invocation.ctx;
    let is_basic = ctx.states.is_none();
    // In basic mode the mark is the record, so it is always tried.
    if !is_basic && ctx.marks_are_refused() {
        return;
    }
    let Ok(targets) = invocation.targets().await else {
        return;
    };
    let (Some(version_key), Some(parameter), Some(vault_version)) = (
        targets.version_mark(),
        record.parameter_version,
        record.vault_version,
    ) else {
        return;
    };
    let definition = record.definition.as_deref().filter(|_| is_basic);
    let entries = Mark::entries(version_key, parameter, vault_version, definition, user);
    let path = &secret.snapshot.target.location.path;
    let call =
        async |vault: &B::Vault, token: &_| vault.patch_metadata(token, path, &entries).await;
    match invocation.call_vault(call).await {
        Ok(MetadataPatchResult::Done | MetadataPatchResult::Absent) => {}
        Ok(MetadataPatchResult::Unsupported) | Err(Error::Denied { .. }) => {
            ctx.remember_refused_mark();
            ctx.warn_once(Degradation::MarksAreRefused);
        }
        Err(error) if is_basic => {
            tracing::warn!(error = %error, "{path} was not marked, so the next sync writes it again: {error}");
        }
        Err(error) => tracing::info!(error = %error, "{path} was not marked: {error}"),
    }
}
