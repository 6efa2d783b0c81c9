//! Reads the secrets of one user in Vault: metadata, or in basic mode the key.

use std::rc::Rc;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::Attempt;
use super::reader::Reader;
use crate::backends::{Backends, SecretMetadata, Vault, VaultListing, VaultSecret};
use crate::context::Degradation;
use crate::error::Error;
use crate::keys::{UserName, VaultPath};
use crate::snapshot::{Mark, SecretRecord, StateView, VaultView};
use crate::targets::{Target, Targets};

/// What was read of a secret in Vault.
pub(super) struct SecretReading {
    pub(super) vault: VaultView,
    /// When that version was created, if metadata was read.
    pub(super) created_at: Option<Timestamp>,
    /// Who created that version, if Vault records it.
    pub(super) created_by: Option<String>,
    /// The mark, if metadata was read.
    pub(super) mark: Option<Mark>,
    /// In basic mode: what the key in the secret stands for.
    pub(super) state: Option<StateView>,
}

impl Default for SecretReading {
    fn default() -> Self {
        VaultView::NotRead.into()
    }
}

impl From<VaultView> for SecretReading {
    fn from(vault: VaultView) -> Self {
        Self {
            vault,
            created_at: None,
            created_by: None,
            mark: None,
            state: None,
        }
    }
}

impl SecretReading {
    fn of_metadata(metadata: SecretMetadata, version_mark: Option<&str>, user: &UserName) -> Self {
        Self {
            mark: Some(Mark::read(&metadata.custom, version_mark, user)),
            created_at: metadata.created_at,
            created_by: metadata.created_by,
            ..metadata.view.into()
        }
    }
}

impl<B: Backends> Reader<'_, B> {
    /// Returns what a listing showed of the targets' secrets.
    pub(super) fn listed(
        &self,
        targets: &Result<Rc<Targets>, Error>,
        listing: &VaultListing,
    ) -> Vec<SecretReading> {
        let Ok(targets) = targets else {
            return Vec::new();
        };
        let version_mark = targets.version_mark();
        let user_targets = targets.for_user(self.user);
        let readings = user_targets.iter().map(|target| {
            listing
                .get(&target.location)
                .map_or_else(SecretReading::default, |metadata| {
                    SecretReading::of_metadata(metadata, version_mark, self.user)
                })
        });
        readings.collect()
    }

    /// Reads the metadata of the targets' secrets: of those with an attempt before, or of all.
    pub(super) async fn first(
        &self,
        targets: &Result<Rc<Targets>, Error>,
        attempts: &[Attempt],
    ) -> Vec<SecretReading> {
        let Ok(targets) = targets else {
            return Vec::new();
        };
        let targets = targets.for_user(self.user);
        let readings = targets.iter().map(async |target| {
            let is_attempt = |attempt: &&Attempt| attempt.path == target.location;
            match attempts.iter().find(is_attempt) {
                None if !attempts.is_empty() => SecretReading::default(),
                None => self.metadata(&target.location, false).await,
                Some(attempt) => {
                    let always = attempt.rejected.is_some();
                    self.metadata(&target.location, always).await
                }
            }
        });
        join_all(readings).await
    }

    /// Reads the targets' secrets in basic mode, where they stand for the state. With `attempts`,
    /// metadata is read first.
    pub(super) async fn published(
        &self,
        targets: &Result<Rc<Targets>, Error>,
        attempts: Option<&[Attempt]>,
    ) -> Vec<SecretReading> {
        let Ok(known) = targets else {
            return Vec::new();
        };
        let first = match attempts {
            Some(attempts) => self.first(targets, attempts).await,
            None => Vec::new(),
        };
        let unread = std::iter::repeat_with(SecretReading::default);
        let first = first.into_iter().chain(unread);
        let readings = known.for_user(self.user).into_iter().zip(first);
        let readings = readings.map(async |(target, first)| {
            // The fields of other targets may not show the key; their mark does.
            if target.is_of_document {
                return match first.vault {
                    VaultView::NotRead => self.metadata(&target.location, false).await,
                    _ => first,
                };
            }
            let has_attempt = attempts.is_some_and(|attempts| !attempts.is_empty());
            self.published_key(&target, first, has_attempt).await
        });
        join_all(readings).await
    }

    async fn published_key(
        &self,
        target: &Target,
        first: SecretReading,
        was_rejected: bool,
    ) -> SecretReading {
        if let VaultView::Unreadable(error) = &first.vault {
            let state = Some(StateView::Unreadable(error.clone()));
            return SecretReading { state, ..first };
        }
        let (state, vault) = self.key(target).await;
        let is_better = matches!(first.vault, VaultView::NotRead)
            || (matches!(first.vault, VaultView::Hidden) && !was_rejected);
        SecretReading {
            vault: if is_better { vault } else { first.vault },
            state: Some(state),
            ..first
        }
    }

    /// Reads the key that Vault holds.
    async fn key(&self, target: &Target) -> (StateView, VaultView) {
        let path = &target.location;
        let read = async |vault: &B::Vault, token: &_| vault.read(token, path).await;
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
        let view = self.view_of(target);
        let state =
            key.map(|key| SecretRecord::of_secret(self.user, &key, version, &view.location));
        (state.map_or(StateView::Absent, StateView::from), vault)
    }

    /// Reads a secret's metadata. A token that proved not to be allowed to is not tried again for
    /// some time, because each 403 would load the token anew; with `always` it is, because a write
    /// without check-and-set may depend on the answer.
    pub(super) async fn metadata(&self, path: &VaultPath, always: bool) -> SecretReading {
        let session = &self.invocation.ctx.session;
        if !always && session.metadata_is_hidden(&self.of_rule(path)).await {
            return VaultView::Hidden.into();
        }
        let read = async |vault: &B::Vault, token: &_| vault.secret_metadata(token, path).await;
        match self.invocation.call_vault(read).await {
            Ok(metadata) => {
                let targets = self.invocation.targets().await.ok();
                let version_mark = targets.as_ref().and_then(|targets| targets.version_mark());
                SecretReading::of_metadata(metadata, version_mark, self.user)
            }
            Err(Error::Denied { .. }) => {
                let view = self.hidden(Degradation::MetadataIsHidden).await;
                if matches!(view, VaultView::Hidden) {
                    session.remember_hidden_metadata(&self.of_rule(path)).await;
                }
                view.into()
            }
            Err(error) => VaultView::Unreadable(error).into(),
        }
    }

    /// Returns what a rule of a policy is about: the folder of all default targets, or one secret.
    fn of_rule(&self, path: &VaultPath) -> VaultPath {
        let folder = path.folder();
        let vault = &self.invocation.ctx.config.vault;
        if folder == vault.location_of(self.user).path.folder() {
            folder
        } else {
            path.clone()
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
}
