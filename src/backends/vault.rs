//! Vault's KV version 2 engine and its tokens, through vaultrs with an HTTP client of our own.
//!
//! vaultrs's own client has no time limit, follows redirects with the token, adds the given
//! CAs to the system's, and does not check certificates if the environment says so. Our
//! client does none of that.

mod client;
mod errors;
mod kv;
mod request;
mod responses;
mod system;

use std::collections::HashMap;

use jiff::Timestamp;
use rustify::enums::RequestMethod;
use rustify::errors::ClientError as HttpError;
use secrecy::SecretString;
use vaultrs::api::exec_with_result;
use vaultrs::client::VaultClient;
use vaultrs::error::ClientError;

pub(crate) use client::CONNECT_TIMEOUT;
pub use client::VaultServer;

use super::{
    CustomMetadata, MetadataPatchResult, PatchResult, SecretMetadata, Vault, VaultSecret,
    WriteResult,
};
use crate::error::Error;
use crate::keys::VaultPath;
use crate::snapshot::{Cas, VaultView};
use crate::targets::SecretFields;
use crate::token::TokenFacts;
use errors::{translate, unexpected};
use request::Request;
use responses::{FolderMetadata, SecretResponse, TokenLookup};

const INVALID_TOKEN: &str = "the token has expired or was revoked, or its policies lack lookup-self and renew-self (default has both); store a new token";

impl VaultServer {
    /// Creates a client for the namespace of a secret.
    fn kv_client(&self, token: &SecretString, path: &VaultPath) -> VaultClient {
        self.client_in(path.namespace.as_deref(), token)
    }
}

impl Vault for VaultServer {
    async fn put(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        cas: Cas,
    ) -> Result<WriteResult, Error> {
        kv::put(&self.kv_client(token, path), path, fields, cas).await
    }

    async fn patch(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        removed: &[String],
        version: u64,
    ) -> Result<PatchResult, Error> {
        kv::patch(&self.kv_client(token, path), path, fields, removed, version).await
    }

    async fn patch_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
        entries: &CustomMetadata,
    ) -> Result<MetadataPatchResult, Error> {
        kv::patch_metadata(&self.kv_client(token, path), path, entries).await
    }

    async fn secret_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
    ) -> Result<SecretMetadata, Error> {
        let client = self.kv_client(token, path);
        match vaultrs::kv2::read_metadata(&client, &path.mount, &path.path).await {
            Ok(metadata) => Ok(responses::metadata(metadata, Timestamp::now())),
            Err(ClientError::APIError { code: 404, .. }) => Ok(SecretMetadata {
                view: VaultView::Absent,
                custom: CustomMetadata::new(),
            }),
            Err(error) => {
                let remedy = "allow read on the path's metadata";
                Err(translate("reading Vault's metadata of", path, remedy)(
                    error,
                ))
            }
        }
    }

    async fn folder_metadata(
        &self,
        token: &SecretString,
        folder: &VaultPath,
    ) -> Result<Option<HashMap<String, SecretMetadata>>, Error> {
        let path = format!("{}/detailed-metadata/{}", folder.mount, folder.path);
        let request = Request::<FolderMetadata>::new(RequestMethod::LIST, path);
        match exec_with_result(&self.kv_client(token, folder), request).await {
            Ok(metadata) => Ok(Some(metadata.into_secrets(Timestamp::now()))),
            // OpenBao returns 404 for an empty folder, HashiCorp Vault for the unknown endpoint,
            // and both return 403 without a policy for it. None of these is about a single key, so
            // the caller reads each key separately.
            Err(ClientError::APIError {
                code: 403..=405, ..
            }) => Ok(None),
            Err(error) => {
                let remedy = "allow list on the folder";
                let operation = "reading Vault's metadata below";
                Err(translate(operation, &folder.path, remedy)(error))
            }
        }
    }

    async fn list_metadata(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
    ) -> Result<Option<HashMap<String, VaultView>>, Error> {
        let folder = VaultPath {
            namespace: self.namespace.clone(),
            mount: mount.to_owned(),
            path: folder.to_owned(),
        };
        let secrets = self.folder_metadata(token, &folder).await?;
        Ok(secrets.map(|secrets| {
            let views = secrets.into_iter();
            views.map(|(name, secret)| (name, secret.view)).collect()
        }))
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error> {
        const OPERATION: &str = "reading the key in Vault at";
        let url = format!("{}/data/{}", path.mount, path.path);
        let request = Request::<SecretResponse>::new(RequestMethod::GET, url);
        match exec_with_result(&self.kv_client(token, path), request).await {
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
        let client = self.kv_client(token, path);
        vaultrs::kv2::delete_versions(&client, &path.mount, &path.path, vec![version])
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
