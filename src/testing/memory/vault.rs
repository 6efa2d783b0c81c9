//! What Vault in memory answers.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::Memory;
use crate::backends::{Vault, VaultSecret, WriteResult};
use crate::error::Error;
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{Cas, SecretMetadata};
use crate::token::{Lifetime, TokenFacts};

/// The period of the token in seconds.
const PERIOD: u64 = 720 * 3600;

impl Vault for Memory {
    async fn write(
        &self,
        token: &SecretString,
        path: &VaultPath,
        _: &UserName,
        key: &AccessKey,
        cas: Cas,
    ) -> Result<WriteResult, Error> {
        let call = self.call("vault-write", &path.path).await?;
        self.check_token(token)?;
        let version = {
            let mut inner = self.inner();
            let versions = inner.vault.entry(path.to_string()).or_default();
            if cas != Cas::Unchecked && cas != Cas::Version(versions.len() as u64) {
                return Ok(WriteResult::CasMismatch);
            }
            let secret = key.secret().expose_secret().to_owned();
            versions.push(Some((key.id.clone(), secret)));
            versions.len() as u64
        };
        let created_at = Some(self.inner().created_at(&path.to_string(), version));
        self.answer(call, WriteResult::Written(version, created_at))
            .await
    }

    async fn metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
    ) -> Result<SecretMetadata, Error> {
        self.call("vault-metadata", &path.path).await?;
        self.check_token(token)?;
        Ok(self.inner().metadata(&path.to_string()))
    }

    async fn list_metadata(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
    ) -> Result<Option<HashMap<String, SecretMetadata>>, Error> {
        self.call("vault-list_metadata", folder).await?;
        self.check_token(token)?;
        let inner = self.inner();
        let secrets = inner.vault.keys().filter_map(|path| {
            let user = path.strip_prefix(&format!("{mount}/{folder}/"))?;
            Some((user.to_owned(), inner.metadata(path)))
        });
        Ok(inner.lists_metadata.then(|| secrets.collect()))
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error> {
        self.call("vault-read", &path.path).await?;
        self.check_token(token)?;
        Ok(match self.inner().vault.get(&path.to_string()) {
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
        if let Some(versions) = self.inner().vault.get_mut(&path.to_string())
            && let Some(version) = versions.get_mut(index)
        {
            *version = None;
        }
        self.answer(call, ()).await
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
