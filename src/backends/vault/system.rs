//! Vault's health, a token's capabilities, and the exchange of a wrapping token.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::VaultServer;
use super::errors::translate;
use super::request::{ErrorResponse, Failure, Request};
use crate::backends::diagnostics::{
    Credentials, Health, Mount, Server, ServerState, Unwrapped, Wrapping,
};
use crate::backends::word;
use crate::error::Error;
use crate::keys::relative_namespace;

/// The query that makes every state a 200, so that the body reports it
/// (<https://developer.hashicorp.com/vault/api-docs/system/health>).
const ALL_STATES: &str = "standbycode=200&performancestandbycode=200&drsecondarycode=200&haunhealthycode=200\
    &sealedcode=200&uninitcode=200";

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "these are Vault's members")]
struct HealthResponse {
    initialized: bool,
    sealed: bool,
    #[serde(default)]
    standby: bool,
    #[serde(default)]
    performance_standby: bool,
    #[serde(default)]
    replication_dr_mode: String,
    #[serde(default)]
    server_time_utc: Option<i64>,
    #[serde(default)]
    version: String,
}

impl HealthResponse {
    fn state(&self) -> ServerState {
        if !self.initialized {
            ServerState::NotInitialized
        } else if self.sealed {
            ServerState::Sealed
        } else if self.replication_dr_mode == "secondary" {
            ServerState::Recovery
        } else if self.standby || self.performance_standby {
            ServerState::Standby
        } else {
            ServerState::Active
        }
    }
}

impl Server for VaultServer {
    async fn health(&self) -> Result<Health, Error> {
        let no_token = SecretString::default();
        // sys/health exists in the root namespace only.
        let client = self.client(&no_token).in_root_namespace();
        let request = Request::<HealthResponse>::get("sys/health").with_query(ALL_STATES);
        let remedy = "allow sys/health in the proxy or firewall in front of VAULT_ADDR";
        let response = client.response(request).await.map_err(translate(
            "reading the health of Vault at",
            &self.address,
            remedy,
        ))?;
        Ok(Health {
            state: response.state(),
            version: word(&response.version),
            clock: response
                .server_time_utc
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }
}

#[derive(Deserialize)]
struct UnwrapResponse {
    auth: Option<Auth>,
    #[serde(default)]
    data: Option<UnwrappedData>,
}

#[derive(Deserialize)]
struct UnwrappedData {
    secret_id: Option<SecretString>,
}

#[derive(Deserialize)]
struct Auth {
    client_token: SecretString,
}

impl Credentials for VaultServer {
    async fn capabilities(
        &self,
        token: &SecretString,
        namespace: Option<&str>,
        paths: &[String],
    ) -> Result<HashMap<String, Vec<String>>, Error> {
        // Asked in the namespace of the token, where its policy `default` allows it. In a namespace
        // below, no policy of the service does.
        let (client, prefix) = match relative_namespace(namespace, self.namespace.as_deref()) {
            Some(prefix) => (self.client(token), prefix),
            None => (self.client_in(token, namespace), String::new()),
        };
        let prefixed = paths.iter().map(|path| format!("{prefix}{path}"));
        let body = HashMap::from([("paths", prefixed.collect::<Vec<_>>())]);
        let request = Request::<HashMap<String, Vec<String>>>::post("sys/capabilities-self", &body);
        let remedy = "allow update on sys/capabilities-self, as the policy `default` does";
        let granted = client.data(request).await.map_err(translate(
            "reading the token's capabilities at",
            &self.address,
            remedy,
        ))?;
        let own = |path: String| {
            path.strip_prefix(&prefix)
                .map_or(path.clone(), str::to_owned)
        };
        Ok(granted
            .into_iter()
            .map(|(path, words)| (own(path), words))
            .collect())
    }

    async fn mount(
        &self,
        token: &SecretString,
        namespace: Option<&str>,
        path: &str,
    ) -> Result<Mount, Error> {
        #[derive(Deserialize)]
        struct MountResponse {
            r#type: String,
            #[serde(default)]
            options: Option<HashMap<String, String>>,
        }
        // The endpoint of Vault's user interface, because `sys/mounts` is for administrators.
        let url = format!("sys/internal/ui/mounts/{path}");
        let request = Request::<MountResponse>::get(url);
        let remedy = "name an existing mount (VAULT_MOUNT or the targets document, and their namespace), and allow paths below it in the policy";
        let response = self
            .client_in(token, namespace)
            .data(request)
            .await
            .map_err(translate("reading the mount at", &path, remedy))?;
        let version = response
            .options
            .and_then(|mut options| options.remove("version"));
        Ok(Mount {
            engine: response.r#type,
            version,
        })
    }

    async fn wrapping(&self, candidate: &SecretString) -> Result<Option<Wrapping>, Error> {
        #[derive(Deserialize)]
        struct LookupResponse {
            creation_path: String,
        }
        // Sent without the token header: any request that a wrapping token authorizes uses it up.
        let no_token = SecretString::default();
        let body = HashMap::from([("token", candidate.expose_secret())]);
        let request = Request::<LookupResponse>::post("sys/wrapping/lookup", &body);
        match self.client(&no_token).data(request).await {
            Ok(LookupResponse { creation_path }) => Ok(Some(Wrapping { creation_path })),
            // Vault returns the same for other tokens, used ones and invalid text. With a text, a
            // 404 is about the namespace.
            Err(Failure::Status(ErrorResponse {
                code: 400,
                errors: Some(_),
                ..
            })) => Ok(None),
            Err(Failure::Status(response)) if response.is_absent() => Ok(None),
            Err(error) => {
                let remedy = "allow update on sys/wrapping/lookup, as the policy `default` does";
                Err(translate(
                    "looking up the wrapping token at",
                    &self.address,
                    remedy,
                )(error))
            }
        }
    }

    async fn unwrap(&self, wrapping: &SecretString) -> Result<Unwrapped, Error> {
        const OPERATION: &str = "unwrapping the token at";
        let body = HashMap::<&str, &str>::new();
        let request = Request::<UnwrapResponse>::post("sys/wrapping/unwrap", &body);
        match self.client(wrapping).response(request).await {
            Ok(UnwrapResponse { auth, data }) => Ok(Unwrapped {
                token: auth.map(|auth| auth.client_token),
                secret_id: data.and_then(|data| data.secret_id),
            }),
            Err(Failure::Status(ErrorResponse {
                code: 400,
                errors: Some(_),
                ..
            })) => {
                let remedy = "it was used or has expired; create and wrap a new token";
                Err(Error::denied(OPERATION, self.address.as_str(), remedy))
            }
            Err(failure) => {
                let remedy = "it was used or has expired, or belongs to another namespace than \
                    VAULT_NAMESPACE; create and wrap a new token";
                Err(translate(OPERATION, &self.address, remedy)(failure))
            }
        }
    }

    async fn approle_login(
        &self,
        mount: &str,
        role_id: &str,
        secret_id: &SecretString,
    ) -> Result<Option<SecretString>, Error> {
        super::login::approle(self, mount, role_id, secret_id).await
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        let body = HashMap::<&str, &str>::new();
        let request = Request::<()>::post("auth/token/revoke-self", &body);
        let remedy = "allow update on auth/token/revoke-self, as the policy `default` does";
        self.client(token)
            .send(request)
            .await
            .map(|_| ())
            .map_err(translate("revoking the token at", &self.address, remedy))
    }
}
