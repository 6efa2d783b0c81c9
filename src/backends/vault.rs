//! Vault's KV version 2 engine and its tokens, through vaultrs with an HTTP client of our own.
//!
//! vaultrs's own client has no time limit, follows redirects with the token, adds the given
//! CAs to the system's, and does not check certificates if the environment says so. Our
//! client does none of that.

mod client;
mod errors;
mod request;
mod responses;
mod system;

use std::collections::HashMap;

use jiff::Timestamp;
use rustify::enums::RequestMethod;
use rustify::errors::ClientError as HttpError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use vaultrs::api::exec_with_result;
use vaultrs::api::kv2::requests::SetSecretRequestOptionsBuilder;
use vaultrs::error::ClientError;

pub(crate) use client::CONNECT_TIMEOUT;
pub use client::VaultServer;

use super::{Vault, VaultSecret, WriteResult};
use crate::error::Error;
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{Cas, VaultView};
use crate::token::TokenFacts;
use errors::{translate, unexpected};
use request::Request;
use responses::{FolderMetadata, SecretResponse, TokenLookup};

const INVALID_TOKEN: &str = "the token has expired or was revoked, or its policies lack lookup-self and renew-self (default has both); store a new token";

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
                    unexpected(
                        OPERATION,
                        path,
                        "has a version of the secret beyond 4294967295",
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
        let mismatch = |text: &String| text.contains("did not match the current version");
        match answer {
            Ok(metadata) => Ok(WriteResult::Written(metadata.version)),
            Err(ClientError::APIError { code: 400, errors }) if errors.iter().any(mismatch) => {
                Ok(WriteResult::CasMismatch)
            }
            Err(error) => {
                let remedy = "check that the token is valid (lookup-self) and that its policy allows create and update on the path's data";
                Err(translate(OPERATION, path, remedy)(error))
            }
        }
    }

    async fn metadata(&self, token: &SecretString, path: &VaultPath) -> Result<VaultView, Error> {
        match vaultrs::kv2::read_metadata(&self.client(token), &path.mount, &path.path).await {
            Ok(metadata) => Ok(responses::view(&metadata, Timestamp::now())),
            Err(ClientError::APIError { code: 404, .. }) => Ok(VaultView::Absent),
            Err(error) => {
                let remedy = "allow read on the path's metadata";
                Err(translate("reading Vault's metadata of", path, remedy)(
                    error,
                ))
            }
        }
    }

    async fn list_metadata(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
    ) -> Result<Option<HashMap<String, VaultView>>, Error> {
        let path = format!("{mount}/detailed-metadata/{folder}");
        let request = Request::<FolderMetadata>::new(RequestMethod::LIST, path);
        match exec_with_result(&self.client(token), request).await {
            Ok(metadata) => Ok(Some(metadata.into_views(Timestamp::now()))),
            // OpenBao returns 404 for an empty folder, HashiCorp Vault for the unknown endpoint,
            // and both return 403 without a policy for it. None of these is about a single key, so
            // the caller reads each key separately.
            Err(ClientError::APIError {
                code: 403..=405, ..
            }) => Ok(None),
            Err(error) => {
                let remedy = "allow list on the folder";
                Err(translate("reading Vault's metadata below", &folder, remedy)(error))
            }
        }
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error> {
        const OPERATION: &str = "reading the key in Vault at";
        let url = format!("{}/data/{}", path.mount, path.path);
        let request = Request::<SecretResponse>::new(RequestMethod::GET, url);
        match exec_with_result(&self.client(token), request).await {
            Ok(response) => Ok(response.into_secret()),
            Err(ClientError::APIError { code: 404, .. }) => Ok(VaultSecret::Absent),
            // For a deleted version Vault returns a 404 whose body holds the version.
            Err(ClientError::RestClientError {
                source:
                    HttpError::ServerResponseError {
                        code: 404,
                        content: Some(body),
                    },
            }) => responses::deleted_version(&body)
                .map(|version| VaultSecret::Key(None, version))
                .ok_or_else(|| unexpected(OPERATION, path, "returned a 404 that is not Vault's")),
            Err(error) => {
                let remedy = "allow read on the path's data";
                Err(translate(OPERATION, path, remedy)(error))
            }
        }
    }

    async fn soft_delete(
        &self,
        token: &SecretString,
        path: &VaultPath,
        version: u64,
    ) -> Result<(), Error> {
        let remedy = "allow update on the path under <mount>/delete/";
        vaultrs::kv2::delete_versions(&self.client(token), &path.mount, &path.path, vec![version])
            .await
            .map_err(translate("deleting the key in Vault at", path, remedy))
    }

    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error> {
        let request = Request::<TokenLookup>::new(RequestMethod::GET, "auth/token/lookup-self");
        exec_with_result(&self.client(token), request)
            .await
            .map(TokenLookup::into_facts)
            .map_err(translate(
                "looking up the Vault token at",
                &self.address,
                INVALID_TOKEN,
            ))
    }

    async fn renew(&self, token: &SecretString) -> Result<u64, Error> {
        // vaultrs's own request has a tab at the start of its path.
        let request = Request::new(RequestMethod::POST, "auth/token/renew-self");
        vaultrs::api::auth(&self.client(token), request)
            .await
            .map(|auth| auth.lease_duration)
            .map_err(translate(
                "renewing the Vault token at",
                &self.address,
                INVALID_TOKEN,
            ))
    }
}
