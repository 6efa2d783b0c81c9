//! What the backends in memory hold, and what they are to do.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::fault::CallFault;
use super::secret_path;
use crate::backends::diagnostics::{Encryption, Health};
use crate::backends::{CustomMetadata, Etag, PutResult, SecretMetadata};
use crate::error::Error;
use crate::snapshot::{ReconcileRecord, Revision, SecretRecord, UserState, VaultView};
use crate::token::TokenFacts;

/// The name of a call, and what another process changes right before it.
pub type BeforeCall = (&'static str, Box<dyn Fn(&mut Inner)>);

/// The name of a call, and the error that it returns.
pub type CallError = (&'static str, fn() -> Error);

/// The versions of a secret, oldest first: id and secret of the key, or `None` if deleted.
pub type Versions = Vec<Option<(String, String)>>;

/// The fields of a secret.
pub type Fields = BTreeMap<String, String>;

/// Everything that the backends hold. A test reads and changes it between calls.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent switch"
)]
pub struct Inner {
    /// The parameters, by name: value and revision.
    pub parameters: BTreeMap<String, (String, Revision)>,
    /// The state objects, by user: state and version.
    pub states: BTreeMap<String, (UserState, u64)>,
    /// The targets document, and its version.
    pub document: Option<(String, u64)>,
    /// The users whose state object is damaged until it is written again.
    pub damaged: Vec<String>,
    /// The record of the last reconcile run, and its version.
    pub record: Option<(ReconcileRecord, u64)>,
    /// Whether the next write of the record, the token or the document is answered as if it had
    /// failed.
    pub lose_answer: bool,
    /// The engine and version that are mounted in Vault; `None` for KV version 2.
    pub mounted: Option<(&'static str, Option<&'static str>)>,
    /// Whether Vault lists the metadata of all keys in one call.
    pub lists_metadata: bool,
    /// The states of the legacy service, by user.
    pub legacy: BTreeMap<String, SecretRecord>,
    /// The number of the server: its versions have times of their own.
    pub server: u64,
    /// The secrets, by path.
    pub vault: BTreeMap<String, Versions>,
    /// The fields of the versions that hold others than those of a key alone, by path and version.
    pub fields: BTreeMap<(String, u64), Fields>,
    /// The `custom_metadata` of the secrets, by path.
    pub custom_metadata: BTreeMap<String, CustomMetadata>,
    /// Whether Vault is too old for PATCH.
    pub without_patch: bool,
    /// The users on the roster.
    pub roster: Vec<String>,
    /// The token that Vault accepts, and the one that is stored; empty if none is stored.
    pub tokens: (String, String),
    /// More tokens that Vault accepts.
    pub other_tokens: Vec<String>,
    /// What wrapping tokens hold: the creation path, and the token, if there is one.
    pub wrapped: BTreeMap<String, (String, Option<String>)>,
    /// The tokens that were revoked.
    pub revoked: Vec<String>,
    /// Changes the facts of the token.
    pub alter: Option<fn(&mut TokenFacts)>,
    /// The capabilities of the token on paths, instead of those of the documented policy.
    pub capabilities: Vec<(&'static str, &'static [&'static str])>,
    /// The health of Vault; `None` if it is healthy.
    pub health: Option<Health>,
    /// Whether conditional writes ignore their condition.
    pub unconditional: bool,
    /// How the bucket encrypts.
    pub encryption: Encryption,
    /// The remaining lifetime of the token in seconds.
    pub ttl: u64,
    /// Errors of the next calls of a name, each once, before the call takes effect.
    pub faults: Vec<CallError>,
    /// What other processes change, once, right before the next call of a name.
    pub before_call: Vec<BeforeCall>,
    /// Faults by the number of the call, from 0.
    pub call_faults: BTreeMap<usize, CallFault>,
    /// The seconds that calls take, in turn; empty for one second each.
    pub latencies: Vec<u8>,
    /// A call that takes so many seconds more.
    pub slow: Option<(&'static str, u64)>,
    /// The call whose last page leads back to the first one.
    pub endless_listing: Option<&'static str>,
    /// Whether the process was killed: no call returns any more.
    pub killed: bool,
    /// The calls that were made: name and subject.
    pub calls: Vec<String>,
    etags: u64,
}

impl Inner {
    /// Returns the first record of a user's state, to change it, and the version of the state.
    pub fn record_of(&mut self, user: &str) -> (&mut SecretRecord, &mut u64) {
        let (state, etag) = self.states.get_mut(user).unwrap();
        (&mut state.records[0], etag)
    }

    /// Returns when a version was created: another time for each version of each secret and server.
    pub fn created_at(&self, path: &str, version: u64) -> Timestamp {
        let path = path.bytes().map(u64::from).sum::<u64>();
        let seconds = self.server * 1_000_000 + path * 100 + version;
        Timestamp::from_second(seconds.try_into().unwrap()).unwrap()
    }

    /// Returns the versions of a user's secret, to change them.
    pub fn versions(&mut self, user: &str) -> &mut Versions {
        self.vault.entry(secret_path(user)).or_default()
    }

    /// Writes a version to a user's secret, as an operator would.
    pub fn write_by_hand(&mut self, user: &str) {
        self.versions(user)
            .push(Some(("BY-HAND".to_owned(), "by-hand".to_owned())));
    }

    /// Returns the fields of the latest version of a secret, if it is not deleted.
    pub fn secret(&self, path: &str) -> Option<Fields> {
        let versions = self.vault.get(path)?;
        let (id, secret) = versions.last()?.clone()?;
        let fields = self.fields.get(&(path.to_owned(), versions.len() as u64));
        Some(fields.cloned().unwrap_or_else(|| {
            let fields = [("accessKeyId", id), ("secretAccessKey", secret)];
            fields.map(|(name, value)| (name.to_owned(), value)).into()
        }))
    }

    /// Returns the metadata of a secret.
    pub fn metadata(&self, path: &str) -> SecretMetadata {
        let Some(versions) = self.vault.get(path) else {
            return SecretMetadata::absent();
        };
        let version = versions.len() as u64;
        let is_readable = versions.last().is_some_and(Option::is_some);
        SecretMetadata {
            view: VaultView::of_version(version, is_readable),
            created_at: Some(self.created_at(path, version)),
            created_by: None,
            custom: self.custom_metadata.get(path).cloned().unwrap_or_default(),
        }
    }

    /// Adds a version to a secret and returns its number.
    pub fn push_version(&mut self, path: &str, fields: Fields) -> u64 {
        let field = |name| fields.get(name).cloned().unwrap_or_default();
        let key = (field("accessKeyId"), field("secretAccessKey"));
        let versions = self.vault.entry(path.to_owned()).or_default();
        versions.push(Some(key));
        let version = versions.len() as u64;
        self.fields.insert((path.to_owned(), version), fields);
        version
    }

    pub fn next_etag(&mut self) -> u64 {
        self.etags += 1;
        self.etags
    }

    /// Returns the answer to a conditional write that took effect.
    pub(super) fn saved_as(&mut self, etag: String) -> PutResult {
        if std::mem::take(&mut self.lose_answer) {
            PutResult::PreconditionFailed
        } else {
            PutResult::Saved(Etag(etag))
        }
    }
}
