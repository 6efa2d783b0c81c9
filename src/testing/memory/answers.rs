//! What the stores in memory answer: the traits, over what is held.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Memory, page, view};
use crate::backends::{
    Etag, Page, Parameters, PutResult, ReconcileRecords, Roster, States, StoredState, Tokens,
    Vault, VaultSecret, WriteResult,
};
use crate::error::Error;
use crate::keys::{AccessKey, ParameterName, ParameterNaming, UserName, VaultPath};
use crate::snapshot::{
    Cas, ParameterReading, ParameterView, ReconcileRecord, UserState, VaultView,
};
use crate::token::{Lifetime, TokenFacts, TokenObject};

impl Parameters for Memory {
    async fn read(&self, name: &ParameterName) -> ParameterReading {
        if let Err(error) = self.call("ssm-read", name.as_str()).await {
            return ParameterView::Unreadable(error).into();
        }
        match self.0.borrow().parameters.get(name.as_str()) {
            None => ParameterView::Absent.into(),
            Some((value, revision)) => ParameterReading::parse(&value.as_str().into(), *revision),
        }
    }

    async fn page(
        &self,
        naming: &ParameterNaming,
        from: Option<String>,
    ) -> Result<Page<(UserName, ParameterReading)>, Error> {
        self.call("ssm-page", "").await?;
        let inner = self.0.borrow();
        let all = inner.parameters.iter().map(|(name, (value, revision))| {
            (
                naming.user_of(name).unwrap(),
                ParameterReading::parse(&value.as_str().into(), *revision),
            )
        });
        Ok(page(all.collect(), from))
    }
}

impl States for Memory {
    async fn load(&self, user: &UserName) -> Result<StoredState, Error> {
        self.call("s3-load", user.as_str()).await?;
        let inner = self.0.borrow();
        Ok(match inner.states.get(user.as_str()) {
            Some((state, etag)) => {
                let damaged = inner.damaged.iter().any(|damaged| damaged == user.as_str());
                let state = (!damaged).then(|| state.clone());
                StoredState {
                    state,
                    etag: Some(Etag(etag.to_string())),
                    damaged,
                }
            }
            None => StoredState {
                state: inner.legacy.get(user.as_str()).cloned(),
                ..StoredState::default()
            },
        })
    }

    async fn save(&self, state: &UserState, if_match: Option<&Etag>) -> Result<PutResult, Error> {
        let step = self.call("s3-save", &state.user_name).await?;
        let etag = {
            let mut inner = self.0.borrow_mut();
            if inner
                .states
                .get(&state.user_name)
                .map(|(_, etag)| etag.to_string())
                != if_match.map(|etag| etag.0.clone())
            {
                return Ok(PutResult::PreconditionFailed);
            }
            inner.etags += 1;
            let etag = inner.etags;
            inner.damaged.retain(|damaged| *damaged != state.user_name);
            inner
                .states
                .insert(state.user_name.clone(), (state.clone(), etag));
            etag
        };
        self.answer(step, PutResult::Saved(Etag(etag.to_string())))
            .await
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        self.call("s3-page", "").await?;
        let inner = self.0.borrow();
        Ok(page(
            inner
                .states
                .keys()
                .chain(inner.legacy.keys())
                .cloned()
                .collect(),
            from,
        ))
    }
}

impl ReconcileRecords for Memory {
    async fn load_record(&self) -> Result<(Option<ReconcileRecord>, Option<Etag>), Error> {
        self.call("s3-run", "").await?;
        let run = self.0.borrow().run.clone();
        Ok((
            run.as_ref().map(|(run, _)| run.clone()),
            run.map(|(_, etag)| Etag(etag.to_string())),
        ))
    }

    async fn save_record(
        &self,
        run: &ReconcileRecord,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let step = self.call("s3-run-save", "").await?;
        let saved = {
            let mut inner = self.0.borrow_mut();
            if inner.run.as_ref().map(|(_, etag)| etag.to_string())
                != if_match.map(|etag| etag.0.clone())
            {
                return Ok(PutResult::PreconditionFailed);
            }
            inner.etags += 1;
            let etag = inner.etags;
            inner.run = Some((run.clone(), etag));
            inner.saved_as(etag.to_string())
        };
        self.answer(step, saved).await
    }
}

