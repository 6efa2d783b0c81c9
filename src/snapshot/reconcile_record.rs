//! The record of the last sweep: the once-daily guard, and what is told of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The record of the last sweep, `last-run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconcileRecord {
    /// When it began; one that goes on with who was left over keeps the beginning.
    pub started_at: Timestamp,
    /// When it ended; `None` while it is under way, and when it died.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What woke it.
    pub trigger: String,
    /// How often each outcome occurred.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Who failed or was not begun.
    #[serde(default)]
    pub failed_users: Vec<String>,
    /// Whether everybody has to be looked at again: there may be users who were not even listed, or nothing was seen of
    /// Vault.
    #[serde(default)]
    pub unlisted: bool,
    /// Until when it may be under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_until: Option<Timestamp>,
    /// Which invocation it is; Lambda's own retries have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
