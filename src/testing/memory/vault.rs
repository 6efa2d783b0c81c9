//! What Vault in memory answers.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::Memory;
use super::inner::Fields;
use crate::backends::{
    CustomMetadata, MetadataPatchResult, PatchResult, SecretMetadata, Vault, VaultSecret,
    WriteResult,
};
use crate::error::Error;
use crate::keys::{AccessKey, VaultPath};
use crate::snapshot::Cas;
use crate::targets::SecretFields;
use crate::token::{Lifetime, LoginRequest, LoginToken, TokenFacts};

/// The period of the token in seconds.
const PERIOD: u64 = 720 * 3600;

/// Returns the key of a secret in memory: its path, and its namespace if it has one.
fn location(path: &VaultPath) -> String {
    match &path.namespace {
        Some(namespace) => format!("{namespace}:{path}"),
        None => path.to_string(),
    }
}

fn exposed(fields: &SecretFields) -> Fields {
    let exposed = |value: &SecretString| value.expose_secret().to_owned();
    let fields = fields.iter();
    fields
        .map(|(name, value)| (name.to_owned(), exposed(value)))
        .collect()
}

impl Vault for Memory {
    async fn put(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        cas: Cas,
    ) -> Result<WriteResult, Error> {
        let call = self.call("vault-write", &path.path).await?;
        self.check_token(token)?;
        let result = {
            let mut inner = self.inner();
            let path = location(path);
            let versions = inner.vault.entry(path.clone()).or_default();
            if cas != Cas::Unchecked && cas != Cas::Version(versions.len() as u64) {
                return Ok(WriteResult::CasMismatch);
            }
            let version = inner.push_version(&path, exposed(fields));
            WriteResult::Written(version, Some(inner.created_at(&path, version)))
        };
        self.answer(call, result).await
    }

    async fn patch(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        removed: &[String],
        version: u64,
    ) -> Result<PatchResult, Error> {
        let call = self.call("vault-patch", &path.path).await?;
        self.check_token(token)?;
        let result = {
            let mut inner = self.inner();
            let path = location(path);
            if inner.without_patch {
                return Ok(PatchResult::Unsupported);
            }
            let Some(Some(_)) = inner.vault.get(&path).and_then(|all| all.last()) else {
                return Ok(PatchResult::Absent);
            };
            if inner.vault[&path].len() as u64 != version {
                return Ok(PatchResult::CasMismatch);
            }
            let mut secret = inner.secret(&path).unwrap_or_default();
            secret.retain(|name, _| !removed.contains(name));
            secret.extend(exposed(fields));
            let version = inner.push_version(&path, secret);
            PatchResult::Written(version, Some(inner.created_at(&path, version)))
        };
        self.answer(call, result).await
    }

    async fn patch_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
        entries: &CustomMetadata,
    ) -> Result<MetadataPatchResult, Error> {
        let call = self.call("vault-patch_metadata", &path.path).await?;
        self.check_token(token)?;
        {
            let mut inner = self.inner();
            if inner.without_patch {
                return Ok(MetadataPatchResult::Unsupported);
            }
            if !inner.vault.contains_key(&location(path)) {
                return Ok(MetadataPatchResult::Absent);
            }
            let custom = inner.custom_metadata.entry(location(path)).or_default();
            custom.extend(entries.clone());
        }
        self.answer(call, MetadataPatchResult::Done).await
    }

    async fn secret_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
    ) -> Result<SecretMetadata, Error> {
        self.call("vault-metadata", &path.path).await?;
        self.check_token(token)?;
        Ok(self.inner().metadata(&location(path)))
    }

    async fn folder_metadata(
        &self,
        token: &SecretString,
        folder: &VaultPath,
    ) -> Result<Option<HashMap<String, SecretMetadata>>, Error> {
        self.call("vault-list_metadata", &folder.path).await?;
        self.check_token(token)?;
        let inner = self.inner();
        let prefix = format!("{}/", location(folder));
        let secrets = inner.vault.keys().filter_map(|path| {
            let name = path.strip_prefix(&prefix)?;
            Some((name.to_owned(), inner.metadata(path)))
        });
        Ok(inner.lists_metadata.then(|| secrets.collect()))
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error> {
        self.call("vault-read", &path.path).await?;
        self.check_token(token)?;
        Ok(match self.inner().vault.get(&location(path)) {
            None => VaultSecret::Absent,
            Some(versions) => {
                let key = versions.last().cloned().flatten();
                let key = key.and_then(|(id, secret)| AccessKey::new(id, secret.into()).ok());
                VaultSecret::Key(key, versions.len() as u64)
            }
        })
    }

    /// Deletes a version. Like Vault, it succeeds if there is no such version.
    async fn soft_delete(
        &self,
        token: &SecretString,
        path: &VaultPath,
        version: u64,
    ) -> Result<(), Error> {
        let call = self.call("vault-delete", &path.path).await?;
        self.check_token(token)?;
        let index = usize::try_from(version).unwrap() - 1;
        if let Some(versions) = self.inner().vault.get_mut(&location(path))
            && let Some(version) = versions.get_mut(index)
        {
            *version = None;
        }
        self.answer(call, ()).await
    }

    async fn login(&self, _: &LoginRequest) -> Result<LoginToken, Error> {
        let call = self.call("vault-login", "").await?;
        let (token, lease_seconds) = {
            let inner = self.inner();
            (inner.tokens.0.clone().into(), inner.ttl)
        };
        let token = LoginToken {
            token,
            lease_seconds,
        };
        self.answer(call, token).await
    }

    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error> {
        self.call("vault-lookup", "").await?;
        self.check_token(token)?;
        let lifetime = Lifetime {
            ttl_seconds: Some(self.inner().ttl),
            period_seconds: Some(PERIOD),
            explicit_max_ttl_seconds: None,
            creation_ttl_seconds: PERIOD,
            renewable: true,
            shrunk_from: None,
            created_at: Timestamp::now(),
            as_of: Timestamp::now(),
        };
        let policies = vec!["default".to_owned(), "iam-key-sync".to_owned()];
        let mut facts = TokenFacts {
            lifetime,
            batch: false,
            use_limited: false,
            orphan: true,
            policies,
            namespace: None,
            is_of_other_namespace: false,
            bound_cidrs: Vec::new(),
        };
        if let Some(alter) = self.inner().alter {
            alter(&mut facts);
        }
        Ok(facts)
    }

    async fn renew(&self, token: &SecretString) -> Result<u64, Error> {
        let call = self.call("vault-renew", "").await?;
        self.check_token(token)?;
        self.inner().ttl = PERIOD;
        self.answer(call, PERIOD).await
    }
}
