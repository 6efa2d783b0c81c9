//! Reads each source of one user but Vault. A source that cannot be read by the deadline is a value, too.

use std::rc::Rc;

use super::assemble::StoredView;
use crate::backends::{Backends, Parameters, Roster, States, StoredState};
use crate::config::OnUserDeleted;
use crate::context::Degradation;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::{SecretLocation, UserName};
use crate::snapshot::{ParameterReading, ParameterView, RosterView, TargetView};
use crate::targets::{Target, Targets};

/// Reads the sources of one user.
pub(super) struct Reader<'a, B: Backends> {
    pub(super) invocation: &'a Invocation<'a, B>,
    pub(super) user: &'a UserName,
}

impl<B: Backends> Reader<'_, B> {
    pub(super) fn is_basic(&self) -> bool {
        self.invocation.ctx.states.is_none()
    }

    pub(super) fn deletes(&self) -> bool {
        self.invocation.ctx.config.on_user_deleted == OnUserDeleted::SoftDelete
    }

    /// Returns the view of a target.
    pub(super) fn view_of(&self, target: &Target) -> TargetView {
        let is_default = !target.is_of_document;
        let names = target.fields().map(|(name, _)| name.to_owned());
        TargetView {
            location: SecretLocation {
                address: self.invocation.ctx.config.vault.address_text().to_owned(),
                path: target.location.clone(),
            },
            definition: (!is_default).then(|| target.definition()),
            fields: if is_default {
                Vec::new()
            } else {
                names.collect()
            },
            merge: target.merge,
            has_default_form: target.has_default_form(),
            has_default_fields: target.has_default_fields(),
        }
    }

    /// Returns the view of the target without a document.
    pub(super) fn default_view(&self) -> TargetView {
        let vault = &self.invocation.ctx.config.vault;
        TargetView {
            location: vault.location_of(self.user),
            definition: None,
            fields: Vec::new(),
            merge: false,
            has_default_form: true,
            has_default_fields: false,
        }
    }

    pub(super) async fn targets(&self) -> Result<Rc<Targets>, Error> {
        self.invocation.targets().await
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

    pub(super) async fn state(&self) -> StoredView {
        let Some(states) = &self.invocation.ctx.states else {
            return StoredView::Absent;
        };
        match self.invocation.within(states.load(self.user)).await {
            Ok(StoredState {
                damaged: true,
                etag,
                ..
            }) => StoredView::Damaged(etag),
            Ok(StoredState {
                state: Some(state),
                etag,
                ..
            }) => StoredView::Recorded(state, etag),
            Ok(StoredState { state: None, .. }) => StoredView::Absent,
            Err(error) => StoredView::Unreadable(error),
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
