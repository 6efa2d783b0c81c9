//! The bodies of responses, in types that show no secret.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::writes::NewVersion;
use crate::backends::{CustomMetadata, SecretMetadata, VaultSecret};
use crate::keys::AccessKey;
use crate::snapshot::VaultView;
use crate::token::{Lifetime, TokenFacts};

/// Maximum number of characters of an actor that a message shows.
const MAX_ACTOR: usize = 128;

/// A renewal.
#[derive(Deserialize)]
pub(super) struct Renewal {
    pub(super) auth: Option<RenewedAuth>,
}

#[derive(Deserialize)]
pub(super) struct RenewedAuth {
    pub(super) lease_duration: u64,
}

/// A secret as read.
#[derive(Deserialize)]
pub(super) struct SecretResponse {
    data: Option<StoredFields>,
    metadata: NewVersion,
}

#[derive(Deserialize)]
struct StoredFields {
    #[serde(rename = "accessKeyId", default)]
    id: Option<String>,
    #[serde(rename = "secretAccessKey", default)]
    secret: Option<SecretString>,
}

impl SecretResponse {
    pub(super) fn into_secret(self) -> VaultSecret {
        let key = self
            .data
            .and_then(|fields| AccessKey::new(fields.id?, fields.secret?).ok());
        VaultSecret::Key(key, self.metadata.version)
    }
}

/// The metadata of all secrets in a folder, from `detailed-metadata`. OpenBao offers it, HashiCorp
/// Vault does not.
#[derive(Deserialize)]
pub(super) struct FolderMetadata {
    #[serde(deserialize_with = "secrets")]
    key_info: HashMap<String, MetadataResponse>,
}

/// Parses the metadata of secrets, and leaves out folders, which have a slash at the end of their
/// name and no metadata.
fn secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<HashMap<String, MetadataResponse>, D::Error> {
    let all = HashMap::<String, Box<RawValue>>::deserialize(deserializer)?;
    let secrets = all.into_iter().filter(|(name, _)| !name.ends_with('/'));
    let parse = |(name, text): (_, Box<RawValue>)| {
        let metadata = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok((name, metadata))
    };
    secrets.map(parse).collect()
}

impl FolderMetadata {
    pub(super) fn into_secrets(self, now: Timestamp) -> HashMap<String, SecretMetadata> {
        self.key_info
            .into_iter()
            .map(|(name, metadata)| (name, metadata.into_metadata(now)))
            .collect()
    }
}

/// The metadata of a secret.
#[derive(Deserialize)]
pub(super) struct MetadataResponse {
    current_version: u64,
    versions: HashMap<String, VersionMetadata>,
    #[serde(default)]
    custom_metadata: Option<CustomMetadata>,
}

#[derive(Deserialize)]
struct VersionMetadata {
    #[serde(default)]
    created_time: String,
    #[serde(default)]
    created_by: Value,
    deletion_time: String,
    destroyed: bool,
}

impl MetadataResponse {
    /// Returns the state of the secret's current version.
    pub(super) fn into_metadata(self, now: Timestamp) -> SecretMetadata {
        let version = self.current_version;
        let current = self.versions.get(&version.to_string());
        let readable = current
            .is_some_and(|current| !current.destroyed && !is_past(&current.deletion_time, now));
        SecretMetadata {
            view: VaultView::of_version(version, readable),
            created_at: current.and_then(|current| current.created_time.parse().ok()),
            created_by: current.and_then(|current| actor(&current.created_by)),
            custom: self.custom_metadata.unwrap_or_default(),
        }
    }
}

/// Returns the actor of a version, as a message may show it
/// (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-metadata>).
fn actor(created_by: &Value) -> Option<String> {
    let actor = created_by.get("actor")?.as_str()?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._:#+-@/".contains(c);
    let shown = actor.chars().take(MAX_ACTOR);
    let shown = shown.map(|c| if is_allowed(c) { c } else { '?' });
    Some(shown.collect::<String>()).filter(|actor| !actor.is_empty())
}

