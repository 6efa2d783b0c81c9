//! Vault's KV version 2 engine and its tokens, through vaultrs over an HTTP client of our own.
//!
//! vaultrs's own client has no timeout, follows redirects with the token, adds the given authorities to the system's
//! and can be told by the environment not to check certificates; ours does none of that. Errors are translated without
//! the server's text.

mod answers;
mod system;
mod token;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use vaultrs::api::EndpointMiddleware;
use vaultrs::api::kv2::requests::SetSecretRequestOptionsBuilder;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;

use super::{Vault, VaultSecret, WriteResult};
use crate::config::VaultConfig;
use crate::error::{Error, Problem};
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{Cas, VaultView};
use crate::token::TokenFacts;

/// How long sent bytes may stay without an acknowledgement. A Lambda's connections are frozen with it, for days perhaps, and a
/// firewall may have forgotten them: this finds out sooner than the time limit of the request, and soon enough for another try.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(2);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A Vault server.
pub struct VaultServer {
    http: reqwest::Client,
    address: reqwest::Url,
    namespace: Option<String>,
}

impl std::fmt::Debug for VaultServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultServer")
            .field("address", &self.address.as_str())
            .finish_non_exhaustive()
    }
}

impl VaultServer {
    /// A client for the configured server. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] where TLS cannot be set up from the given authorities.
    pub fn new(config: &VaultConfig) -> Result<Self, Error> {
        let builder = reqwest::Client::builder()
            .tls_backend_rustls()
            .https_only(config.address.scheme() == "https")
            .redirect(Policy::none())
            .no_proxy()
            .tcp_user_timeout(ACKNOWLEDGED_WITHIN)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        let builder = match &config.authorities {
            Some(authorities) => builder.tls_certs_only(authorities.clone()),
            // Without TLS there is nothing to check, and the system's authorities need not be loaded.
            None if config.address.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
        };
        let http = builder.build().map_err(|_| {
            let problem =
                "(or VAULT_CACERT_BYTES) holds a certificate that cannot be used as an authority"
                    .to_owned();
            Error::BadConfiguration(vec![Problem {
                variable: "VAULT_CACERT",
                problem,
            }])
        })?;
        Ok(Self {
            http,
            address: config.address.clone(),
            namespace: config.namespace.clone(),
        })
    }

    /// A vaultrs client that sends `token`; cheap, the connections are shared.
    fn client(&self, token: &SecretString) -> VaultClient {
        // Every field is given: the builder would ask the environment for the others.
        let settings = VaultClientSettingsBuilder::default()
            .address(self.address.as_str())
            .ca_certs(Vec::new())
            .identity(None)
            .token("")
            .verify(true)
            .namespace(self.namespace.clone())
            .build()
            .expect("the address was checked and every other field is given");
        let middle = EndpointMiddleware {
            token: token.expose_secret().to_owned(),
            version: "v1".to_owned(),
            wrap: None,
            namespace: self.namespace.clone(),
        };
        let http = rustify::clients::reqwest::Client::new(self.address.as_str(), self.http.clone());
        VaultClient {
            http,
            middle,
            settings,
        }
    }
}

impl Vault for VaultServer {
    async fn write(
        &self,
        token: &SecretString,
        path: &VaultPath,
        user: &UserName,
        key: &AccessKey,
        cas: Cas,
    ) -> Result<WriteResult, Error> {
        const OPERATION: &str = "writing the key to Vault at";
        let data = json!({
            "accessKeyId": key.id,
            "secretAccessKey": key.secret().expose_secret(),
            "userName": user.as_str(),
            "syncedAt": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        });
        let client = self.client(token);
        let answer = match cas {
            Cas::Unchecked => vaultrs::kv2::set(&client, &path.mount, &path.path, &data).await,
            Cas::Version(version) => {
                let version = u32::try_from(version).map_err(|_| {
                    answers::unexpected(
                        OPERATION,
                        path,
                        "the secret's version is beyond 4294967295",
                    )
                })?;
                let options = SetSecretRequestOptionsBuilder::default()
                    .cas(version)
                    .build()
                    .expect("cas is its only field");
                vaultrs::kv2::set_with_options(&client, &path.mount, &path.path, &data, options)
                    .await
            }
        };
        match answer {
            Ok(metadata) => Ok(WriteResult::Written(metadata.version)),
            Err(ClientError::APIError { code: 400, errors })
                if errors
                    .iter()
                    .any(|text| text.contains("did not match the current version")) =>
            {
                Ok(WriteResult::CasMismatch)
            }
            Err(error) => Err(answers::error(
                OPERATION,
                path,
                "check that the token is alive (lookup-self) and that its policy allows create and update on the path's data",
                &error,
            )),
        }
    }

