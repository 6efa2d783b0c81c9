//! Reads each source of one user. A source that cannot be read by the deadline is a value, too.

use crate::backends::{
    Backends, Etag, Parameters, Roster, States, StoredState, Vault, VaultSecret,
};
use crate::config::OnUserDeleted;
use crate::context::Degradation;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::{SecretLocation, UserName};
use crate::snapshot::{
    ParameterReading, ParameterView, RosterView, SecretMetadata, StateView, UserState, VaultView,
};

/// Reads the sources of one user.
pub(super) struct Reader<'a, B: Backends> {
    pub(super) invocation: &'a Invocation<'a, B>,
    pub(super) user: &'a UserName,
    pub(super) location: SecretLocation,
}

impl<B: Backends> Reader<'_, B> {
    pub(super) fn deletes(&self) -> bool {
        self.invocation.ctx.config.on_user_deleted == OnUserDeleted::SoftDelete
    }

    pub(super) async fn parameter(&self) -> ParameterReading {
        let ctx = self.invocation.ctx;
        let Some(name) = ctx.config.naming.parameter_of(self.user) else {
            return ParameterView::Unnameable.into();
        };
        let read = async {
            self.invocation.wait_for_turn().await;
            Ok(ctx.parameters.read(&name).await)
        };
        let read = self.invocation.within(read).await;
        read.unwrap_or_else(|error| ParameterView::Unreadable(error).into())
    }

    pub(super) async fn state(&self) -> (StateView, Option<Etag>) {
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
    pub(super) async fn published(&self) -> (StateView, VaultView) {
        let read = async |vault: &B::Vault, token: &_| vault.read(token, &self.location.path).await;
        let (key, version) = match self.invocation.call_vault(read).await {
            Ok(VaultSecret::Key(key, version)) => (key, version),
            Ok(VaultSecret::Absent) => return (StateView::Absent, VaultView::Absent),
            Err(Error::Denied { .. }) => {
                return (
                    StateView::Absent,
                    self.hidden(Degradation::DataIsHidden).await,
                );
            }
            Err(error) => {
                // Nothing is known of the state either: a key in sync must not look outdated.
                let state = StateView::Unreadable(error.clone());
                return (state, VaultView::Unreadable(error));
            }
        };
        let vault = VaultView::of_version(version, key.is_some());
        let state = key.map(|key| UserState::of_secret(self.user, &key, version, &self.location));
        (state.map_or(StateView::Absent, StateView::Recorded), vault)
    }

    /// Reads Vault's metadata. A token that proved not to be allowed to is not tried again for some
    /// time, because each 403 would load the token anew; with `always` it is, because a write
    /// without check-and-set may depend on the answer.
    pub(super) async fn metadata(&self, always: bool) -> SecretMetadata {
        let session = &self.invocation.ctx.session;
        if !always && session.metadata_is_hidden().await {
            return VaultView::Hidden.into();
        }
        let read =
            async |vault: &B::Vault, token: &_| vault.metadata(token, &self.location.path).await;
        match self.invocation.call_vault(read).await {
            Ok(metadata) => metadata,
            Err(Error::Denied { .. }) => {
                let view = self.hidden(Degradation::MetadataIsHidden).await;
                if matches!(view, VaultView::Hidden) {
                    session.remember_hidden_metadata().await;
                }
                view.into()
            }
            Err(error) => VaultView::Unreadable(error).into(),
        }
    }

    /// Reads Vault's metadata before the other sources, given the version that was just written.
    pub(super) async fn first(&self, always: bool, written: Option<u64>) -> SecretMetadata {
        let first = self.metadata(always).await;
        match (&first.view, written) {
            // Metadata is hidden; the version just written is the current one.
            (VaultView::Hidden, Some(version)) => VaultView::At(version).into(),
            _ => first,
        }
    }

    /// Finds the cause of a 403: it is the policy only if the token is valid.
    async fn hidden(&self, degradation: Degradation) -> VaultView {
        let lookup = async |vault: &B::Vault, token: &_| vault.lookup(token).await;
        match self.invocation.call_vault(lookup).await {
            Ok(_) => {
                self.invocation.ctx.warn_once(degradation);
                VaultView::Hidden
            }
            Err(error) => VaultView::Unreadable(error),
        }
    }

    /// Reads the roster. It is unknown if it is switched off, or if it has been missing or not
    /// accessible since the start. Without a roster, a deletion event is sufficient to retire a
    /// user. If a read fails temporarily, the user is not planned.
    pub(super) async fn roster(&self) -> RosterView {
        let ctx = self.invocation.ctx;
        let Some(roster) = &ctx.roster else {
            return RosterView::Unknown;
        };
        match self.invocation.within(roster.contains(self.user)).await {
            Ok(is_listed) => {
                ctx.remember_roster();
                if is_listed {
                    RosterView::Listed
                } else {
                    RosterView::NotListed
                }
            }
            Err(Error::Denied { .. } | Error::Missing { .. }) if !ctx.roster_was_read() => {
                ctx.warn_once(Degradation::RosterIsClosed);
                RosterView::Unknown
            }
            Err(error) => RosterView::Unreadable(error),
        }
    }
}
