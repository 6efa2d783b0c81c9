//! How long a token lives, and whether to worry. Pure: the clock is given.

use jiff::{SignedDuration, Timestamp, Unit};

use crate::time_format::utc;

/// A renewal is worth nothing while more than this much of the full time is left.
const FRESH_PERCENT: u64 = 90;

/// Twice the interval at which the deployed schedule renews: a shorter period does not survive a missed renewal.
const SHORTEST_PERIOD: u64 = 12 * 3600;

/// What Vault said of a token, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Seconds that were left; `None` for a token without end.
    pub ttl_seconds: Option<u64>,
    /// The period to which each renewal resets it.
    pub period_seconds: Option<u64>,
    /// The age at which it dies however often it is renewed.
    pub explicit_max_ttl_seconds: Option<u64>,
    /// The seconds it was given when it was made.
    pub creation_ttl_seconds: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whether `ttl_seconds` is what a renewal gave.
    pub renewed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When Vault said so.
    pub as_of: Timestamp,
}

/// What is wrong with a token, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Nothing can prolong it.
    #[error("the Vault token cannot be renewed and dies at {}: store a periodic, renewable one before", utc(*.0))]
    NotRenewable(Timestamp),
    /// Renewals will stop to help.
    #[error(
        "the Vault token is not periodic and dies at its maximum lifetime however often it is renewed: store one made with -period"
    )]
    NotPeriodic,
    /// Renewals have stopped to help.
    #[error(
        "a renewal gave the Vault token only {left} of {full} s: its maximum lifetime is near, store a new periodic one"
    )]
    Shrinking {
        /// Seconds that it gave.
        left: u64,
        /// Seconds that it should have given.
        full: u64,
    },
    /// One missed renewal would be its end.
    #[error(
        "the Vault token's period of {0} s is shorter than twice the schedule that renews it: store one with a period of 24 h or more"
    )]
    ShortPeriod(u64),
    /// It has a maximum although it is periodic.
    #[error(
        "the Vault token has an explicit maximum lifetime and dies at {}: store one without -explicit-max-ttl before",
        utc(*.0)
    )]
    Capped(Timestamp),
}

impl Lifetime {
    /// When the token ends; `None` for one without end.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.ttl_seconds.and_then(|ttl| after(self.as_of, ttl))
    }

    /// Seconds that are left, rounded, at least 0; `None` for a token without end.
    pub fn seconds_left(&self, now: Timestamp) -> Option<u64> {
        let left = |end: Timestamp| {
            u64::try_from((end.duration_since(now).as_millis() + 500) / 1000).unwrap_or(0)
        };
        // Not more than there was, also when the clock was set back.
        self.expires_at()
            .map(|end| left(end).min(self.ttl_seconds.unwrap_or(0)))
    }

    /// Whether to renew: less than the threshold, or less than half of the period, is left. Not while the token is
    /// fresh, though: where the threshold is longer than the token's life, every invocation would renew it.
    pub fn renewal_due(&self, now: Timestamp, threshold_hours: u32) -> bool {
        let Some(left) = self.seconds_left(now) else {
            return false;
        };
        let full = self.full_seconds();
        let little = left < u64::from(threshold_hours) * 3600
            || self.period_seconds.is_some_and(|period| left < period / 2);
        little && is_less(left, FRESH_PERCENT, full)
    }

    /// The lifetime after a renewal that gave `ttl` seconds.
    #[must_use]
    pub fn renewed(self, ttl: u64, now: Timestamp) -> Self {
        Self {
            ttl_seconds: Some(ttl).filter(|ttl| *ttl > 0),
            renewed: true,
            as_of: now,
            ..self
        }
    }

    /// What is wrong with the token; empty for a healthy one.
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let (Some(left), Some(end)) = (self.ttl_seconds, self.expires_at()) else {
            return Vec::new();
        };
        let capped = self
            .explicit_max_ttl_seconds
            .and_then(|max| after(self.created_at, max))
            .filter(|end| *end > now);
        let full = self.full_seconds();
        let shrinks = self.renewed && is_less(left, FRESH_PERCENT, full);
        match (self.renewable, self.period_seconds, capped) {
            // To the second: each look gives another fraction of one.
            (false, _, _) => vec![Warning::NotRenewable(
                end.round(Unit::Second).unwrap_or(end),
            )],
            (true, _, Some(end)) => vec![Warning::Capped(end)],
            (true, None, None) if shrinks => {
                vec![Warning::NotPeriodic, Warning::Shrinking { left, full }]
            }
            (true, None, None) => vec![Warning::NotPeriodic],
            (true, Some(_), None) if shrinks => vec![Warning::Shrinking { left, full }],
            (true, Some(period), None) if period < SHORTEST_PERIOD => {
                vec![Warning::ShortPeriod(period)]
            }
            (true, Some(_), None) => Vec::new(),
        }
    }

    fn full_seconds(&self) -> u64 {
        self.period_seconds.unwrap_or(self.creation_ttl_seconds)
    }
}

fn is_less(part: u64, percent: u64, whole: u64) -> bool {
    part.saturating_mul(100) <= whole.saturating_mul(percent)
}

fn after(start: Timestamp, seconds: u64) -> Option<Timestamp> {
    start
        .checked_add(SignedDuration::from_secs(i64::try_from(seconds).ok()?))
        .ok()
}

#[cfg(test)]
mod tests;