/// Returns the version in the body of a 404, which Vault sends for a deleted current version.
pub(super) fn deleted_version(body: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(body)
        .ok()?
        .pointer("/data/metadata/version")?
        .as_u64()
}

/// Returns true if a `deletion_time` (empty: none) is not after `now`. An invalid time counts as
/// past, because writing a key once more is safe.
pub(super) fn is_past(deletion_time: &str, now: Timestamp) -> bool {
    !deletion_time.is_empty() && !deletion_time.parse::<Timestamp>().is_ok_and(|at| at > now)
}

/// The token's properties
/// (<https://developer.hashicorp.com/vault/api-docs/auth/token#lookup-a-token-self>).
#[derive(Deserialize)]
pub(super) struct TokenLookup {
    ttl: u64,
    #[serde(default)]
    period: Option<u64>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    explicit_max_ttl: u64,
    #[serde(default)]
    renewable: Option<bool>,
    creation_time: i64,
    creation_ttl: u64,
    #[serde(default)]
    issue_time: Value,
    #[serde(default)]
    last_renewal: Value,
    #[serde(default)]
    expire_time: Value,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    num_uses: i64,
    #[serde(default)]
    orphan: bool,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    identity_policies: Option<Vec<String>>,
    #[serde(default)]
    namespace_path: Option<String>,
    #[serde(default)]
    bound_cidrs: Option<Vec<String>>,
}

impl TokenLookup {
    /// Returns the facts for a service that is configured for this namespace.
    pub(super) fn into_facts(self, configured: Option<&str>) -> TokenFacts {
        // For a token of a role Vault reports the role's name, not its period, and applies the
        // period at each renewal. Such a token counts as periodic; a role without a period shows
        // when a renewal no longer gives the full lifetime. For other tokens Vault reports the
        // period at creation, although that of an AppRole applies as well.
        let role_period = self
            .role
            .as_ref()
            .is_some_and(|role| !role.is_empty())
            .then_some(self.creation_ttl);
        let period = self.period.or(role_period).filter(|period| *period > 0);
        let period = period.map(|period| self.granted_seconds().unwrap_or(period));
        let namespace = self
            .namespace_path
            .as_deref()
            .map(|name| name.trim_matches('/'));
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        let is_of_other_namespace =
            namespace.is_some_and(|own| !is_within(configured.unwrap_or_default(), own));
        let namespace = namespace.map(str::to_owned);
        let lifetime = Lifetime {
            // A ttl of 0 means that the token never expires; Vault rejects an expired token.
            ttl_seconds: Some(self.ttl).filter(|ttl| *ttl > 0),
            period_seconds: period,
            explicit_max_ttl_seconds: Some(self.explicit_max_ttl).filter(|ttl| *ttl > 0),
            creation_ttl_seconds: self.creation_ttl,
            renewable: self.renewable.unwrap_or(false),
            shrunk_from: None,
            created_at: Timestamp::from_second(self.creation_time).unwrap_or(Timestamp::UNIX_EPOCH),
            as_of: Timestamp::now(),
        };
        let policies = self.policies.into_iter().chain(self.identity_policies);
        TokenFacts {
            lifetime,
            batch: self.kind.as_deref() == Some("batch"),
            use_limited: self.num_uses > 0,
            orphan: self.orphan,
            policies: policies.flatten().collect(),
            namespace,
            is_of_other_namespace,
            bound_cidrs: self.bound_cidrs.unwrap_or_default(),
        }
    }

    /// Returns the lifetime in seconds that the creation or the last renewal gave, by Vault's clock.
    fn granted_seconds(&self) -> Option<u64> {
        let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
        let start = time(&self.last_renewal).or_else(|| time(&self.issue_time))?;
        let granted = time(&self.expire_time)?.duration_since(start);
        u64::try_from((granted.as_millis() + 500) / 1000).ok()
    }
}

/// Returns true if a namespace is `parent` or below it. A token acts in its namespace and below.
fn is_within(namespace: &str, parent: &str) -> bool {
    let rest = namespace.trim_matches('/').strip_prefix(parent);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
