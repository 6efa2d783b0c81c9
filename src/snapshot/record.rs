//! What is recorded about a user after a write, and how two such states compare.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CurrentKey, ROTATION, Revision, TargetView};
use crate::keys::{AccessKey, Fingerprint, SecretLocation, UserName};

/// How often the platform puts the parameter for one rotation.
const PUTS_PER_ROTATION: i64 = 2;

/// What was recorded about a user after the last write: one JSON object per user in S3.
///
/// The first three members are those of the legacy service. The others are absent from a state
/// that it wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRecord {
    /// The user.
    pub user_name: String,
    /// The fingerprint of the key that was written to Vault.
    pub last_secret_hash: Fingerprint,
    /// When the key was written to Vault.
    pub last_synced_at: Timestamp,
    /// The id of that key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The version of the parameter that held it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_version: Option<i64>,
    /// `LastModifiedDate` of that version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_last_modified: Option<Timestamp>,
    /// The version of the Vault secret that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_version: Option<u64>,
    /// When that version was created, by the clock of Vault. Version 0.1.0 did not record it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_created_at: Option<Timestamp>,
    /// The place in Vault: `<mount>/<path>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_path: Option<String>,
    /// The address of the Vault server. Version 0.1.0 did not record it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_address: Option<String>,
    /// The namespace on that server, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_namespace: Option<String>,
    /// When the user was retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
    /// The definition of the target whose fields were written; `None` for the default target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// The names of the fields that were written; empty for the default target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

impl SecretRecord {
    /// Returns the state of a key that was written to Vault as `vault_version`.
    pub fn of_written(
        user: &UserName,
        current: &CurrentKey,
        target: &TargetView,
        (vault_version, created_at): (u64, Option<Timestamp>),
        now: Timestamp,
    ) -> Self {
        let TargetView { location, .. } = target;
        Self {
            user_name: user.to_string(),
            last_secret_hash: current.fingerprint.clone(),
            // Also if the clock of this process is behind: a key is written after its put.
            last_synced_at: now.max(current.revision.modified),
            access_key_id: Some(current.id.clone()),
            parameter_version: Some(current.revision.version),
            parameter_last_modified: Some(current.revision.modified),
            vault_version: Some(vault_version),
            vault_created_at: created_at,
            vault_path: Some(location.path.to_string()),
            vault_address: Some(location.address.clone()),
            vault_namespace: location.path.namespace.clone(),
            retired_at: None,
            definition: target.definition.clone(),
            fields: target.fields.clone(),
        }
    }

    /// Returns the state that a key found in Vault implies. Its revision and time are unknown.
    pub fn of_secret(
        user: &UserName,
        key: &AccessKey,
        vault_version: u64,
        location: &SecretLocation,
    ) -> Self {
        Self {
            user_name: user.to_string(),
            last_secret_hash: key.fingerprint(),
            last_synced_at: Timestamp::UNIX_EPOCH,
            access_key_id: Some(key.id.clone()),
            parameter_version: None,
            parameter_last_modified: None,
            vault_version: Some(vault_version),
            vault_created_at: None,
            vault_path: Some(location.path.to_string()),
            vault_address: Some(location.address.clone()),
            vault_namespace: location.path.namespace.clone(),
            retired_at: None,
            definition: None,
            fields: Vec::new(),
        }
    }

    /// Returns the names of the fields that were written.
    pub fn published_fields(&self) -> Vec<String> {
        if self.definition.is_some() {
            return self.fields.clone();
        }
        let fields = ["accessKeyId", "secretAccessKey", "userName", "syncedAt"];
        fields.map(str::to_owned).to_vec()
    }

    /// Decides between this state, found where `ours` was to be written, and `ours`.
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
                if ours.retired_at.is_none() || self.retired_at.is_some() =>
            {
                Resolution::KeepTheirs
            }
            (Ordering::Less | Ordering::Equal, Ordering::Less | Ordering::Equal, _) => {
                Resolution::Overwrite
            }
            _ => Resolution::Conflict,
        }
    }

    /// Returns whether the state can be this user's: no date is in the future, which would make
    /// every later key look old, and no key was written before its revision was put.
    pub fn is_plausible(&self, user: &UserName, now: Timestamp, max_skew: SignedDuration) -> bool {
        let is_after = |time: Timestamp, limit: Timestamp| time.duration_since(limit) > max_skew;
        let modified = self.parameter_last_modified;
        // Vault's check-and-set has 32 bits.
        let is_version = |version: u64| u32::try_from(version).is_ok();
        self.user_name == user.as_str()
            && self.vault_version.is_none_or(is_version)
            && !self
                .retired_at
                .is_some_and(|retired| is_after(retired, now))
            && !is_after(self.last_synced_at, now)
            && !modified.is_some_and(|modified| is_after(modified, self.last_synced_at))
    }

    /// Returns the revision that the key came from; `None` for a state of the legacy service.
    pub fn revision(&self) -> Option<Revision> {
        Some(Revision {
            modified: self.parameter_last_modified?,
            version: self.parameter_version?,
        })
    }

    /// Returns when the first of several unrecorded rotations was due, given the parameter's
    /// revision. A rotation is two puts: more than two puts are more than one rotation, and the
    /// first was due one rotation period after the recorded put.
    pub fn missed_since(&self, current: Revision) -> Option<Timestamp> {
        let recorded = self.revision()?;
        let several = current.version > recorded.version.saturating_add(PUTS_PER_ROTATION);
        several
            .then(|| recorded.modified.checked_add(ROTATION).ok())
            .flatten()
    }
}

/// How another process's state relates to the one that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Their state contains the same or more; ours is not needed.
    KeepTheirs,
    /// Their state contains less; ours replaces it.
    Overwrite,
    /// Neither supersedes the other; Vault must be read again before deciding.
    Conflict,
}
