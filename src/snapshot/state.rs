//! What we record of a user after a write, and how two such records stand to each other.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CurrentKey, ROTATION, Revision};
use crate::keys::{AccessKey, Fingerprint, UserName, VaultPath};

/// How often the platform puts the parameter for a rotation.
const PUTS_OF_A_ROTATION: i64 = 2;

/// What we recorded of a user after the last write: one JSON object per user in S3.
///
/// The first three members are the legacy's; the others are absent in a state that was taken over from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserState {
    /// Whose state this is.
    pub user_name: String,
    /// Fingerprint of the key that Vault got last.
    pub last_secret_hash: Fingerprint,
    /// When Vault got it.
    pub last_synced_at: Timestamp,
    /// Id of that key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Version of the parameter that held it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_version: Option<i64>,
    /// `LastModifiedDate` of that version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_last_modified: Option<Timestamp>,
    /// Version of the Vault secret that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_version: Option<u64>,
    /// Where in Vault it is: `<mount>/<path>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_path: Option<String>,
    /// Since when the user is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
}

impl UserState {
    /// The record of a key that was written to Vault at `vault_version`.
    pub fn of_written(
        user: &UserName,
        current: &CurrentKey,
        path: &VaultPath,
        vault_version: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            user_name: user.to_string(),
            last_secret_hash: current.fingerprint.clone(),
            last_synced_at: now,
            access_key_id: Some(current.key.id.clone()),
            parameter_version: Some(current.revision.version),
            parameter_last_modified: Some(current.revision.modified),
            vault_version: Some(vault_version),
            vault_path: Some(path.to_string()),
            retired_at: None,
        }
    }

    /// The record that a key found in Vault amounts to: which key it is, but not from which revision it came or when.
    pub fn of_published(
        user: &UserName,
        key: &AccessKey,
        vault_version: u64,
        path: &VaultPath,
    ) -> Self {
        Self {
            user_name: user.to_string(),
            last_secret_hash: key.fingerprint(),
            last_synced_at: Timestamp::UNIX_EPOCH,
            access_key_id: Some(key.id.clone()),
            parameter_version: None,
            parameter_last_modified: None,
            vault_version: Some(vault_version),
            vault_path: Some(path.to_string()),
            retired_at: None,
        }
    }

    /// How this record, found where `ours` was to be written, stands to it.
    pub fn resolve(&self, ours: &Self) -> Resolution {
        let by_key = self.revision().cmp(&ours.revision());
        let by_version = self.vault_version.cmp(&ours.vault_version);
        match (
            by_key,
            by_version,
            self.retired_at.is_some() == ours.retired_at.is_some(),
        ) {
            (Ordering::Equal, Ordering::Equal, true) => Resolution::KeepTheirs,
            (Ordering::Greater | Ordering::Equal, Ordering::Greater, _)
                if ours.retired_at.is_none() =>
            {
                Resolution::KeepTheirs
            }
            (Ordering::Less | Ordering::Equal, Ordering::Less | Ordering::Equal, _) => {
                Resolution::Overwrite
            }
            _ => Resolution::Conflict,
        }
    }

    /// Reads a state object's text; `None` where it is damaged. serde alone would also take an array for a struct.
    pub fn parse(text: &[u8]) -> Option<Self> {
        text.trim_ascii_start()
            .starts_with(b"{")
            .then(|| serde_json::from_slice(text).ok())
            .flatten()
    }

    /// The revision of the parameter that this state was made from; `None` for one of the legacy.
    pub fn revision(&self) -> Option<Revision> {
        Some(Revision {
            modified: self.parameter_last_modified?,
            version: self.parameter_version?,
        })
    }

    /// When the first of several rotations was due that the state does not know, given the parameter's revision `now`. A
    /// rotation is two puts, so more than two since the recorded one are more than one rotation, and the first was due when
    /// the recorded key had had its time.
    pub fn missed_since(&self, now: Revision) -> Option<Timestamp> {
        let recorded = self.revision()?;
        let several = now.version > recorded.version.saturating_add(PUTS_OF_A_ROTATION);
        several
            .then(|| recorded.modified.checked_add(ROTATION).ok())
            .flatten()
    }

    /// Whether the state tells of a key at `path`; one of the legacy, which names no path, does.
    pub fn tells_of(&self, path: &VaultPath) -> bool {
        self.vault_path
            .as_ref()
            .is_none_or(|there| *there == path.to_string())
    }
}

/// How somebody else's record stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It tells of the same, or of more: ours is needless.
    KeepTheirs,
    /// It tells of less: ours replaces it.
    Overwrite,
    /// Newer in one way and older in another: what is in Vault now must be looked at again.
    Conflict,
}
