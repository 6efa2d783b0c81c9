//! The record of the last reconcile run: the basis of the once-daily rule.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The record of the last reconcile run, stored as `last-run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReconcileRecord {
    /// When the run started. A run that continues with left-over users keeps the first start.
    pub started_at: Timestamp,
    /// When the run finished. Absent while it is in progress, or if its process ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Whether an operator started the run, not the schedule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
    /// What triggered the run.
    pub trigger: String,
    /// The number of secrets per outcome, and of users without one.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// The users who failed or were not started.
    #[serde(default)]
    pub failed_users: Vec<String>,
    /// Whether the next run must cover all users: some were not listed, or Vault could not be
    /// read.
    #[serde(default, rename = "unlisted")]
    pub needs_full_run: bool,
    /// When the lease of a run in progress ends.
    #[serde(
        default,
        rename = "claimedUntil",
        skip_serializing_if = "Option::is_none"
    )]
    pub leased_until: Option<Timestamp>,
    /// The id of the invocation. Lambda's own retries have the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The users whose secrets the last full run wrote again although their keys had not been
    /// rotated. The same users in the next run show that another process writes there, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewritten_users: Vec<String>,
    /// The folder in Vault that the run covers: server, namespace, mount and prefix. A complete run
    /// of another folder does not count for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
}
