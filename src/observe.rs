//! Reads what exists for one user: parameter and state at the same time, the rest only where it
//! decides something.
//!
//! Observing never fails: a source that cannot be read is a value in the snapshot. The order of
//! reads is an invariant. After a rejected write, Vault's metadata is read **before** the
//! parameter, so the key that is then held is at least as new as the one that caused the rejection.

use crate::backends::{
    Backends, Etag, Parameters, Roster, States, StoredState, Vault, VaultSecret,
};
use crate::config::OnUserDeleted;
use crate::context::Degradation;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{
    Cas, Event, ParameterReading, ParameterView, RosterView, Snapshot, StateView, UserState,
    VaultView,
};

/// In which order to read, and what is known beforehand.
#[derive(Debug)]
pub enum ReadStrategy {
    /// Parameter and state at the same time. Vault is assumed to be at the recorded version;
    /// check-and-set proves it.
    Optimistic,
    /// The parameter has been listed, and before that `vault` was read. If it was not, Vault is
    /// read last, which proves that all is in sync, but does not justify a write.
    FromListing {
        /// The parameter as listed.
        parameter: ParameterReading,
        /// What Vault's metadata showed before.
        vault: VaultView,
    },
    /// Vault's metadata first.
    VaultFirst {
        /// The check-and-set parameter that Vault rejected just before, if that is the reason.
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
    let reader = Reader {
        invocation,
        user,
        path: invocation.ctx.config.vault.path_of(user),
    };
    let (rejected, is_reconcile) = match &strategy {
        ReadStrategy::VaultFirst { rejected, .. } => (*rejected, false),
        ReadStrategy::FromListing { vault, .. } => (None, matches!(vault, VaultView::NotRead)),
        ReadStrategy::Optimistic => (None, false),
    };
    let (first, listed) = match strategy {
        ReadStrategy::Optimistic => (VaultView::NotRead, None),
        ReadStrategy::FromListing { parameter, vault } => (vault, Some(parameter)),
        ReadStrategy::VaultFirst { written, .. } => match (reader.metadata().await, written) {
            // Metadata is hidden, but Vault holds what was just written, whatever the state says.
            (VaultView::Hidden, Some(version)) => (
                VaultView::At {
                    version,
                    readable: true,
                },
                None,
            ),
            (view, _) => (view, None),
        },
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
        let (state, vault) = reader.published().await;
        let is_better = matches!(first, VaultView::NotRead)
            || (matches!(first, VaultView::Hidden) && rejected.is_none());
        (
            parameter.await,
            (state, None),
            if is_better { vault } else { first },
        )
    } else {
        let (parameter, state) = tokio::join!(parameter, reader.state());
        (parameter, state, first)
    };
    let ParameterReading {
        view: parameter,
        key,
    } = parameter;
    let roster = match parameter {
        ParameterView::Absent => reader.roster().await,
        _ => RosterView::Unknown,
    };
    let read_last = matches!(first, VaultView::NotRead)
        && needs_metadata(&parameter, state.recorded(), is_reconcile, reader.deletes());
    let vault = if read_last {
        reader.metadata().await
    } else {
        first
    };
    let safe_to_write = if is_basic { !was_listed } else { !read_last };
    let path = reader.path;
    let snapshot = Snapshot {
        parameter,
        state,
        vault,
        roster,
        path,
        event,
        rejected,
        safe_to_write,
    };
    Observed {
        snapshot,
        key,
        etag,
    }
}

/// Returns whether a plan depends on Vault's version. In a reconcile run it also does where
/// everything else is in sync.
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

/// Reads the sources of one user.
struct Reader<'a, B: Backends> {
    invocation: &'a Invocation<'a, B>,
    user: &'a UserName,
    path: VaultPath,
}

