//! Vault's KV version 2 engine and its tokens
//! (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>).

mod client;
mod connection;
mod errors;
mod kv;
mod login;
mod request;
mod responses;
mod system;
mod writes;

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::SecretString;

pub(crate) use client::CONNECT_TIMEOUT;
pub use client::VaultServer;

use super::{
    CustomMetadata, MetadataPatchResult, PatchResult, SecretMetadata, Vault, VaultSecret,
    WriteResult,
};
use crate::error::Error;
use crate::keys::VaultPath;
use crate::snapshot::Cas;
use crate::targets::SecretFields;
use crate::token::{LoginRequest, LoginToken, TokenFacts};
use errors::{translate, unexpected};
use request::{ErrorResponse, Failure, Request};
use responses::{FolderMetadata, MetadataResponse, Renewal, SecretResponse, TokenLookup};
use writes::Versions;

/// Why Vault denies a token to look itself up or to renew itself. It gives the same answer for all
/// of these causes.
const INVALID_TOKEN: &str = "denied: the token has expired, was revoked, belongs to another \
    namespace than VAULT_NAMESPACE, is bound to other addresses (token_bound_cidrs), or lacks the \
    policy default";

const NEW_TOKEN: &str = "store a new token with `keysync token import`, or set VAULT_TOKEN to one";

/// The size limit of a listing: the metadata of some ten thousand users.
const MAX_LISTING: usize = 16 * 1024 * 1024;

impl Vault for VaultServer {
    async fn put(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        cas: Cas,
    ) -> Result<WriteResult, Error> {
        kv::put(self.client_of(token, path), path, fields, cas).await
    }

    async fn patch(
        &self,
        token: &SecretString,
        path: &VaultPath,
        fields: &SecretFields,
        removed: &[String],
        version: u64,
    ) -> Result<PatchResult, Error> {
        kv::patch(self.client_of(token, path), path, fields, removed, version).await
    }

    async fn patch_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
        entries: &CustomMetadata,
    ) -> Result<MetadataPatchResult, Error> {
        kv::patch_metadata(self.client_of(token, path), path, entries).await
    }

    async fn secret_metadata(
        &self,
        token: &SecretString,
        path: &VaultPath,
    ) -> Result<SecretMetadata, Error> {
        let request =
            Request::<MetadataResponse>::get(format!("{}/metadata/{}", path.mount, path.path));
        match self.client_of(token, path).data(request).await {
            Ok(metadata) => Ok(metadata.into_metadata(Timestamp::now())),
            Err(Failure::Status(response)) if response.is_absent() => Ok(SecretMetadata::absent()),
            Err(error) => {
                let remedy = "allow read on <mount>/metadata/<prefix>/* (`keysync policy vault`)";
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
        let request = Request::<FolderMetadata>::list(path, MAX_LISTING);
        match self.client_of(token, folder).data(request).await {
            Ok(metadata) => Ok(Some(metadata.into_secrets(Timestamp::now()))),
            // OpenBao returns 404 for an empty folder, HashiCorp Vault for the unknown endpoint,
            // and both return 403 without a policy for it. None of these is about a single key, so
            // the caller reads each key separately.
            // The same applies if there are too many keys for one response.
            Err(
                Failure::TooLarge(_)
                | Failure::Status(ErrorResponse {
                    code: 403..=405,
                    errors: Some(_),
                    ..
                }),
            ) => Ok(None),
            Err(error) => {
                let remedy = "allow list on <mount>/detailed-metadata/<prefix>/";
                Err(translate("reading Vault's metadata below", &folder, remedy)(error))
            }
        }
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<VaultSecret, Error> {
        const OPERATION: &str = "reading the key in Vault at";
        let url = format!("{}/data/{}", path.mount, path.path);
        let request = Request::<SecretResponse>::get(url);
        let failure = match self.client_of(token, path).data(request).await {
            Ok(response) => return Ok(response.into_secret()),
            Err(failure) => failure,
        };
        if let Failure::Status(response) = &failure {
            if response.is_absent() {
                return Ok(VaultSecret::Absent);
            }
            // For a deleted version Vault returns a 404 whose body holds the version.
            let version = responses::deleted_version(&response.body);
            if let (404, Some(version)) = (response.code, version) {
                return Ok(VaultSecret::Key(None, version));
            }
        }
        let remedy = "allow read on <mount>/data/<prefix>/* (`keysync policy vault`)";
        Err(translate(OPERATION, path, remedy)(failure))
    }

    async fn soft_delete(
        &self,
        token: &SecretString,
        path: &VaultPath,
        version: u64,
    ) -> Result<(), Error> {
        let url = format!("{}/delete/{}", path.mount, path.path);
        let versions = [version];
        let request = Request::<()>::post(url, &Versions { versions });
        let remedy = "allow update on <mount>/delete/<prefix>/* (`keysync policy vault`)";
        let deletion = self.client_of(token, path).done(request).await;
        deletion.map_err(translate("deleting the key in Vault at", path, remedy))
    }

    async fn login(&self, request: &LoginRequest) -> Result<LoginToken, Error> {
        login::login(self, request).await
    }

    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error> {
        const OPERATION: &str = "looking up the Vault token at";
        let request = Request::<TokenLookup>::get("auth/token/lookup-self");
        self.client(token)
            .data(request)
            .await
            .map(|lookup| lookup.into_facts(self.namespace.as_deref()))
            .map_err(translate(OPERATION, &self.address, NEW_TOKEN))
            .map_err(of_token)
    }

    async fn renew(&self, token: &SecretString) -> Result<u64, Error> {
        const OPERATION: &str = "renewing the Vault token at";
        let request =
            Request::<Renewal>::post("auth/token/renew-self", &HashMap::<&str, &str>::new());
        let renewal = match self.client(token).response(request).await {
            // Vault may answer so if the token's role was deleted.
            Ok(Renewal { auth: None }) | Err(Failure::Empty(_)) => {
                return Err(unexpected(OPERATION, &self.address, "renewed nothing: what the token was created with (its auth method or role) does not exist any longer")
                    .with_remedy(errors::ROLE_IS_GONE));
            }
            Ok(Renewal { auth: Some(auth) }) => Ok(auth.lease_duration),
            Err(failure) => Err(failure),
        };
        renewal
            .map_err(translate(OPERATION, &self.address, NEW_TOKEN))
            .map_err(of_token)
    }
}

/// Adds the causes to the error of a token that is denied.
fn of_token(mut error: Error) -> Error {
    if let Error::Denied { problem, .. } = &mut error {
        INVALID_TOKEN.clone_into(problem);
    }
    error
}
