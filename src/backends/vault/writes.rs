//! The bodies of writes and of their responses.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
