//! The external services: one trait per service, and the adapters that call the real ones.
//!
//! The pipeline knows only the traits; `context::connect` chooses the adapters. Adapters translate
//! requests and errors; they make no decisions.

mod aws;
pub mod diagnostics;
mod objects;
pub mod parameters;
pub mod roster;
pub mod state;
pub mod tokens;
pub mod vault;

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::SecretString;

use diagnostics::{Credentials, Probe, Server};

use crate::error::Error;
use crate::keys::{AccessKey, ParameterName, ParameterNaming, UserName, VaultPath};
use crate::snapshot::{Cas, ParameterReading, ReconcileRecord, SecretMetadata, UserState};
use crate::token::{TokenFacts, TokenObject};

/// Maximum number of characters of a code or a version that a message shows.
const MAX_WORD: usize = 64;

/// Returns a service's code or version as a message may show it: other characters could hide text
/// on a terminal, or forge a line.
fn word(text: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._:#+-".contains(c);
    let shown = text.chars().take(MAX_WORD);
    shown.map(|c| if is_allowed(c) { c } else { '?' }).collect()
}

/// A page of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// The items on this page.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// Parameter Store.
pub trait Parameters {
    /// Reads a parameter. A failure is part of the result.
    async fn read(&self, name: &ParameterName) -> ParameterReading;
    /// Lists the parameters of users, starting at page `from`. Leaves out parameters without a
    /// user.
    async fn page(
        &self,
        naming: &ParameterNaming,
        from: Option<String>,
    ) -> Result<Page<(UserName, ParameterReading)>, Error>;
}

/// The `ETag` of an S3 object; opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(pub String);

/// A state object as loaded.
#[derive(Clone, Debug, Default)]
pub struct StoredState {
    /// The recorded state; `None` if there is no object or it is damaged.
    pub state: Option<UserState>,
    /// The version to match in the next conditional write; `None` if there is no object of ours.
    pub etag: Option<Etag>,
    /// True if an object exists but cannot be parsed.
    pub damaged: bool,
}

/// The result of a conditional write.
#[derive(Debug, PartialEq, Eq)]
pub enum PutResult {
    /// The object is written and now has this version.
    Saved(Etag),
    /// Another process wrote the object in the meantime; nothing was written.
    PreconditionFailed,
}

/// The recorded state of users.
pub trait States {
    /// Reads a user's state, with the legacy state as a fallback.
    async fn load(&self, user: &UserName) -> Result<StoredState, Error>;
    /// Writes a user's state if it still has the version `if_match` (`None`: if no object exists).
    async fn save(
        &self,
        user: &UserName,
        state: &UserState,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error>;
    /// Lists the names of users with a state, starting at page `from`.
    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error>;
}

/// The record of the last reconcile run.
pub trait ReconcileRecords {
    /// Reads the record and its version. A damaged record counts as absent but keeps its version.
    async fn load_record(&self) -> Result<(Option<ReconcileRecord>, Option<Etag>), Error>;
    /// Writes the record if it still has the version `if_match` (`None`: if no object exists).
    async fn save_record(
        &self,
        run: &ReconcileRecord,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error>;
}

/// The token object.
pub trait Tokens {
    /// Reads the stored token and the object's version.
    async fn load(&self) -> Result<(TokenObject, Etag), Error>;
    /// Returns the object's version whatever it contains; `None` if there is no object.
    async fn version(&self) -> Result<Option<Etag>, Error>;
    /// Writes the token object if it still has the version `if_match` (`None`: if none exists).
    async fn save(&self, object: &TokenObject, if_match: Option<&Etag>)
    -> Result<PutResult, Error>;
}

/// The result of a check-and-set write to Vault.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// The secret is written as this version, which was created then.
    Written(u64, Option<Timestamp>),
    /// Vault is at another version than the expected one; nothing was written.
    CasMismatch,
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
    /// Writes a key.
    async fn write(
        &self,
        token: &SecretString,
        path: &VaultPath,
        user: &UserName,
        key: &AccessKey,
        cas: Cas,
    ) -> Result<WriteResult, Error>;
    /// Reads the current version from the metadata.
    async fn metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
    ) -> Result<SecretMetadata, Error>;
    /// Reads the metadata of all keys below a folder in one call, by the last path segment. Returns
    /// `None` if the server or the token's policy does not allow it.
    async fn list_metadata(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
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
    /// Looks up the token's properties and remaining lifetime.
    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error>;
    /// Renews the token; returns its new lifetime in seconds.
    async fn renew(&self, token: &SecretString) -> Result<u64, Error>;
}

/// The platform's list of users.
pub trait Roster {
    /// Returns true if the user is on the roster.
    async fn contains(&self, user: &UserName) -> Result<bool, Error>;
    /// Lists the names on the roster, starting at page `from`.
    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error>;
}

/// The set of adapters that a context works with.
pub trait Backends {
    /// Parameter Store.
    type Parameters: Parameters;
    /// The recorded state.
    type States: States + ReconcileRecords + Probe;
    /// The token object.
    type Tokens: Tokens;
    /// Vault.
    type Vault: Vault + Server + Credentials;
    /// The roster.
    type Roster: Roster;
}
