//! What the backends in memory answer to the doctor and to a token import.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Memory, denied};
use crate::backends::diagnostics::{
    Credentials, Health, Mount, Probe, ProbeResult, Server, ServerState, Unwrapped, Wrapping,
};
use crate::error::Error;

/// Returns the health of an active Vault.
pub fn healthy() -> Health {
    Health {
        state: ServerState::Active,
        version: "2.0.0".to_owned(),
        clock: Some(Timestamp::now()),
    }
}

/// Returns the capabilities that the documented policy grants on a path.
fn documented(path: &str) -> &'static [&'static str] {
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
        Ok(self.inner().health.clone().unwrap_or_else(healthy))
    }
}

impl Credentials for Memory {
    async fn capabilities(
        &self,
        token: &SecretString,
        _namespace: Option<&str>,
        paths: &[String],
    ) -> Result<HashMap<String, Vec<String>>, Error> {
        self.call("vault-capabilities", "").await?;
        self.check_token(token)?;
        let inner = self.inner();
        let capabilities = paths.iter().map(|path| {
            let given = inner.capabilities.iter().find(|(given, _)| given == path);
            let capabilities =
                given.map_or_else(|| documented(path), |(_, capabilities)| capabilities);
            (
                path.clone(),
                capabilities.iter().map(ToString::to_string).collect(),
            )
        });
        Ok(capabilities.collect())
    }

    async fn mount(
        &self,
        token: &SecretString,
        _namespace: Option<&str>,
        _path: &str,
    ) -> Result<Mount, Error> {
        self.call("vault-mount", "").await?;
        self.check_token(token)?;
        let mounted = self.inner().mounted;
        let (engine, version) = mounted.unwrap_or(("kv", Some("2")));
        Ok(Mount {
            engine: engine.to_owned(),
            version: version.map(str::to_owned),
        })
    }

    async fn wrapping(&self, candidate: &SecretString) -> Result<Option<Wrapping>, Error> {
        self.call("vault-wrapping", "").await?;
        let inner = self.inner();
        let wrapped = inner.wrapped.get(candidate.expose_secret());
        Ok(wrapped.map(|(creation_path, _)| Wrapping {
            creation_path: creation_path.clone(),
        }))
    }

    async fn unwrap(&self, wrapping: &SecretString) -> Result<Unwrapped, Error> {
        self.call("vault-unwrap", "").await?;
        let wrapped = self.inner().wrapped.remove(wrapping.expose_secret());
        let (path, secret) = wrapped.ok_or_else(denied)?;
        let secret = secret.map(SecretString::from);
        Ok(if path.ends_with("/secret-id") {
            Unwrapped {
                secret_id: secret,
                ..Unwrapped::default()
            }
        } else {
            Unwrapped {
                token: secret,
                ..Unwrapped::default()
            }
        })
    }

    async fn approle_login(
        &self,
        mount: &str,
        role_id: &str,
        secret_id: &SecretString,
    ) -> Result<Option<SecretString>, Error> {
        self.call("vault-approle", mount).await?;
        let is_right = (role_id, secret_id.expose_secret()) == ("role-id", "secret-id");
        Ok(is_right.then(|| self.inner().tokens.0.clone().into()))
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        self.call("vault-revoke", "").await?;
        let token = token.expose_secret().to_owned();
        self.inner().revoked.push(token);
        Ok(())
    }
}

impl Probe for Memory {
    async fn probe(&self) -> Result<ProbeResult, Error> {
        self.call("s3-probe", "").await?;
        let inner = self.inner();
        Ok(ProbeResult {
            conditions_hold: !inner.unconditional,
            encryption: inner.encryption.clone(),
        })
    }
}
