//! Reads what exists for one user: parameter, state and targets at the same time, and other sources
//! only if a plan depends on them.
//!
//! Observing never fails: a source that cannot be read is a value in the snapshot. The order of
//! reads is an invariant. After a rejected write, Vault's metadata is read **before** the
//! parameter, so the key that is then held is at least as new as the one that caused the rejection.

mod assemble;
mod reader;
mod secret;

use std::rc::Rc;

use crate::backends::{Backends, Etag, VaultListing};
use crate::invocation::Invocation;
<<<<<<< HEAD
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{Cas, Event, ParameterReading, SecretRecord, Snapshot, UserState};
use crate::targets::Target;
=======
use crate::keys::{AccessKey, UserName};
use crate::snapshot::{
    Cas, Event, ParameterReading, ParameterView, RosterView, SecretMetadata, Snapshot, StateView,
    UserState, VaultView,
};
>>>>>>> main

use assemble::{Sources, StoredView, assemble};
use reader::Reader;

/// In which order to read, and what is known beforehand.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a listed parameter holds its key in place"
)]
pub enum ReadStrategy {
    /// Parameter, state and targets at the same time. Vault is assumed to be at the recorded
    /// version; check-and-set proves it.
    Optimistic,
    /// The parameter comes from the listing. `vault` was read before the listing; what it does not
    /// show is read last. That proves that all is in sync, but does not justify a write.
    FromListing {
        /// The parameter as listed.
        parameter: ParameterReading,
        /// What Vault's metadata showed before.
<<<<<<< HEAD
        vault: Rc<VaultListing>,
=======
        vault: SecretMetadata,
    },
    /// Vault's metadata first.
    VaultFirst {
        /// The check-and-set version that Vault rejected just before, if that is the reason.
        rejected: Option<Cas>,
        /// The version that was written just before, if that is the reason.
        written: Option<u64>,
>>>>>>> main
    },
    /// Vault's metadata first, given what happened to secrets just before.
    VaultFirst(Vec<Attempt>),
}

impl ReadStrategy {
    /// Vault's metadata first, with nothing known beforehand.
    pub const VAULT_FIRST: Self = Self::VaultFirst(Vec::new());
}

/// What happened to a secret just before.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The secret.
    pub path: VaultPath,
    /// The check-and-set version that Vault rejected.
    pub rejected: Option<Cas>,
    /// The version that was written.
    pub written: Option<u64>,
}

/// Whom to observe, and what is known of the trigger.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user.
    pub user: &'a UserName,
    /// The newest event about the user's parameter, if there is one.
    pub event: Option<Event>,
    /// Whether an operator takes over secrets that another tool manages.
    pub adopts: bool,
}

/// What was observed of a user: the input of the plans, and beside it what only a write needs.
#[derive(Debug)]
pub struct Observed {
    /// The secrets: those of the targets, then those that are recorded without a target. At least
    /// one.
    pub secrets: Vec<ObservedSecret>,
    /// The current key; `Some` exactly if the parameter holds one.
    pub key: Option<AccessKey>,
    /// The recorded state, for its replacement.
    pub stored: Option<UserState>,
    /// The version of the state object, for its conditional write.
    pub etag: Option<Etag>,
}

/// What was observed of one secret.
#[derive(Debug)]
pub struct ObservedSecret {
    /// The input of the plan.
    pub snapshot: Snapshot,
    /// The target, with the templates of its fields; `None` if the user has no such target.
    pub target: Option<Target>,
    /// The recorded state of the secret that a new one replaces.
    pub record: Option<SecretRecord>,
}

