//! Recorded calls to the fake services, and how many of them were made in sequence.

use std::collections::BTreeMap;
use std::time::Instant;

/// One recorded call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its kind, such as `S3 read`.
    pub kind: &'static str,
    /// When the request arrived.
    pub began: Instant,
    /// When the response was sent.
    pub ended: Instant,
}

/// The time span of a call, in milliseconds after the start of its invocation.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The kind of the call.
    pub kind: &'static str,
    /// When it began.
    pub began_ms: f64,
    /// When it ended.
    pub ended_ms: f64,
}

impl Span {
    /// Returns the span of a call relative to `start`.
    pub fn of(call: &Call, start: Instant) -> Self {
        let after = |time: Instant| time.saturating_duration_since(start).as_secs_f64() * 1000.0;
        Self {
            kind: call.kind,
            began_ms: after(call.began),
            ended_ms: after(call.ended),
        }
    }
}

/// Counts the calls of each kind.
pub fn count_by_kind(calls: &[Call]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.kind).or_default() += 1;
    }
    counts
}

/// Returns the number of sequential round trips: the length of the longest chain of calls in which
/// each call began after the previous one had ended.
pub fn sequential_round_trips(mut calls: Vec<Call>) -> usize {
    calls.sort_by_key(|call| call.ended);
    let (mut length, mut chain_end) = (0, None);
    for call in calls {
        if chain_end.is_none_or(|end| call.began >= end) {
            length += 1;
            chain_end = Some(call.ended);
        }
    }
    length
}
