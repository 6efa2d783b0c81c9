//! What may be told of a token.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::Lifetime;

/// What is known of the token, without the token.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// Seconds that are left; `None` for one without end.
    pub ttl_seconds: Option<u64>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Its period; `None` for one that is not periodic.
    pub period_seconds: Option<u64>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whether it was renewed just now.
    pub renewed: bool,
    /// What is wrong with it, and what to do.
    pub warnings: Vec<String>,
}

impl TokenStatus {
    /// What a lifetime amounts to, not renewed.
    pub fn of(lifetime: &Lifetime, now: Timestamp, warnings: Vec<String>) -> Self {
        Self {
            ttl_seconds: lifetime.seconds_left(now),
            expires_at: lifetime.expires_at(),
            period_seconds: lifetime.period_seconds,
            renewable: lifetime.renewable,
            renewed: false,
            warnings,
        }
    }

    /// Hours that are left; `None` for a token without end.
    pub fn hours_left(&self) -> Option<f64> {
        self.ttl_seconds
            .map(|seconds| Duration::from_secs(seconds).as_secs_f64() / 3600.0)
    }
}

/// What an operator may see of a token: never the token, never its accessor.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// How long it lives, and what is wrong with it.
    #[serde(flatten)]
    pub status: TokenStatus,
    /// `service`, or `batch`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it outlives the token that it was made with.
    pub orphan: bool,
    /// The names of its policies.
    pub policies: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}