impl Tokens for Memory {
    async fn load(&self) -> Result<(TokenObject, Etag), Error> {
        self.call("s3-token", "").await?;
        let token = self.0.borrow().tokens.1.clone();
        let unusable = |problem| Error::Unexpected {
            operation: "test",
            subject: "test".to_owned(),
            problem,
        };
        if token.is_empty() {
            return Err(unusable("there is no token object".to_owned()));
        }
        let object = TokenObject::parse(format!(r#"{{"token": "{token}"}}"#).as_bytes())
            .map_err(unusable)?;
        Ok((object, Etag(token)))
    }

    async fn version(&self) -> Result<Option<Etag>, Error> {
        self.call("s3-token-version", "").await?;
        Ok(Some(self.0.borrow().tokens.1.clone())
            .filter(|token| !token.is_empty())
            .map(Etag))
    }

    async fn save(
        &self,
        object: &TokenObject,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let step = self.call("s3-token-save", "").await?;
        let saved = {
            let mut inner = self.0.borrow_mut();
            if inner.tokens.1 != if_match.map(|etag| etag.0.clone()).unwrap_or_default() {
                return Ok(PutResult::PreconditionFailed);
            }
            object.token.expose_secret().clone_into(&mut inner.tokens.1);
            let etag = inner.tokens.1.clone();
            inner.saved_as(etag)
        };
        self.answer(step, saved).await
    }
}

impl Vault for Memory {
    async fn write(
        &self,
        token: &SecretString,
        path: &VaultPath,
        _: &UserName,
        key: &AccessKey,
        cas: Cas,
    ) -> Result<WriteResult, Error> {
        let step = self.call("vault-write", &path.path).await?;
        self.opens(token)?;
        let version = {
            let mut inner = self.0.borrow_mut();
            let versions = inner.vault.entry(path.to_string()).or_default();
            if cas != Cas::Unchecked && cas != Cas::Version(versions.len() as u64) {
                return Ok(WriteResult::CasMismatch);
            }
            versions.push(Some((
                key.id.clone(),
                key.secret().expose_secret().to_owned(),
            )));
            versions.len() as u64
        };
        self.answer(step, WriteResult::Written(version)).await
    }

    async fn metadata(&self, token: &SecretString, path: &VaultPath) -> Result<VaultView, Error> {
        self.call("vault-metadata", &path.path).await?;
        self.opens(token)?;
        Ok(match self.0.borrow().vault.get(&path.to_string()) {
            None => VaultView::Absent,
            Some(versions) => VaultView::At {
                version: versions.len() as u64,
                readable: versions.last().is_some_and(Option::is_some),
            },
        })
    }

    async fn list_metadata(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
    ) -> Result<Option<HashMap<String, VaultView>>, Error> {
        self.call("vault-list_metadata", folder).await?;
        self.opens(token)?;
        let inner = self.0.borrow();
        let views = inner.vault.iter().filter_map(|(path, versions)| {
            let user = path.strip_prefix(&format!("{mount}/{folder}/"))?;
            Some((user.to_owned(), view(versions)))
        });
        Ok(inner.lists_metadata.then(|| views.collect()))
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error> {
        self.call("vault-read", &path.path).await?;
        self.opens(token)?;
        Ok(match self.0.borrow().vault.get(&path.to_string()) {
            None => VaultSecret::Absent,
            Some(versions) => {
                let key = versions.last().cloned().flatten();
                let key = key.map(|(id, secret)| AccessKey::new(id, secret.into()).unwrap());
                VaultSecret::Key(key, versions.len() as u64)
            }
        })
    }

    async fn soft_delete(
        &self,
        token: &SecretString,
        path: &VaultPath,
        version: u64,
    ) -> Result<(), Error> {
        let step = self.call("vault-delete", &path.path).await?;
        self.opens(token)?;
        let index = usize::try_from(version).unwrap() - 1;
        // As Vault does, it takes what is not there for deleted.
        if let Some(version) = self
            .0
            .borrow_mut()
            .vault
            .get_mut(&path.to_string())
            .and_then(|versions| versions.get_mut(index))
        {
            *version = None;
        }
        self.answer(step, ()).await
    }

    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error> {
        self.call("vault-lookup", "").await?;
        self.opens(token)?;
        let lifetime = Lifetime {
            ttl_seconds: Some(self.0.borrow().ttl),
            period_seconds: Some(720 * 3600),
            explicit_max_ttl_seconds: None,
            creation_ttl_seconds: 720 * 3600,
            renewable: true,
            renewed: false,
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
        };
        if let Some(alter) = self.0.borrow().alter {
            alter(&mut facts);
        }
        Ok(facts)
    }

    async fn renew(&self, token: &SecretString) -> Result<u64, Error> {
        let step = self.call("vault-renew", "").await?;
        self.opens(token)?;
        self.0.borrow_mut().ttl = 720 * 3600;
        self.answer(step, 720 * 3600).await
    }
}

impl Roster for Memory {
    async fn contains(&self, user: &UserName) -> Result<bool, Error> {
        self.call("roster", user.as_str()).await?;
        Ok(self
            .0
            .borrow()
            .roster
            .iter()
            .any(|listed| listed == user.as_str()))
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        self.call("roster-page", "").await?;
        Ok(page(self.0.borrow().roster.clone(), from))
    }
}
