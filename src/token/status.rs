//! The public view of a token: everything except the token.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::Lifetime;

/// The state of the token, without the token.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// The remaining seconds; null for a token that never expires.
    pub ttl_seconds: Option<u64>,
    /// The expiry.
    pub expires_at: Option<Timestamp>,
    /// The period; null for a token that is not periodic.
    pub period_seconds: Option<u64>,
    /// True if the token can be renewed.
    pub renewable: bool,
    /// True if this call renewed the token.
    pub renewed: bool,
    /// True for the token of a login with the AWS identity, which another login replaces.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
    /// The issues and their remedies.
    pub warnings: Vec<String>,
}

impl TokenStatus {
    /// Creates the status of a lifetime, not renewed.
    pub fn of(lifetime: &Lifetime, now: Timestamp, warnings: Vec<String>) -> Self {
        Self {
            ttl_seconds: lifetime.seconds_left(now),
            expires_at: lifetime.expires_at(),
            period_seconds: lifetime.period_seconds,
            renewable: lifetime.renewable,
            renewed: false,
            login: false,
            warnings,
        }
    }

    /// Returns the remaining hours; `None` for a token that never expires, and for that of a login.
    pub fn hours_left(&self) -> Option<f64> {
        self.ttl_seconds
            .filter(|_| !self.login)
            .map(|seconds| Duration::from_secs(seconds).as_secs_f64() / 3600.0)
    }
}

/// The view of a token for operators: neither the token nor its accessor.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// The lifetime and the issues.
    #[serde(flatten)]
    pub status: TokenStatus,
    /// `service` or `batch`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// True if the token stays valid when its parent token is revoked.
    pub orphan: bool,
    /// The names of its policies.
    pub policies: Vec<String>,
    /// Its namespace; null for the root namespace.
    pub namespace: Option<String>,
    /// The client addresses that it is bound to; empty for any.
    pub bound_cidrs: Vec<String>,
    /// The creation time.
    pub created_at: Timestamp,
}