/// Observes one user.
pub async fn observe<B: Backends>(
    invocation: &Invocation<'_, B>,
    subject: Subject<'_>,
    strategy: ReadStrategy,
) -> Observed {
    let reader = Reader {
        invocation,
        user: subject.user,
    };
<<<<<<< HEAD
    let sources = match strategy {
        // In basic mode the secret stands for the state, so it is read before the parameter.
        ReadStrategy::Optimistic if reader.is_basic() => {
            let targets = reader.targets().await;
            let secrets = reader.published(&targets, None).await;
            Sources {
                secrets,
                targets,
                parameter: reader.parameter().await,
                state: StoredView::Absent,
                subject,
                attempts: Vec::new(),
                is_listed: false,
            }
        }
        ReadStrategy::Optimistic => {
            let (parameter, state, targets) =
                tokio::join!(reader.parameter(), reader.state(), reader.targets());
            Sources {
                secrets: Vec::new(),
                targets,
                parameter,
                state,
                subject,
                attempts: Vec::new(),
                is_listed: false,
            }
        }
        ReadStrategy::FromListing { parameter, vault } => {
            let (state, targets) = tokio::join!(reader.state(), reader.targets());
            let secrets = if reader.is_basic() {
                reader.published(&targets, None).await
            } else {
                reader.listed(&targets, &vault)
            };
            Sources {
                secrets,
                targets,
                parameter,
                state,
                subject,
                attempts: Vec::new(),
                is_listed: true,
            }
        }
        ReadStrategy::VaultFirst(attempts) => {
            let targets = reader.targets().await;
            let secrets = if reader.is_basic() {
                reader.published(&targets, Some(&attempts)).await
            } else {
                reader.first(&targets, &attempts).await
            };
            let (parameter, state) = tokio::join!(reader.parameter(), reader.state());
            Sources {
                secrets,
                targets,
                parameter,
                state,
                subject,
                attempts,
                is_listed: false,
            }
        }
    };
    assemble(&reader, sources).await
=======
    let (rejected, is_reconcile) = match &strategy {
        ReadStrategy::VaultFirst { rejected, .. } => (*rejected, false),
        ReadStrategy::FromListing { vault, .. } => (None, matches!(vault.view, VaultView::NotRead)),
        ReadStrategy::Optimistic => (None, false),
    };
    let (first, listed) = match strategy {
        ReadStrategy::Optimistic => (VaultView::NotRead.into(), None),
        ReadStrategy::FromListing { parameter, vault } => (vault, Some(parameter)),
        ReadStrategy::VaultFirst { written, .. } => {
            (reader.first(rejected.is_some(), written).await, None)
        }
    };
    let was_listed = listed.is_some();
    let parameter = async {
        match listed {
            Some(listed) => listed,
            None => reader.parameter().await,
        }
    };
    let is_basic = invocation.ctx.states.is_none();
    let (parameter, (state, etag), first) = if is_basic {
        // The key in Vault stands for the state, so it is read before the parameter.
        let (state, vault) = match &first.view {
            VaultView::Unreadable(error) => {
                (StateView::Unreadable(error.clone()), first.view.clone())
            }
            _ => reader.published().await,
        };
        let is_better = matches!(first.view, VaultView::NotRead)
            || (matches!(first.view, VaultView::Hidden) && rejected.is_none());
        (
            parameter.await,
            (state, None),
            if is_better { vault.into() } else { first },
        )
    } else {
        let (parameter, state) = tokio::join!(parameter, reader.state());
        (parameter, state, first)
    };
    let ParameterReading {
        view: parameter,
        key,
    } = parameter;
    let former = state
        .recorded()
        .filter(|_| matches!(parameter, ParameterView::Absent))
        .and_then(|state| state.former_location(&reader.location, user));
    let is_former = former.is_some();
    let first = former.map_or(first, |former| {
        reader.location = former;
        VaultView::NotRead.into()
    });
    let roster = match parameter {
        ParameterView::Absent => reader.roster().await,
        _ => RosterView::Unknown,
    };
    let read_last = matches!(first.view, VaultView::NotRead)
        && needs_metadata(&parameter, state.recorded(), is_reconcile, reader.deletes());
    let vault = if read_last {
        reader.metadata(false).await
    } else {
        first
    };
    // What a retirement deletes is a version, not a key that was held before.
    let is_proven = !read_last || (is_former && !was_listed);
    let safe_to_write = if is_basic { !was_listed } else { is_proven };
    let unrecorded = invocation.ctx.unrecorded(user, state.recorded());
    let unrecorded = unrecorded.filter(|_| !matches!(state, StateView::Unreadable(_)));
    let is_unrecorded = unrecorded.is_some();
    let state = unrecorded.map_or(state, StateView::Recorded);
    let now = Timestamp::now();
    let state_age = state
        .recorded()
        .map(|state| now.duration_since(state.last_synced_at));
    let snapshot = Snapshot {
        parameter,
        state,
        is_unrecorded,
        vault: vault.view,
        created_at: vault.created_at,
        roster,
        location: reader.location,
        event,
        rejected,
        is_listed: was_listed,
        state_age,
        safe_to_write,
    };
    Observed {
        snapshot,
        key,
        etag,
    }
}

/// Returns whether a plan depends on Vault's version. A reconcile run also needs it if the recorded
/// key is the current one.
fn needs_metadata(
    parameter: &ParameterView,
    state: Option<&UserState>,
    is_reconcile: bool,
    deletes: bool,
) -> bool {
    match (parameter, state) {
        // Only the latest version may be deleted.
        (ParameterView::Absent, Some(state)) => state.retired_at.is_none() && deletes,
        // A state of the legacy service has no version.
        (ParameterView::Current(current), Some(state)) => {
            state.vault_version.is_none()
                || (is_reconcile && state.last_secret_hash == current.fingerprint)
        }
        _ => false,
    }
>>>>>>> main
}
