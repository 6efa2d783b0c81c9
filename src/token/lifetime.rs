//! How long a token is valid, and the warnings about it. Pure: the current time is an argument.

use jiff::{SignedDuration, Timestamp, Unit};

use crate::time_format::utc;

/// The share of the full lifetime above which a token is fresh. A fresh token is not renewed.
const FRESH_PERCENT: u64 = 90;

/// The shortest period without a warning: twice the interval at which the deployed schedule renews.
/// A shorter period does not survive a missed renewal.
const MIN_PERIOD: u64 = 12 * 3600;

/// How much nearer the end of a token must come to count: Vault rounds to seconds, and the response
/// takes its time.
const END_TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// The lifetime of a token as Vault reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The remaining seconds at `as_of`; `None` for a token that never expires.
    pub ttl_seconds: Option<u64>,
    /// The period to which each renewal resets the lifetime: what the last one gave.
    pub period_seconds: Option<u64>,
    /// The age at which the token expires despite renewals.
    pub explicit_max_ttl_seconds: Option<u64>,
    /// The lifetime in seconds at creation.
    pub creation_ttl_seconds: u64,
    /// True if the token can be renewed.
    pub renewable: bool,
    /// The full lifetime before a renewal that gave less and brought the end no nearer.
    pub shrunk_from: Option<u64>,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time of the report.
    pub as_of: Timestamp,
}

/// A warning about a token's lifetime, with the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The token cannot be renewed.
    #[error(
        "the Vault token cannot be renewed and expires at {}: store a periodic, renewable token before then",
        utc(*.0)
    )]
    NotRenewable(Timestamp),
    /// Renewals end at the maximum lifetime.
    #[error(
        "the Vault token is not periodic and expires at its maximum lifetime despite renewals: store one created with -period"
    )]
    NotPeriodic,
    /// A renewal no longer gives the full lifetime.
    #[error(
        "a renewal gave the Vault token only {left} of {full} s: its maximum lifetime is near, store a new periodic token"
    )]
    Shrinking {
        /// The seconds that the renewal gave.
        left: u64,
        /// The seconds of the full lifetime.
        full: u64,
    },
    /// A single missed renewal lets the token expire.
    #[error(
        "the Vault token's period of {0} s is shorter than twice the renewal interval: store a token with a period of 24 h or more"
    )]
    ShortPeriod(u64),
    /// The token is periodic but has a maximum lifetime.
    #[error(
        "the Vault token has an explicit maximum lifetime and expires at {}: store one without -explicit-max-ttl before then",
        utc(*.0)
    )]
    Capped(Timestamp),
}

impl Lifetime {
    /// Returns the lifetime of a login's token, which is not renewed: another login replaces it.
    pub fn of_login(seconds: u64, now: Timestamp) -> Self {
        Self {
            ttl_seconds: Some(seconds).filter(|seconds| *seconds > 0),
            period_seconds: None,
            explicit_max_ttl_seconds: None,
            creation_ttl_seconds: seconds,
            renewable: false,
            shrunk_from: None,
            created_at: now,
            as_of: now,
        }
    }

    /// Returns the expiry; `None` for a token that never expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.ttl_seconds.and_then(|ttl| after(self.as_of, ttl))
    }

    /// Returns the remaining seconds, rounded and at least 0; `None` for a token that never
    /// expires.
    pub fn seconds_left(&self, now: Timestamp) -> Option<u64> {
        let left = |end: Timestamp| {
            u64::try_from((end.duration_since(now).as_millis() + 500) / 1000).unwrap_or(0)
        };
        // Never more than was reported, even if the clock was set back.
        self.expires_at()
            .map(|end| left(end).min(self.ttl_seconds.unwrap_or(0)))
    }

    /// Returns true if less than the threshold, or less than half of the period, is left. A fresh
    /// token is never due: a threshold above the lifetime would renew it in every invocation.
    pub fn renewal_due(&self, now: Timestamp, threshold_hours: u32) -> bool {
        let Some(left) = self.seconds_left(now) else {
            return false;
        };
        let full = self.full_seconds();
        let below = left < u64::from(threshold_hours) * 3600
            || self.period_seconds.is_some_and(|period| left < period / 2);
        below && is_at_most(left, FRESH_PERCENT, full)
    }

    /// Returns the lifetime after a renewal that gave `ttl` seconds.
    ///
    /// A renewal that gives much less than the one before has one of two causes. A maximum lifetime
    /// is near; then the end does not move, or moves away. Or the period was lowered; then the end
    /// usually comes nearer, and the next renewals give as much again.
    #[must_use]
    pub fn renewed(self, ttl: u64, now: Timestamp) -> Self {
        let full = self.full_seconds();
        let renewed = Self {
            ttl_seconds: Some(ttl).filter(|ttl| *ttl > 0),
            shrunk_from: None,
            as_of: now,
            ..self
        };
        if ttl == 0 || !is_at_most(ttl, FRESH_PERCENT, full) {
            return renewed;
        }
        let is_nearer =
            |before: Timestamp, after: Timestamp| after.duration_since(before) < -END_TOLERANCE;
        let is_lowered = self.period_seconds.is_some()
            && (self.expires_at().zip(renewed.expires_at()))
                .is_some_and(|(before, after)| is_nearer(before, after));
        if is_lowered {
            Self {
                period_seconds: Some(ttl),
                ..renewed
            }
        } else {
            Self {
                shrunk_from: Some(full),
                ..renewed
            }
        }
    }

    /// Returns the warnings; empty for a token that renewals keep valid.
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let (Some(left), Some(end)) = (self.ttl_seconds, self.expires_at()) else {
            return Vec::new();
        };
        let capped = self
            .explicit_max_ttl_seconds
            .and_then(|max| after(self.created_at, max))
            .filter(|end| *end > now);
        let shrinking = self
            .shrunk_from
            .map(|full| Warning::Shrinking { left, full });
        match (self.renewable, self.period_seconds, capped) {
            // Rounded to seconds, because each lookup gives another fraction of a second.
            (false, _, _) => vec![Warning::NotRenewable(
                end.round(Unit::Second).unwrap_or(end),
            )],
            (true, _, Some(end)) => vec![Warning::Capped(end)],
            (true, None, None) => [Warning::NotPeriodic]
                .into_iter()
                .chain(shrinking)
                .collect(),
            (true, Some(period), None) if shrinking.is_none() && period < MIN_PERIOD => {
                vec![Warning::ShortPeriod(period)]
            }
            (true, Some(_), None) => shrinking.into_iter().collect(),
        }
    }

    fn full_seconds(&self) -> u64 {
        self.period_seconds.unwrap_or(self.creation_ttl_seconds)
    }
}

fn is_at_most(part: u64, percent: u64, whole: u64) -> bool {
    part.saturating_mul(100) <= whole.saturating_mul(percent)
}

fn after(start: Timestamp, seconds: u64) -> Option<Timestamp> {
    start
        .checked_add(SignedDuration::from_secs(i64::try_from(seconds).ok()?))
        .ok()
}

#[cfg(test)]
mod tests;
