//! Vault's KV version 2 engine and its tokens, in the types of vaultrs with an HTTP client of our own.
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
use vaultrs::api::kv2::responses::{ReadSecretMetadataResponse, SecretVersionMetadata};
use vaultrs::error::ClientError;

pub(crate) use client::CONNECT_TIMEOUT;
pub use client::VaultServer;

use super::{Vault, VaultSecret, WriteResult};
use crate::error::Error;
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{Cas, VaultView};
use crate::token::TokenFacts;
use errors::{translate, unexpected};
use request::{Request, auth, exec_with_empty, exec_with_result};
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
        let body = match cas {
            Cas::Unchecked => json!({"data": data}),
            Cas::Version(version) => json!({"data": data, "options": {"cas": version}}),
        };
        let url = format!("{}/data/{}", path.mount, path.path);
        let request = Request::<SecretVersionMetadata>::post(url, &body);
        let answer = exec_with_result(&self.client(token), request).await;
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
        let url = format!("{}/metadata/{}", path.mount, path.path);
        let request = Request::<ReadSecretMetadataResponse>::new(RequestMethod::GET, url);
        match exec_with_result(&self.client(token), request).await {
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
        let url = format!("{}/delete/{}", path.mount, path.path);
        let request = Request::post(url, &json!({"versions": [version]}));
        exec_with_empty(&self.client(token), request)
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
        auth(&self.client(token), request)
            .await
            .map(|auth| auth.lease_duration)
            .map_err(translate(
                "renewing the Vault token at",
                &self.address,
                INVALID_TOKEN,
            ))
    }
}