impl<B: Backends> Reader<'_, B> {
    fn deletes(&self) -> bool {
        self.invocation.ctx.config.on_user_deleted == OnUserDeleted::SoftDelete
    }

    async fn parameter(&self) -> ParameterReading {
        let ctx = self.invocation.ctx;
        let Some(name) = ctx.config.naming.parameter_of(self.user) else {
            return ParameterView::Unnameable.into();
        };
        let read = async { Ok(ctx.parameters.read(&name).await) };
        let read = self.invocation.within(read).await;
        read.unwrap_or_else(|error| ParameterView::Unreadable(error).into())
    }

    async fn state(&self) -> (StateView, Option<Etag>) {
        let Some(states) = &self.invocation.ctx.states else {
            return (StateView::Absent, None);
        };
        match self.invocation.within(states.load(self.user)).await {
            Ok(StoredState {
                damaged: true,
                etag,
                ..
            }) => (StateView::Damaged, etag),
            Ok(StoredState {
                state: Some(state),
                etag,
                ..
            }) => (StateView::Recorded(state), etag),
            Ok(StoredState {
                state: None, etag, ..
            }) => (StateView::Absent, etag),
            Err(error) => (StateView::Unreadable(error), None),
        }
    }

    /// Reads the key that Vault holds. In basic mode it stands for the state.
    async fn published(&self) -> (StateView, VaultView) {
        let session = &self.invocation.ctx.session;
        let read = session.call(async |vault, token| vault.read(token, &self.path).await);
        match self.vault(read).await {
            Ok(VaultSecret::Absent) => (StateView::Absent, VaultView::Absent),
            Ok(VaultSecret::Key(key, version)) => {
                let vault = VaultView::At {
                    version,
                    readable: key.is_some(),
                };
                let state = key.map_or(StateView::Absent, |key| {
                    let state = UserState::of_secret(self.user, &key, version, &self.path);
                    StateView::Recorded(state)
                });
                (state, vault)
            }
            Err(Error::Denied { .. }) => {
                // The policy is the cause only if the token is valid.
                let lookup = session.call(async |vault, token| vault.lookup(token).await);
                let vault = match self.vault(lookup).await {
                    Ok(_) => {
                        self.invocation.ctx.warn_once(Degradation::DataIsHidden);
                        VaultView::Hidden
                    }
                    Err(error) => VaultView::Unreadable(error),
                };
                (StateView::Absent, vault)
            }
            Err(error) => (StateView::Absent, VaultView::Unreadable(error)),
        }
    }

    /// Reads Vault's metadata. The policy is the cause of a 403 only if the token is valid; then
    /// metadata is not read again with it, because each 403 would load the token anew.
    async fn metadata(&self) -> VaultView {
        let session = &self.invocation.ctx.session;
        if session.metadata_is_hidden().await {
            return VaultView::Hidden;
        }
        let read = session.call(async |vault, token| vault.metadata(token, &self.path).await);
        match self.vault(read).await {
            Ok(view) => view,
            Err(Error::Denied { .. }) => {
                let lookup = session.call(async |vault, token| vault.lookup(token).await);
                match self.vault(lookup).await {
                    Ok(_) => {
                        session.remember_hidden_metadata().await;
                        self.invocation.ctx.warn_once(Degradation::MetadataIsHidden);
                        VaultView::Hidden
                    }
                    Err(error) => VaultView::Unreadable(error),
                }
            }
            Err(error) => VaultView::Unreadable(error),
        }
    }

    /// Reads from Vault unless the circuit breaker is open.
    async fn vault<T>(&self, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.invocation.breaker.check()?;
        self.invocation.within(read).await
    }

    /// Reads the roster. Only a roster that is switched off, missing or not accessible makes an
    /// event sufficient; one that fails temporarily decides nothing.
    async fn roster(&self) -> RosterView {
        let Some(roster) = &self.invocation.ctx.roster else {
            return RosterView::Unknown;
        };
        match self.invocation.within(roster.contains(self.user)).await {
            Ok(true) => RosterView::Listed,
            Ok(false) => RosterView::NotListed,
            Err(Error::Denied { .. } | Error::Missing { .. }) => {
                self.invocation.ctx.warn_once(Degradation::RosterIsClosed);
                RosterView::Unknown
            }
            Err(error) => RosterView::Unreadable(error),
        }
    }
}
