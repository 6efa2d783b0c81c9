//! Writes to the KV version 2 engine: a new version, a PATCH, and a PATCH of the metadata
//! (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>).

use rustify::errors::ClientError as HttpError;
use secrecy::ExposeSecret;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, Serialize as DeriveSerialize};
use vaultrs::api::exec_with_result;
use vaultrs::client::VaultClient;
use vaultrs::error::ClientError;

use super::errors::{translate, unexpected};
use super::request::{Request, merge_patch};
use crate::backends::{CustomMetadata, MetadataPatchResult, PatchResult, WriteResult};
use crate::error::Error;
use crate::keys::VaultPath;
use crate::snapshot::Cas;
use crate::targets::SecretFields;

/// A body of a write. It shows secrets only to the serializer of the request.
#[derive(DeriveSerialize)]
struct Body<'a> {
    data: Data<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Options>,
}

#[derive(DeriveSerialize)]
struct Options {
    cas: u64,
}

/// The fields to write, and the fields to remove, which are null in a merge patch.
struct Data<'a> {
    fields: &'a SecretFields,
    removed: &'a [String],
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.fields.iter() {
            map.serialize_entry(name, value.expose_secret())?;
        }
        for name in self.removed {
            if self.fields.get(name).is_none() {
                map.serialize_entry(name, &())?;
            }
        }
        map.end()
    }
}

#[derive(Deserialize)]
struct Written {
    version: u64,
}

/// Writes fields as a new version.
pub(super) async fn put(
    client: &VaultClient,
    path: &VaultPath,
    fields: &SecretFields,
    cas: Cas,
) -> Result<WriteResult, Error> {
    let removed = &[];
    let body = Body {
        data: Data { fields, removed },
        options: match cas {
            Cas::Version(cas) => Some(Options { cas }),
            Cas::Unchecked => None,
        },
    };
    let request = Request::<Written>::post(format!("{}/data/{}", path.mount, path.path), &body);
    match exec_with_result(client, request).await {
        Ok(Written { version }) => Ok(WriteResult::Written(version)),
        Err(ClientError::APIError { code: 400, errors })
            if errors.iter().any(|text| is_mismatch(text)) =>
        {
            Ok(WriteResult::CasMismatch)
        }
        Err(error) => {
            let operation = "writing the key to Vault at";
            let remedy = "check that the token is valid (lookup-self) and that its policy allows create and update on the path's data";
            Err(translate(operation, path, remedy)(error))
        }
    }
}

/// Changes and removes fields of the current version.
pub(super) async fn patch(
    client: &VaultClient,
    path: &VaultPath,
    fields: &SecretFields,
    removed: &[String],
    version: u64,
) -> Result<PatchResult, Error> {
    #[derive(Deserialize)]
    struct Response {
        data: Written,
    }
    const OPERATION: &str = "changing the key in Vault at";
    let body = Body {
        data: Data { fields, removed },
        options: Some(Options { cas: version }),
    };
    match merge_patch(client, format!("{}/data/{}", path.mount, path.path), &body).await {
        Ok(body) => serde_json::from_slice::<Response>(&body)
            .map(|response| PatchResult::Written(response.data.version))
            .map_err(|_| unexpected(OPERATION, path, "returned a response that is not Vault's")),
        Err(HttpError::ServerResponseError {
            code: 400,
            content: Some(text),
        }) if is_mismatch(&text) => Ok(PatchResult::CasMismatch),
        Err(HttpError::ServerResponseError { code: 404, .. }) => Ok(PatchResult::Absent),
        Err(HttpError::ServerResponseError { code: 405, .. }) => Ok(PatchResult::Unsupported),
        Err(error) => {
            let remedy = "allow patch on the path's data, or set \"merge\": false for the target";
            Err(translate(OPERATION, path, remedy)(error.into()))
        }
    }
}

/// Changes entries of the custom metadata.
pub(super) async fn patch_metadata(
    client: &VaultClient,
    path: &VaultPath,
    entries: &CustomMetadata,
) -> Result<MetadataPatchResult, Error> {
    #[derive(DeriveSerialize)]
    struct Body<'a> {
        custom_metadata: &'a CustomMetadata,
    }
    let body = Body {
        custom_metadata: entries,
    };
    let url = format!("{}/metadata/{}", path.mount, path.path);
    match merge_patch(client, url, &body).await {
        Ok(_) => Ok(MetadataPatchResult::Done),
        Err(HttpError::ServerResponseError { code: 404, .. }) => Ok(MetadataPatchResult::Absent),
        Err(HttpError::ServerResponseError { code: 405, .. }) => {
            Ok(MetadataPatchResult::Unsupported)
        }
        Err(error) => {
            let operation = "changing Vault's metadata of";
            let remedy = "allow patch on the path's metadata, or set \"metadata\": null in the targets document";
            Err(translate(operation, path, remedy)(error.into()))
        }
    }
}

/// Returns whether Vault rejected a check-and-set version, by the text of its error.
fn is_mismatch(text: &str) -> bool {
    text.contains("did not match the current version")
}
