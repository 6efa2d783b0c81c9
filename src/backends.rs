//! The external services: one trait per service, and the adapters that call the real ones.
//!
//! The pipeline knows only the traits; `context::connect` chooses the adapters. Adapters translate
//! requests and errors; they make no decisions.

mod aws;
pub mod diagnostics;
pub mod documents;
#[cfg(feature = "cli")]
pub mod event_path;
pub mod identity;
#[cfg(feature = "cli")]
pub mod key_usage;
mod objects;
#[cfg(feature = "cli")]
pub mod parameter_writer;
pub mod parameters;
pub mod roster;
mod secrets;
pub mod state;
pub mod tokens;
pub mod vault;

#[cfg(feature = "cli")]
pub use event_path::{EventPath, FunctionCheck, Mapping};
#[cfg(feature = "cli")]
pub use key_usage::LastUse;
#[cfg(feature = "cli")]
pub use parameter_writer::ParameterWriter;
pub use secrets::{
    CustomMetadata, MetadataPatchResult, PatchResult, SecretMetadata, Vault, VaultListing,
    VaultSecret, WriteResult,
};

use diagnostics::{Credentials, Probe, Server};

use crate::error::Error;
use crate::keys::{ParameterName, ParameterNaming, UserName};
use crate::snapshot::{ParameterReading, ReconcileRecord, UserState};
use crate::token::{LoginRequest, TokenObject};

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

/// The AWS identity of this process.
pub trait Identity {
    /// Signs a login to Vault, which is valid for 15 minutes. Nothing is sent, except what it takes
    /// to get credentials.
    async fn login_request(&self) -> Result<LoginRequest, Error>;
}

/// What was read of the targets document.
#[derive(Debug)]
pub enum DocumentReading {
    /// There is none.
    Absent,
    /// It still has the version that is known.
    Unchanged,
    /// Its text, and its version if it has one.
    Document(Vec<u8>, Option<Etag>),
}

/// The targets document.
pub trait TargetDocuments {
    /// Reads the document, unless it still has the version `known`.
    async fn load(&self, known: Option<&Etag>) -> Result<DocumentReading, Error>;
    /// Writes the document if it still has the version `if_match` (`None`: if none exists).
    async fn save(&self, text: Vec<u8>, if_match: Option<&Etag>) -> Result<PutResult, Error>;
    /// Returns where the document is, for messages.
    fn address(&self) -> String;
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
    /// The AWS identity, for a login to Vault.
    type Identity: Identity;
    /// Vault.
    type Vault: Vault + Server + Credentials;
    /// The roster.
    type Roster: Roster;
    /// The targets document.
    type Documents: TargetDocuments;
}
