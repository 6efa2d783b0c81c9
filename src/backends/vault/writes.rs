//! The bodies of writes and of their responses.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A secret to write.
#[derive(Serialize)]
pub(super) struct NewSecret<'a> {
    pub(super) data: KeyFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<WriteOptions>,
}

/// The fields of a secret: the interface to the applications that read it.
#[derive(Serialize)]
pub(super) struct KeyFields<'a> {
    #[serde(rename = "accessKeyId")]
    pub(super) id: &'a str,
    #[serde(rename = "secretAccessKey")]
    pub(super) secret: &'a str,
    #[serde(rename = "userName")]
    pub(super) user: &'a str,
    #[serde(rename = "syncedAt")]
    pub(super) synced_at: String,
}

/// The precondition of a write.
#[derive(Serialize)]
pub(super) struct WriteOptions {
    pub(super) cas: u64,
}

/// A version that was written.
#[derive(Deserialize)]
pub(super) struct NewVersion {
    pub(super) version: u64,
    #[serde(default)]
    created_time: String,
}

impl NewVersion {
    /// Returns when the version was created.
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        self.created_time.parse().ok()
    }
}

/// Versions to delete.
#[derive(Serialize)]
pub(super) struct Versions {
    pub(super) versions: [u64; 1],
}
