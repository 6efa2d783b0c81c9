//! Writes to the KV version 2 engine: a new version, a PATCH, and a PATCH of the metadata
//! (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>).

use secrecy::ExposeSecret;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::client::Client;
use super::errors::{translate, unexpected};
use super::request::{Failure, Request};
use super::writes::NewVersion;
use crate::backends::{CustomMetadata, MetadataPatchResult, PatchResult, WriteResult};
use crate::error::Error;
use crate::keys::VaultPath;
use crate::snapshot::Cas;
use crate::targets::SecretFields;

/// A body of a write. It shows secrets only to the serializer of the request.
#[derive(Serialize)]
struct Body<'a> {
    data: Data<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Options>,
}

#[derive(Serialize)]
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

/// Writes fields as a new version.
pub(super) async fn put(
    client: Client<'_>,
    path: &VaultPath,
    fields: &SecretFields,
    cas: Cas,
) -> Result<WriteResult, Error> {
    const OPERATION: &str = "writing the key to Vault at";
    let removed = &[];
    let body = Body {
        data: Data { fields, removed },
        options: match cas {
            Cas::Version(cas) => Some(Options { cas }),
            Cas::Unchecked => None,
        },
    };
    let request = Request::<NewVersion>::post(format!("{}/data/{}", path.mount, path.path), &body);
    match client.data(request).await {
        Ok(new) => Ok(WriteResult::Written(new.version, new.created_at())),
        Err(failure) if is_mismatch(&failure) => Ok(WriteResult::CasMismatch),
        // Only version 1 answers a write without content.
        Err(Failure::Empty(204)) => {
            let problem = format!(
                "returned 204: {}/ is not a KV version 2 mount, and the key is now a plain secret \
                 at {}/data/{}",
                path.mount, path.mount, path.path
            );
            let remedy = "delete it there, and name a KV version 2 mount in VAULT_MOUNT or in the \
                targets document";
            Err(unexpected(OPERATION, path, &problem).with_remedy(remedy))
        }
        Err(error) => {
            let remedy = "check that the token is valid (`keysync token show`), that its policy \
                allows create and update on the path's data (`keysync policy vault`), and \
                VAULT_NAMESPACE";
            Err(translate(OPERATION, path, remedy)(error))
        }
    }
}

/// Changes and removes fields of the current version.
pub(super) async fn patch(
    client: Client<'_>,
    path: &VaultPath,
    fields: &SecretFields,
    removed: &[String],
    version: u64,
) -> Result<PatchResult, Error> {
    let body = Body {
        data: Data { fields, removed },
        options: Some(Options { cas: version }),
    };
    let request = Request::<NewVersion>::patch(format!("{}/data/{}", path.mount, path.path), &body);
    match client.data(request).await {
        Ok(new) => Ok(PatchResult::Written(new.version, new.created_at())),
        Err(failure) if is_mismatch(&failure) => Ok(PatchResult::CasMismatch),
        Err(Failure::Status(response)) if response.has_no_version() => Ok(PatchResult::Absent),
        Err(Failure::Status(response)) if response.code == 405 => Ok(PatchResult::Unsupported),
        Err(error) => {
            let remedy = "check that the token is valid (`keysync token show`), then allow patch \
                on the path's data (`keysync policy vault --targets FILE`), or set \"merge\": \
                false for the target";
            Err(translate("changing the key in Vault at", path, remedy)(
                error,
            ))
        }
    }
}

/// Changes entries of the custom metadata.
pub(super) async fn patch_metadata(
    client: Client<'_>,
    path: &VaultPath,
    entries: &CustomMetadata,
) -> Result<MetadataPatchResult, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        custom_metadata: &'a CustomMetadata,
    }
    let body = Body {
        custom_metadata: entries,
    };
    let request = Request::<()>::patch(format!("{}/metadata/{}", path.mount, path.path), &body);
    match client.done(request).await {
        Ok(()) => Ok(MetadataPatchResult::Done),
        Err(Failure::Status(response)) if response.has_no_version() => {
            Ok(MetadataPatchResult::Absent)
        }
        Err(Failure::Status(response)) if response.code == 405 => {
            Ok(MetadataPatchResult::Unsupported)
        }
        Err(error) => {
            let remedy = "allow patch on the path's metadata, or set \"metadata\": null in the \
                targets document";
            Err(translate("changing Vault's metadata of", path, remedy)(
                error,
            ))
        }
    }
}

/// Returns whether Vault rejected a check-and-set version, by the text of its error.
fn is_mismatch(failure: &Failure) -> bool {
    let text = "did not match the current version";
    matches!(failure, Failure::Status(response) if response.code == 400 && response.mentions(text))
}
