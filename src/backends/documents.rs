//! The targets document: a file, or an object of the bucket.

use std::io::Read;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;

use super::objects::{Found, Object, Objects};
use super::{DocumentReading, Etag, PutResult, TargetDocuments};
use crate::config::BucketConfig;
use crate::error::Error;
use crate::targets::MAX_BYTES;

const READING: &str = "reading the targets document";
const STORING: &str = "storing the targets document";

/// The place of the targets document.
#[derive(Debug)]
pub enum TargetsDocument {
    /// A file.
    File(PathBuf),
    /// An object.
    Object(StoredDocument),
}

/// The targets document in a bucket.
#[derive(Debug)]
pub struct StoredDocument {
    objects: Objects,
    key: String,
}

impl StoredDocument {
    /// Creates an adapter for the targets document of `bucket`.
    pub fn new(client: Client, bucket: &BucketConfig) -> Self {
        Self {
            objects: Objects::new(client, &bucket.name),
            key: bucket.targets_key.clone(),
        }
    }
}

impl TargetDocuments for TargetsDocument {
    async fn load(&self, known: Option<&Etag>) -> Result<DocumentReading, Error> {
        match self {
            Self::File(path) => {
                let text = read(path).map_err(|error| {
                    let path = path.display().to_string();
                    Error::unexpected(READING, path, &error.to_string())
                        .with_remedy("check TARGETS_FILE")
                })?;
                Ok(DocumentReading::Document(text, None))
            }
            Self::Object(StoredDocument { objects, key }) => {
                match objects.get_unless(READING, key, known).await? {
                    Found::Absent => Ok(DocumentReading::Absent),
                    Found::Unchanged => Ok(DocumentReading::Unchanged),
                    Found::Object(Object { text, etag, .. }) => {
                        Ok(DocumentReading::Document(text, Some(etag)))
                    }
                }
            }
        }
    }

    async fn save(&self, text: Vec<u8>, if_match: Option<&Etag>) -> Result<PutResult, Error> {
        match self {
            Self::File(_) => {
                let problem = "is set, so a stored document is not used; expected no value";
                Err(Error::misconfigured("TARGETS_FILE", problem))
            }
            Self::Object(StoredDocument { objects, key }) => {
                objects.put(STORING, key, text, if_match).await
            }
        }
    }

    fn address(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object(StoredDocument { objects, key }) => objects.address_of(key),
        }
    }
}

/// Reads a file as far as a document may be long, and one byte more.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}
