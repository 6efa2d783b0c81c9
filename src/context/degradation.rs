//! Degraded modes: what this process cannot do, said once.

use super::Context;
use crate::backends::Backends;

/// A degraded mode; logged once per process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Degradation {
    /// The token is not allowed to read metadata.
    MetadataIsHidden,
    /// The token of the basic mode is not allowed to read keys.
    DataIsHidden,
    /// The roster is missing or not accessible.
    RosterIsClosed,
    /// The token is not allowed to mark secrets, or Vault is too old for it.
    MarksAreRefused,
}

impl<B: Backends> Context<B> {
    /// Logs a degraded mode, the first time.
    pub fn warn_once(&self, degradation: Degradation) {
        if self.degradations.borrow().contains(&degradation) {
            return;
        }
        self.degradations.borrow_mut().push(degradation);
        match degradation {
            Degradation::MetadataIsHidden => tracing::warn!(
                "the Vault token is not allowed to read metadata: keys are synced, but drift in \
                 Vault is not detected, and if Vault rejects a check-and-set, the write is \
                 repeated without it at the default path, and fails at that of a target; allow \
                 what `keysync policy vault` prints (with a targets document: `--targets FILE`)"
            ),
            Degradation::RosterIsClosed => tracing::warn!(
                "the roster is missing or not accessible: a user without a parameter is retired \
                 when an event reports the deletion; allow dynamodb:GetItem and dynamodb:Scan on \
                 IAM_USER_TABLE, or switch the roster off with IAM_USER_TABLE=-"
            ),
            Degradation::MarksAreRefused => tracing::warn!(
                "secrets are written, but not marked in their metadata: Vault is older than 1.10, \
                 or the token lacks patch on it; allow what `keysync policy vault --targets FILE` \
                 prints, or set \"metadata\": null in the targets document"
            ),
            Degradation::DataIsHidden => tracing::warn!(
                "the Vault token is not allowed to read keys: without a bucket for state, every \
                 sync writes a new version; set S3_BUCKET_NAME or allow read"
            ),
        }
    }
}
