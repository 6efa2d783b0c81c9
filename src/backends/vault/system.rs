//! Vault's health, a token's capabilities, and the exchange of a wrapping token.

use std::collections::HashMap;

use jiff::Timestamp;
use rustify::endpoint::Endpoint;
use rustify::enums::RequestMethod;
use rustify::errors::ClientError as HttpError;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

use super::VaultServer;
use super::errors::{translate, unexpected};
use super::request::{Request, exec_with_empty, exec_with_no_result, exec_with_result};
use crate::backends::diagnostics::{Credentials, Health, Mount, Server, ServerState, Wrapping};
use crate::error::Error;

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
        let mut client = self.client(&SecretString::default());
        // sys/health exists in the root namespace only.
        client.middle.namespace = None;
        let request = Request::<HealthResponse>::new(RequestMethod::GET, "sys/health");
        let remedy = "allow sys/health in the proxy or firewall";
        let response = exec_with_no_result(&client, request.with_query(ALL_STATES))
            .await
            .map_err(translate(
                "reading the health of Vault at",
                &self.address,
                remedy,
            ))?;
        Ok(Health {
            state: response.state(),
            version: response.version,
            clock: response
                .server_time_utc
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }
}

#[derive(Deserialize)]
struct UnwrapResponse {
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Auth {
    client_token: SecretString,
}

impl Credentials for VaultServer {
    async fn capabilities(
        &self,
        token: &SecretString,
        paths: &[String],
    ) -> Result<HashMap<String, Vec<String>>, Error> {
        let body = HashMap::from([("paths", paths)]);
        let request = Request::post("sys/capabilities-self", &body);
        let remedy = "allow update on sys/capabilities-self, as the default policy does";
        exec_with_result(&self.client(token), request)
            .await
            .map_err(translate(
                "reading the token's capabilities at",
                &self.address,
                remedy,
            ))
    }

    async fn mount(&self, token: &SecretString, path: &str) -> Result<Mount, Error> {
        #[derive(Deserialize)]
        struct MountResponse {
            r#type: String,
            #[serde(default)]
            options: Option<HashMap<String, String>>,
        }
        // The endpoint of Vault's user interface, because `sys/mounts` is for administrators.
        let url = format!("sys/internal/ui/mounts/{path}");
        let request = Request::<MountResponse>::new(RequestMethod::GET, url);
        let remedy = "set VAULT_MOUNT to an existing mount (in VAULT_NAMESPACE), and allow paths below it in the policy";
        let response = exec_with_result(&self.client(token), request)
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
        let client = self.client(&SecretString::default());
        let body = HashMap::from([("token", candidate.expose_secret())]);
        let request = Request::<LookupResponse>::post("sys/wrapping/lookup", &body);
        match exec_with_result(&client, request).await {
            Ok(LookupResponse { creation_path }) => Ok(Some(Wrapping { creation_path })),
            // Vault returns the same for other tokens, used ones and invalid text.
            Err(ClientError::APIError {
                code: 400 | 404, ..
            }) => Ok(None),
            Err(error) => {
                let remedy = "allow update on sys/wrapping/lookup, as the default policy does";
                Err(translate(
                    "looking up the wrapping token at",
                    &self.address,
                    remedy,
                )(error))
            }
        }
    }

    async fn unwrap(&self, wrapping: &SecretString) -> Result<Option<SecretString>, Error> {
        const OPERATION: &str = "unwrapping the token at";
        let client = self.client(wrapping);
        let body = HashMap::<&str, &str>::new();
        let request = Request::<UnwrapResponse>::post("sys/wrapping/unwrap", &body);
        // Not through vaultrs, whose response type holds the token in a plain String.
        let response = request
            .with_middleware(&client.middle)
            .exec(&client.http)
            .await
            .map_err(|error| {
                let remedy = "it was used or has expired; create and wrap a new token";
                match error {
                    HttpError::ServerResponseError { code: 400, .. } => {
                        Error::denied(OPERATION, self.address.as_str(), remedy)
                    }
                    error => translate(OPERATION, &self.address, remedy)(error.into()),
                }
            })?;
        let text = Zeroizing::new(response.response.into_body());
        let unwrapped = serde_json::from_slice::<UnwrapResponse>(&text).map_err(|_| {
            unexpected(
                OPERATION,
                &self.address,
                "returned a response that is not Vault's",
            )
        })?;
        Ok(unwrapped.auth.map(|auth| auth.client_token))
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        let request = Request::<()>::new(RequestMethod::POST, "auth/token/revoke-self");
        let remedy = "allow update on auth/token/revoke-self, as the default policy does";
        exec_with_empty(&self.client(token), request)
            .await
            .map_err(translate("revoking the token at", &self.address, remedy))
    }
}
