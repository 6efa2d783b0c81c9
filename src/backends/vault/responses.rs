//! The responses that vaultrs lacks, in types that show no secret.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use vaultrs::api::kv2::responses::ReadSecretMetadataResponse;

use crate::backends::{SecretMetadata, VaultSecret};
use crate::keys::AccessKey;
use crate::snapshot::VaultView;
use crate::token::{Lifetime, TokenFacts};

/// A secret as read. vaultrs's own type holds it in a `Value`, which can be shown.
#[derive(Deserialize)]
pub(super) struct SecretResponse {
    data: Option<KeyFields>,
    metadata: SecretVersion,
}

#[derive(Deserialize)]
struct KeyFields {
    #[serde(rename = "accessKeyId", default)]
    id: Option<String>,
    #[serde(rename = "secretAccessKey", default)]
    secret: Option<SecretString>,
}

#[derive(Deserialize)]
struct SecretVersion {
    version: u64,
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
    key_info: HashMap<String, ReadSecretMetadataResponse>,
}

/// Parses the metadata of secrets, and leaves out folders, which have a slash at the end of their
/// name and no metadata.
fn secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<HashMap<String, ReadSecretMetadataResponse>, D::Error> {
    let all = HashMap::<String, Box<RawValue>>::deserialize(deserializer)?;
    let secrets = all.into_iter().filter(|(name, _)| !name.ends_with('/'));
    let parse = |(name, text): (_, Box<RawValue>)| {
        Ok((
            name,
            serde_json::from_str(text.get()).map_err(D::Error::custom)?,
        ))
    };
    secrets.map(parse).collect()
}

impl FolderMetadata {
    pub(super) fn into_secrets(self, now: Timestamp) -> HashMap<String, SecretMetadata> {
        self.key_info
            .into_iter()
            .map(|(name, response)| (name, metadata(response, now)))
            .collect()
    }
}

/// Returns the metadata of a secret.
pub(super) fn metadata(response: ReadSecretMetadataResponse, now: Timestamp) -> SecretMetadata {
    SecretMetadata {
        view: view(&response, now),
        custom: response.custom_metadata.into_iter().flatten().collect(),
    }
}

/// Returns the state of a secret's current version.
fn view(metadata: &ReadSecretMetadataResponse, now: Timestamp) -> VaultView {
    let version = metadata.current_version;
    let current = metadata.versions.get(&version.to_string());
    let readable =
        current.is_some_and(|current| !current.destroyed && !is_past(&current.deletion_time, now));
    VaultView::of_version(version, readable)
}

/// Returns the version in the body of a 404, which Vault sends for a deleted current version.
pub(super) fn deleted_version(body: &str) -> Option<u64> {
    serde_json::from_str::<Value>(body)
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
/// vaultrs's own type lacks the period, which decides whether renewals keep a token valid forever.
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
}

impl TokenLookup {
    pub(super) fn into_facts(self) -> TokenFacts {
        // For a token of a role Vault reports the role's name, not its period, and applies the
        // period at each renewal. Such a token counts as periodic; a role without a period shows
        // when a renewal no longer gives the full lifetime.
        let role_period = self
            .role
            .is_some_and(|role| !role.is_empty())
            .then_some(self.creation_ttl);
        let lifetime = Lifetime {
            // A ttl of 0 means that the token never expires; Vault rejects an expired token.
            ttl_seconds: Some(self.ttl).filter(|ttl| *ttl > 0),
            period_seconds: self.period.or(role_period).filter(|period| *period > 0),
            explicit_max_ttl_seconds: Some(self.explicit_max_ttl).filter(|ttl| *ttl > 0),
            creation_ttl_seconds: self.creation_ttl,
            renewable: self.renewable.unwrap_or(false),
            renewed: false,
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
        }
    }
}
