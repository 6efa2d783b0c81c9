//! Which calls were made, and how many of them waited for each other.

use std::collections::BTreeMap;
use std::time::Instant;

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What it was, such as `S3 read`.
    pub what: &'static str,
    /// When it came.
    pub began: Instant,
    /// When its answer went back.
    pub ended: Instant,
}

/// A call, from when to when in milliseconds after `start`.
pub fn span(call: &Call, start: Instant) -> (&'static str, f64, f64) {
    let after = |time: Instant| time.saturating_duration_since(start).as_secs_f64() * 1000.0;
    (call.what, after(call.began), after(call.ended))
}

/// How many calls of each kind.
pub fn by_kind(calls: &[Call]) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for call in calls {
        *kinds.entry(call.what).or_default() += 1;
    }
    kinds
}

/// The longest chain of calls in which each began after the one before it had ended: the round trips in sequence.
pub fn in_sequence(mut calls: Vec<Call>) -> usize {
    calls.sort_by_key(|call| call.ended);
    let (mut chain, mut free_from) = (0, None);
    for call in calls {
        if free_from.is_none_or(|from| call.began >= from) {
            chain += 1;
            free_from = Some(call.ended);
        }
    }
    chain
}
