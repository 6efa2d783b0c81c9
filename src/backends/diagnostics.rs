//! What is asked of the outside only to examine it, or to store a new token: never on the way of a key.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::error::Error;

/// How Vault's server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it serves.
    pub condition: ServerState,
    /// Its version.
    pub version: String,
    /// Its clock, to the second.
    pub clock: Option<Timestamp>,
}

/// Whether a server of Vault serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Nobody has set it up yet.
    NotInitialized,
    /// It is sealed, and serves nothing.
    Sealed,
    /// It only replicates for disaster recovery, and serves nothing.
    Recovery,
    /// It passes requests on to the active server.
    Standby,
    /// It serves.
    Active,
}

/// Vault's server, without any token.
pub trait Server {
    /// Asks how it is; an answer that it cannot serve is an answer.
    async fn health(&self) -> Result<Health, Error>;
}

/// What is known of a token that wraps an answer of Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapping {
    /// The path whose answer is wrapped.
    pub creation_path: String,
}

/// What is mounted somewhere in Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The kind of engine, such as `kv`.
    pub engine: String,
    /// The version of a KV engine, where it tells one.
    pub version: Option<String>,
}

/// What may be done with a token, and its exchange for the one that it wraps.
pub trait Credentials {
    /// Asks what the token may do on these paths.
    async fn capabilities(
        &self,
        token: &SecretString,
        paths: &[String],
    ) -> Result<HashMap<String, Vec<String>>, Error>;
    /// Asks what is mounted at a path, which is told to whoever has any right below it.
    async fn mount(&self, token: &SecretString, path: &str) -> Result<Mount, Error>;
    /// Asks what the text wraps, without using it up; `None` when it is no living wrapping token.
    async fn wrapping(&self, candidate: &SecretString) -> Result<Option<Wrapping>, Error>;
    /// Exchanges a wrapping token, once, for the token in the answer that it wraps; `None` when there is none in it.
    async fn unwrap(&self, wrapping: &SecretString) -> Result<Option<SecretString>, Error>;
    /// Ends the token's life.
    async fn revoke(&self, token: &SecretString) -> Result<(), Error>;
}

/// How S3 encrypts what we write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all, as far as it tells.
    #[default]
    None,
    /// With keys of its own.
    Managed,
    /// With this key of KMS; empty where it does not say which.
    Kms(String),
}

/// What came of a conditional write for real.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Whether every write whose condition did not hold was refused.
    pub conditions_hold: bool,
    /// How the object was encrypted.
    pub encryption: Encryption,
}

/// The state's bucket, tried out.
pub trait Probe {
    /// Writes a probe object, then tries to write it under conditions that do not hold.
    async fn probe(&self) -> Result<Probed, Error>;
}
