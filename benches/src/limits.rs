//! The regression guard: figures that do not wobble, each with its limit and the reason for it, in one file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Results;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    at_most: u64,
    reason: String,
}

/// Fails, naming every figure that is above its limit.
pub fn check(file: &Path, results: &Results) -> Result<(), String> {
    let place = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{place} cannot be read: {error}"))?;
    let limits: BTreeMap<String, Limit> = serde_json::from_str(&text).map_err(|error| format!("{place}: {error}"))?;
    let found = counts(results);
    let mut problems = Vec::new();
    for name in found.keys().filter(|name| !limits.contains_key(**name)) {
        problems.push(format!("{place} has no limit for {name:?}"));
    }
    for (name, Limit { at_most, reason }) in &limits {
        match found.get(name.as_str()) {
            None => problems.push(format!("{place} limits {name:?}, which is not measured")),
            Some(value) if value > at_most => problems.push(format!("{name}: {value}, at most {at_most}: {reason}")),
            Some(value) => println!("{name}: {value} of {at_most}"),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\nbench: ")) }
}

/// The figures of the first command that are the same in every run.
fn counts(results: &Results) -> BTreeMap<&'static str, u64> {
    let figures = &results.figures[0];
    let mut counts = BTreeMap::from([
        ("first invocation, round trips in sequence", figures.first.in_sequence as u64),
        ("first invocation, calls", figures.first.calls as u64),
        ("first invocation, TLS handshakes", figures.first.handshakes),
        ("warm rotation, round trips in sequence", figures.warm.in_sequence as u64),
        ("warm rotation, calls", figures.warm.calls as u64),
        ("warm rotation, bytes on the wire", figures.warm.bytes),
        ("warm rotations, TLS handshakes of all", figures.handshakes),
        ("after a pause, TLS handshakes", figures.handshakes_after_pause),
        ("memory at the first poll, KiB", figures.start_memory / 1024),
        ("memory after the warm rotations, KiB", figures.memory / 1024),
        ("binary, KiB", results.binary / 1024),
    ]);
    if let Some(zip) = results.zip {
        counts.insert("package, KiB", zip / 1024);
    }
    for sweep in results.sweeps.iter().filter(|sweep| sweep.case.users == 1000) {
        let what = if sweep.all_changed { "sweep of 1000 changed, calls" } else { "sweep of 1000 unchanged, calls" };
        counts.insert(what, sweep.calls.values().sum::<usize>() as u64);
    }
    counts
}
