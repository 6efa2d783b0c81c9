//! The figures of one command.

use std::time::Duration;

use crate::calls::Span;

/// The figures of one command. Repeated measurements are medians.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The name of the command.
    pub name: String,
    /// The time from the start of the process to the first poll, in milliseconds.
    pub startup_ms: f64,
    /// The resident memory at the first poll, in bytes.
    pub startup_memory: u64,
    /// The first invocation of a process: a new user, with added latency.
    pub first: Invocation,
    /// A warm invocation: a rotation, with added latency.
    pub warm: Invocation,
    /// The processor time of a warm rotation without added latency, in milliseconds.
    pub warm_processor_ms: f64,
    /// The number of invocations before the figures that follow.
    pub invocations: usize,
    /// The resident memory after these invocations, in bytes.
    pub memory: u64,
    /// The TLS handshakes of these invocations after the warm-up.
    pub warm_handshakes: u64,
    /// The TLS handshakes of a rotation after the process was frozen.
    pub handshakes_after_pause: u64,
}

/// The figures of one invocation.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// The duration in milliseconds.
    pub duration_ms: f64,
    /// The time spans of its calls, relative to the invocation.
    pub spans: Vec<Span>,
    /// The number of sequential round trips.
    pub round_trips: usize,
    /// The number of calls.
    pub calls: usize,
    /// The bytes sent and received, including TLS and its handshakes.
    pub bytes: u64,
    /// The number of TLS handshakes.
    pub handshakes: u64,
}

/// Returns a duration in milliseconds.
pub fn to_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns the median of at least one value.
pub fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).expect("figures are numbers"));
    values[values.len() / 2]
}

/// Returns the invocation of median duration.
pub fn median_invocation(mut invocations: Vec<Invocation>) -> Invocation {
    invocations.sort_by(|one, other| one.duration_ms.total_cmp(&other.duration_ms));
    invocations.swap_remove(invocations.len() / 2)
}