    async fn metadata(&self, token: &SecretString, path: &VaultPath) -> Result<VaultView, Error> {
        match vaultrs::kv2::read_metadata(&self.client(token), &path.mount, &path.path).await {
            Ok(metadata) => Ok(answers::view(&metadata, Timestamp::now())),
            Err(ClientError::APIError { code: 404, .. }) => Ok(VaultView::Absent),
            Err(error) => Err(answers::error(
                "reading Vault's metadata of",
                path,
                "allow read on the path's metadata",
                &error,
            )),
        }
    }

    async fn list_metadata(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
    ) -> Result<Option<HashMap<String, VaultView>>, Error> {
        let endpoint = answers::ListMetadata {
            path: format!("{mount}/detailed-metadata/{folder}"),
        };
        match vaultrs::api::exec_with_result(&self.client(token), endpoint).await {
            Ok(found) => Ok(Some(found.views(Timestamp::now()))),
            // OpenBao answers 404 for an empty folder, HashiCorp Vault for the unknown endpoint, and both 403 without a
            // policy for it: none of them tells of a single key, so each is asked for by itself.
            Err(ClientError::APIError {
                code: 403..=405, ..
            }) => Ok(None),
            Err(error) => Err(answers::error(
                "reading Vault's metadata below",
                &folder,
                "allow list on the folder",
                &error,
            )),
        }
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error> {
        let endpoint = answers::ReadKey {
            path: format!("{}/data/{}", path.mount, path.path),
        };
        match vaultrs::api::exec_with_result(&self.client(token), endpoint).await {
            Ok(found) => Ok(found.published()),
            Err(ClientError::APIError { code: 404, .. }) => Ok(VaultSecret::Absent),
            // A deleted version is a 404 with a body, which tells the version.
            Err(ClientError::RestClientError {
                source:
                    rustify::errors::ClientError::ServerResponseError {
                        code: 404,
                        content: Some(body),
                    },
            }) => answers::deleted_version(&body)
                .map(|version| VaultSecret::Key(None, version))
                .ok_or_else(|| {
                    answers::unexpected(
                        "reading the key in Vault at",
                        path,
                        "answered 404 in a form that is not Vault's",
                    )
                }),
            Err(error) => Err(answers::error(
                "reading the key in Vault at",
                path,
                "allow read on the path's data",
                &error,
            )),
        }
    }

    async fn soft_delete(
        &self,
        token: &SecretString,
        path: &VaultPath,
        version: u64,
    ) -> Result<(), Error> {
        vaultrs::kv2::delete_versions(&self.client(token), &path.mount, &path.path, vec![version])
            .await
            .map_err(|error| {
                answers::error(
                    "deleting the key in Vault at",
                    path,
                    "allow update on the path under <mount>/delete/",
                    &error,
                )
            })
    }

    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error> {
        let answer = vaultrs::api::exec_with_result(&self.client(token), token::LookupSelf).await;
        answer.map(token::LookedUp::into_facts).map_err(|error| {
            answers::error(
                "looking up the Vault token at",
                &self.address,
                "the token is expired or revoked, or its policies lack lookup-self and renew-self (those of default): store a new one",
                &error,
            )
        })
    }

    async fn renew(&self, token: &SecretString) -> Result<u64, Error> {
        let answer = vaultrs::api::auth(&self.client(token), token::RenewSelf).await;
        answer.map(|auth| auth.lease_duration).map_err(|error| {
            answers::error(
                "renewing the Vault token at",
                &self.address,
                "the token is expired or revoked, or its policies lack lookup-self and renew-self (those of default): store a new one",
                &error,
            )
        })
    }
}
