//! The stores in memory, examined.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Memory, denied};
use crate::backends::diagnostics::{
    Credentials, Health, Mount, Probe, ProbeResult, Server, ServerState, Wrapping,
};
use crate::error::Error;

/// Vault when all is well.
pub fn healthy() -> Health {
    Health {
        state: ServerState::Active,
        version: "2.0.0".to_owned(),
        clock: Some(Timestamp::now()),
    }
}

/// What the policy of this project lets a token do.
fn narrow(path: &str) -> &'static [&'static str] {
    match path.split('/').nth(1) {
        Some("detailed-metadata") => &["list"],
        _ if !path.contains("/aws/iam-keys/") => &["deny"],
        Some("data") => &["create", "update"],
        Some("metadata") => &["list", "read"],
        Some("delete") => &["update"],
        _ => &["deny"],
    }
}

impl Server for Memory {
    async fn health(&self) -> Result<Health, Error> {
        self.call("vault-health", "").await?;
        Ok(self.0.borrow().health.clone().unwrap_or_else(healthy))
    }
}

impl Credentials for Memory {
    async fn capabilities(
        &self,
        token: &SecretString,
        paths: &[String],
    ) -> Result<HashMap<String, Vec<String>>, Error> {
        self.call("vault-capabilities", "").await?;
        self.opens(token)?;
        let inner = self.0.borrow();
        let capabilities = paths.iter().map(|path| {
            let given = inner.capabilities.iter().find(|(given, _)| given == path);
            let capabilities = given.map_or_else(|| narrow(path), |(_, capabilities)| capabilities);
            (
                path.clone(),
                capabilities.iter().map(ToString::to_string).collect(),
            )
        });
        Ok(capabilities.collect())
    }

    async fn mount(&self, token: &SecretString, _path: &str) -> Result<Mount, Error> {
        self.call("vault-mount", "").await?;
        self.opens(token)?;
        let mounted = self.0.borrow().mounted;
        let (engine, version) = mounted.unwrap_or(("kv", Some("2")));
        Ok(Mount {
            engine: engine.to_owned(),
            version: version.map(str::to_owned),
        })
    }

    async fn wrapping(&self, candidate: &SecretString) -> Result<Option<Wrapping>, Error> {
        self.call("vault-wrapping", "").await?;
        let inner = self.0.borrow();
        let wrapped = inner.wrapped.get(candidate.expose_secret());
        Ok(wrapped.map(|(creation_path, _)| Wrapping {
            creation_path: creation_path.clone(),
        }))
    }

    async fn unwrap(&self, wrapping: &SecretString) -> Result<Option<SecretString>, Error> {
        self.call("vault-unwrap", "").await?;
        let wrapped = self.0.borrow_mut().wrapped.remove(wrapping.expose_secret());
        let (_, token) = wrapped.ok_or_else(denied)?;
        Ok(token.map(SecretString::from))
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        self.call("vault-revoke", "").await?;
        self.0
            .borrow_mut()
            .revoked
            .push(token.expose_secret().to_owned());
        Ok(())
    }
}

impl Probe for Memory {
    async fn probe(&self) -> Result<ProbeResult, Error> {
        self.call("s3-probe", "").await?;
        let inner = self.0.borrow();
        Ok(ProbeResult {
            conditions_hold: !inner.unconditional,
            encryption: inner.encryption.clone(),
        })
    }
}
