//! The outside ctx, one trait per thing that we talk to, and the adapters that talk to the real ones.
//!
//! The pipeline knows the traits only; `live` chooses the adapters. Adapters translate, they decide nothing.

mod aws;
pub mod diagnostics;
mod objects;
pub mod parameters;
pub mod roster;
pub mod state;
pub mod tokens;
pub mod vault;

use std::collections::HashMap;

use secrecy::SecretString;

use diagnostics::{Credentials, Probe, Server};

use crate::error::Error;
use crate::keys::{AccessKey, ParameterName, ParameterNaming, UserName, VaultPath};
use crate::snapshot::{Cas, ParameterReading, ReconcileRecord, UserState, VaultView};
use crate::token::{TokenFacts, TokenObject};

/// A page of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

/// Parameter Store.
pub trait Parameters {
    /// Reads a parameter; whatever goes wrong is part of the answer.
    async fn read(&self, name: &ParameterName) -> ParameterReading;
    /// Lists the parameters of users, from a place on; those of nobody are left out.
    async fn page(
        &self,
        naming: &ParameterNaming,
        from: Option<String>,
    ) -> Result<Page<(UserName, ParameterReading)>, Error>;
}

/// The version of an S3 object, opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(pub String);

/// A state object as it was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What it says; `None` when there is none or it is damaged.
    pub state: Option<UserState>,
    /// Its version, for the next conditional write; `None` when there is no object of our own.
    pub etag: Option<Etag>,
    /// Whether there is an object that cannot be understood.
    pub damaged: bool,
}

/// How a conditional write ended.
#[derive(Debug, PartialEq, Eq)]
pub enum PutResult {
    /// The object is written, and has this version now.
    Saved(Etag),
    /// Somebody else wrote it meanwhile; nothing was written.
    PreconditionFailed,
}

/// The recorded state of users.
pub trait States {
    /// Reads a user's state, with the legacy's as a fallback.
    async fn load(&self, user: &UserName) -> Result<Found, Error>;
    /// Writes a user's state where it still has the version `over` (`None`: where there is none).
    async fn save(&self, state: &UserState, if_match: Option<&Etag>) -> Result<PutResult, Error>;
    /// Lists the names of those who have a state, from a place on.
    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error>;
}

/// The record of the last sweep.
pub trait Runs {
    /// Reads the record and its version; a damaged one is taken as absent, with its version.
    async fn load_run(&self) -> Result<(Option<ReconcileRecord>, Option<Etag>), Error>;
    /// Writes the record where it still has the version `over` (`None`: where there is none).
    async fn save_run(
        &self,
        run: &ReconcileRecord,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error>;
}

/// The token object.
pub trait Tokens {
    /// Reads the stored token and the object's version.
    async fn load(&self) -> Result<(TokenObject, Etag), Error>;
    /// Tells the object's version, whatever it holds; `None` where there is no object.
    async fn version(&self) -> Result<Option<Etag>, Error>;
    /// Writes the token object where it still has the version `over` (`None`: where there is none).
    async fn save(&self, object: &TokenObject, if_match: Option<&Etag>)
    -> Result<PutResult, Error>;
}

/// How a guarded write to Vault ended.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// The secret is written, at this version.
    Written(u64),
    /// Vault is at another version than the guard says; nothing was written.
    CasMismatch,
}

/// A key as it stands in Vault.
#[derive(Debug)]
pub enum VaultSecret {
    /// This key, at this version; `None` when the current version holds no key (deleted, or of another shape).
    Key(Option<AccessKey>, u64),
    /// No secret.
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
    async fn metadata(&self, token: &SecretString, path: &VaultPath) -> Result<VaultView, Error>;
    /// Reads the metadata of all keys below a folder at once, by the last part of their path; `None` where the server
    /// or the token's policy does not offer that.
    async fn list_metadata(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
    ) -> Result<Option<HashMap<String, VaultView>>, Error>;
    /// Reads a key.
    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error>;
    /// Deletes one version, recoverable. Deleting it again changes nothing.
    async fn soft_delete(
        &self,
        token: &SecretString,
        path: &VaultPath,
        version: u64,
    ) -> Result<(), Error>;
    /// Asks what the token is, and what is left of it.
    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error>;
    /// Renews the token; returns the seconds that it lives from now.
    async fn renew(&self, token: &SecretString) -> Result<u64, Error>;
}

/// The platform's list of users.
pub trait Roster {
    /// Whether the user is on it.
    async fn lists(&self, user: &UserName) -> Result<bool, Error>;
    /// Lists the names on it, from a place on.
    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error>;
}

/// Which stores make up a ctx.
pub trait Backends {
    /// Parameter Store.
    type Parameters: Parameters;
    /// The recorded state.
    type States: States + Runs + Probe;
    /// The token object.
    type Tokens: Tokens;
    /// Vault.
    type Vault: Vault + Server + Credentials;
    /// The roster.
    type Roster: Roster;
}
