//! Reads what exists for one user: parameter and state at the same time, and other sources only if
//! the plan depends on them.
//!
//! Observing never fails: a source that cannot be read is a value in the snapshot. The order of
//! reads is an invariant. After a rejected write, Vault's metadata is read **before** the
//! parameter, so the key that is then held is at least as new as the one that caused the rejection.

mod reader;

use jiff::Timestamp;

use crate::backends::{Backends, Etag};
use crate::invocation::Invocation;
use crate::keys::{AccessKey, UserName};
use crate::snapshot::{
    Cas, Event, ParameterReading, ParameterView, RosterView, SecretMetadata, Snapshot, StateView,
    UserState, VaultView,
};

use reader::Reader;

/// In which order to read, and what is known beforehand.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a listed parameter holds its key in place"
)]
pub enum ReadStrategy {
    /// Parameter and state at the same time. Vault is assumed to be at the recorded version;
    /// check-and-set proves it.
    Optimistic,
    /// The parameter comes from the listing. `vault` was read before the listing, or is `NotRead`;
    /// then Vault is read last. That proves that all is in sync, but does not justify a write.
    FromListing {
        /// The parameter as listed.
        parameter: ParameterReading,
        /// What Vault's metadata showed before.
        vault: SecretMetadata,
    },
    /// Vault's metadata first.
    VaultFirst {
        /// The check-and-set version that Vault rejected just before, if that is the reason.
        rejected: Option<Cas>,
        /// The version that was written just before, if that is the reason.
        written: Option<u64>,
    },
}

impl ReadStrategy {
    /// Vault's metadata first, with nothing known beforehand.
    pub const VAULT_FIRST: Self = Self::VaultFirst {
        rejected: None,
        written: None,
    };
}

/// What was observed: the input of the plan, and beside it what only a write needs.
#[derive(Debug)]
pub struct Observed {
    /// The input of the plan.
    pub snapshot: Snapshot,
    /// The current key; `Some` exactly if the parameter holds one.
    pub key: Option<AccessKey>,
    /// The version of the state object, for its conditional write.
    pub etag: Option<Etag>,
}

/// Observes one user.
pub async fn observe<B: Backends>(
    invocation: &Invocation<'_, B>,
    user: &UserName,
    event: Option<Event>,
    strategy: ReadStrategy,
) -> Observed {
    let mut reader = Reader {
        invocation,
        user,
        location: invocation.ctx.config.vault.location_of(user),
    };
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
}
