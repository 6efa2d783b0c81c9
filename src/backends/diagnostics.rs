//! Calls that only the doctor and the token import make; none is part of a key's sync.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::error::Error;

/// The health of a Vault server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether the server handles requests.
    pub state: ServerState,
    /// The server's version.
    pub version: String,
    /// The server's clock, to the second.
    pub clock: Option<Timestamp>,
}

/// Whether a Vault server handles requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Not initialized yet.
    NotInitialized,
    /// Sealed; handles no requests.
    Sealed,
    /// A disaster-recovery secondary, which only replicates; handles no requests.
    Recovery,
    /// Forwards requests to the active server.
    Standby,
    /// Handles requests.
    Active,
}

/// Calls to the Vault server that need no token.
pub trait Server {
    /// Reads the server's health. A server that handles no requests is a valid result.
    async fn health(&self) -> Result<Health, Error>;
}

/// The properties of a wrapping token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapping {
    /// The path whose response is wrapped.
    pub creation_path: String,
}

/// What a wrapping token wrapped.
#[derive(Debug, Default)]
pub struct Unwrapped {
    /// The token of a login or of its creation.
    pub token: Option<SecretString>,
    /// The secret id of an AppRole.
    pub secret_id: Option<SecretString>,
}

/// A secrets engine mounted in Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The type of engine, such as `kv`.
    pub engine: String,
    /// The version of a KV engine, if the server reports one.
    pub version: Option<String>,
}

/// Calls about tokens: their capabilities, unwrapping and revocation.
pub trait Credentials {
    /// Reads the token's capabilities on these paths of a namespace.
    async fn capabilities(
        &self,
        token: &SecretString,
        namespace: Option<&str>,
        paths: &[String],
    ) -> Result<HashMap<String, Vec<String>>, Error>;
    /// Reads what is mounted at a path of a namespace. Vault answers any token with a capability
    /// below that path.
    async fn mount(
        &self,
        token: &SecretString,
        namespace: Option<&str>,
        path: &str,
    ) -> Result<Mount, Error>;
    /// Looks up a wrapping token without using it up; `None` if it is not a valid wrapping token.
    async fn wrapping(&self, candidate: &SecretString) -> Result<Option<Wrapping>, Error>;
    /// Exchanges a wrapping token, once, for what it wraps.
    async fn unwrap(&self, wrapping: &SecretString) -> Result<Unwrapped, Error>;
    /// Logs in with an AppRole; `None` if Vault refuses role id or secret id.
    async fn approle_login(
        &self,
        mount: &str,
        role_id: &str,
        secret_id: &SecretString,
    ) -> Result<Option<SecretString>, Error>;
    /// Revokes the token.
    async fn revoke(&self, token: &SecretString) -> Result<(), Error>;
}

/// How S3 encrypts an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Not encrypted, or not reported.
    #[default]
    None,
    /// With keys managed by S3.
    Managed,
    /// With this KMS key; empty if S3 does not report which.
    Kms(String),
}

/// The result of probing conditional writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    /// True if every write whose condition did not hold was rejected.
    pub conditions_hold: bool,
    /// How the probe object was encrypted.
    pub encryption: Encryption,
}

/// A probe of the state's bucket.
pub trait Probe {
    /// Writes a probe object, then tries to overwrite it under conditions that do not hold.
    async fn probe(&self) -> Result<ProbeResult, Error>;
}
