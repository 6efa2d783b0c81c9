//! Makes one snapshot for each secret from what was read of the user.

use std::rc::Rc;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::reader::Reader;
use super::secret::Common;
use super::secret_reader::SecretReading;
use super::{Attempt, Observed, Subject};
use crate::backends::{Backends, Etag};
use crate::error::Error;
use crate::keys::VaultPath;
use crate::snapshot::{
    Assignment, ParameterReading, ParameterView, RosterView, SecretRecord, UserState, UserView,
};
use crate::targets::Targets;

/// What was read of a user, each source once.
pub(super) struct Sources<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) targets: Result<Rc<Targets>, Error>,
    pub(super) parameter: ParameterReading,
    pub(super) state: StoredView,
    /// What was read of each target's secret in Vault, in their order; empty if nothing was.
    pub(super) secrets: Vec<SecretReading>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) is_listed: bool,
}

/// The state object of a user, as it was read.
pub(super) enum StoredView {
    Absent,
    Damaged(Option<Etag>),
    Recorded(UserState, Option<Etag>),
    Unreadable(Error),
}

impl StoredView {
    /// Returns what is recorded about the user, whatever secret.
    pub(super) fn user_view(&self) -> UserView {
        match self {
            Self::Recorded(state, _) => {
                let is_retired = |record: &SecretRecord| record.retired_at.is_some();
                if state.records.iter().all(is_retired) {
                    return UserView::Retired;
                }
                state.newest().map_or(UserView::Absent, |newest| {
                    let age = Timestamp::now().duration_since(newest.last_synced_at);
                    UserView::Published(newest.revision(), age)
                })
            }
            Self::Absent | Self::Damaged(_) | Self::Unreadable(_) => UserView::Absent,
        }
    }

    /// Returns whether a key is recorded that was written as a targets document defined it.
    fn is_of_document(&self) -> bool {
        match self {
            Self::Recorded(state, _) => {
                let mut records = state.records.iter();
                records.any(|record| record.definition.is_some() && record.retired_at.is_none())
            }
            Self::Absent | Self::Damaged(_) | Self::Unreadable(_) => false,
        }
    }
}

/// Makes the snapshots, and reads what they still need.
pub(super) async fn assemble<B: Backends>(
    reader: &Reader<'_, B>,
    sources: Sources<'_>,
) -> Observed {
    let ParameterReading { view, key } = sources.parameter;
    let roster = match view {
        ParameterView::Absent => reader.roster().await,
        _ => RosterView::Unknown,
    };
    let common = Common {
        reader,
        subject: sources.subject,
        parameter: view,
        roster,
        state: &sources.state,
        is_listed: sources.is_listed,
    };
    let mut secrets = Vec::new();
    match &sources.targets {
        Err(error) => secrets.push(common.without_target(Assignment::Unreadable(error.clone()))),
        Ok(targets) if !targets.are_of_document() && sources.state.is_of_document() => {
            let document = reader.invocation.ctx.document_address();
            let remedy = "store it again (`keysync targets import`); to publish keys at the path \
                without a document, import one whose `others` names that path";
            let error = Error::missing("reading the targets document", document, remedy);
            secrets.push(common.without_target(Assignment::Unreadable(error)));
        }
        Ok(targets) => {
            let of_user = targets.for_user(sources.subject.user);
            let unread = std::iter::repeat_with(SecretReading::default);
            let readings = sources.secrets.into_iter().chain(unread);
            let named = of_user.into_iter().zip(readings).map(|(target, reading)| {
                let attempt = attempt(&sources.attempts, &target.location);
                common.of_target(target, reading, attempt)
            });
            secrets.extend(join_all(named).await);
            let removed = common.removed(targets, &secrets).await;
            secrets.extend(removed);
            if secrets.is_empty() {
                secrets.push(common.without_target(Assignment::Untargeted));
            }
        }
    }
    let (stored, etag) = match sources.state {
        StoredView::Recorded(state, etag) => (Some(state), etag),
        StoredView::Damaged(etag) => (None, etag),
        StoredView::Absent | StoredView::Unreadable(_) => (None, None),
    };
    Observed {
        secrets,
        key,
        stored,
        etag,
    }
}

/// Returns what happened to a secret just before.
fn attempt(attempts: &[Attempt], path: &VaultPath) -> Option<Attempt> {
    attempts
        .iter()
        .find(|attempt| attempt.path == *path)
        .cloned()
}
