//! The secrets of Vault's KV version 2 engine, and its tokens.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::error::Error;
use crate::keys::{AccessKey, VaultPath};
use crate::snapshot::{Cas, VaultView};
use crate::targets::SecretFields;
use crate::token::{LoginRequest, LoginToken, TokenFacts};

/// The result of a check-and-set write to Vault.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// The secret is written as this version, which was created then.
    Written(u64, Option<Timestamp>),
    /// Vault is at another version than the expected one; nothing was written.
    CasMismatch,
}

/// The result of a check-and-set PATCH of a secret.
#[derive(Debug, PartialEq, Eq)]
pub enum PatchResult {
    /// The secret is changed, as this version, which was created then.
    Written(u64, Option<Timestamp>),
    /// Vault is at another version than the expected one; nothing was written.
    CasMismatch,
    /// The secret does not exist, or its latest version is deleted or destroyed.
    Absent,
    /// The server does not support PATCH (Vault before 1.9).
    Unsupported,
}

/// The result of a PATCH of a secret's metadata.
#[derive(Debug, PartialEq, Eq)]
pub enum MetadataPatchResult {
    /// The metadata is changed.
    Done,
    /// The secret does not exist.
    Absent,
    /// The server does not support PATCH of metadata (Vault before 1.10).
    Unsupported,
}

/// The entries that people and tools attach to a secret.
pub type CustomMetadata = BTreeMap<String, String>;

/// The metadata of a secret.
#[derive(Clone, Debug)]
pub struct SecretMetadata {
    /// The current version.
    pub view: VaultView,
    /// When that version was created, by the clock of Vault. It distinguishes versions of one number:
    /// of a secret that was created anew, and of another server.
    pub created_at: Option<Timestamp>,
    /// Who created that version, if Vault records it (1.21 and later).
    pub created_by: Option<String>,
    /// The entries of `custom_metadata`.
    pub custom: CustomMetadata,
}

impl SecretMetadata {
    /// Returns the metadata of a secret that does not exist.
    pub fn absent() -> Self {
        Self {
            view: VaultView::Absent,
            created_at: None,
            created_by: None,
            custom: CustomMetadata::new(),
        }
    }
}

/// The metadata of many secrets, as folders were listed.
#[derive(Clone, Debug, Default)]
pub struct VaultListing {
    /// The secrets of each folder that was listed, by name.
    pub folders: HashMap<VaultPath, HashMap<String, SecretMetadata>>,
}

impl VaultListing {
    /// Returns the metadata of a secret; `None` if its folder was not listed.
    pub fn get(&self, path: &VaultPath) -> Option<SecretMetadata> {
        let (folder, name) = path.split();
        let secrets = self.folders.get(&folder)?;
        Some(
            secrets
                .get(name)
                .cloned()
                .unwrap_or_else(SecretMetadata::absent),
        )
    }
}

/// A key as stored in Vault.
#[derive(Debug)]
pub enum VaultSecret {
    /// The key and its version; `None` if the current version holds no key (deleted, or of another
    /// shape).
    Key(Option<AccessKey>, u64),
    /// No secret exists.
    Absent,
}

/// Vault's KV version 2 engine and its tokens.
pub trait Vault {
    /// Writes fields as a new version, in place of all others.
    async fn put(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        cas: Cas,
    ) -> Result<WriteResult, Error>;
    /// Changes fields of the secret at this version, and removes others. All other fields are
    /// kept.
    ///
    /// # Errors
    /// [`Error::Denied`] if the policy does not allow it.
    async fn patch(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        removed: &[String],
        version: u64,
    ) -> Result<PatchResult, Error>;
    /// Changes entries of the `custom_metadata` of a secret. All other entries are kept, and no
    /// version is written.
    ///
    /// # Errors
    /// [`Error::Denied`] if the policy does not allow it.
    async fn patch_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
        entries: &CustomMetadata,
    ) -> Result<MetadataPatchResult, Error>;
    /// Reads the metadata of a secret.
    async fn secret_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
    ) -> Result<SecretMetadata, Error>;
    /// Reads the metadata of all secrets in a folder in one call, by the last path segment. Returns
    /// `None` if the server or the token's policy does not allow it.
    async fn folder_metadata(
        &self,
        token: &SecretString,
        folder: &VaultPath,
    ) -> Result<Option<HashMap<String, SecretMetadata>>, Error>;
    /// Reads a key.
    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error>;
    /// Deletes one version so that it can be restored. Deleting it again changes nothing.
    async fn soft_delete(
        &self,
        token: &SecretString,
        path: &VaultPath,
        version: u64,
    ) -> Result<(), Error>;
    /// Logs in with an AWS identity.
    async fn login(&self, request: &LoginRequest) -> Result<LoginToken, Error>;
    /// Looks up the token's properties and remaining lifetime.
    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error>;
    /// Renews the token; returns its new lifetime in seconds.
    async fn renew(&self, token: &SecretString) -> Result<u64, Error>;
}
