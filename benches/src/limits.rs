//! The regression check: compares the reproducible figures with their limits. Each limit in the
//! file has a reason.

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

/// Fails if a figure exceeds its limit. The error names every such figure.
pub fn check(file: &Path, results: &Results) -> Result<(), String> {
    let place = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("read {place}: {error}"))?;
    let limits: BTreeMap<String, Limit> =
        serde_json::from_str(&text).map_err(|error| format!("parse {place}: {error}"))?;
    let figures = reproducible_figures(results);
    let mut problems = Vec::new();
    for name in figures.keys().filter(|name| !limits.contains_key(**name)) {
        problems.push(format!("{place}: no limit for {name:?}"));
    }
    for (name, Limit { at_most, reason }) in &limits {
        match figures.get(name.as_str()) {
            None => problems.push(format!("{place}: {name:?} is not measured")),
            Some(value) if value > at_most => {
                problems.push(format!(
                    "{name}: {value} exceeds the limit of {at_most}: {reason}"
                ));
            }
            Some(value) => println!("{name}: {value} of {at_most}"),
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\nbench: "))
    }
}

/// Returns the figures of the first command that do not vary between runs.
fn reproducible_figures(results: &Results) -> BTreeMap<&'static str, u64> {
    let figures = &results.figures[0];
    let (first, warm) = (&figures.first, &figures.warm);
    let (first_trips, warm_trips) = (first.round_trips as u64, warm.round_trips as u64);
    let startup_memory = figures.startup_memory / 1024;
    let memory = figures.memory / 1024;
    let mut found = BTreeMap::from([
        ("first invocation, sequential round trips", first_trips),
        ("first invocation, calls", first.calls as u64),
        ("first invocation, TLS handshakes", first.handshakes),
        ("warm rotation, sequential round trips", warm_trips),
        ("warm rotation, calls", warm.calls as u64),
        ("warm rotation, bytes on the wire", warm.bytes),
        (
            "all warm rotations, TLS handshakes",
            figures.warm_handshakes,
        ),
        (
            "after a pause, TLS handshakes",
            figures.handshakes_after_pause,
        ),
        ("memory at the first poll, KiB", startup_memory),
        ("memory after the warm rotations, KiB", memory),
        ("binary, KiB", results.binary_size / 1024),
    ]);
    if let Some(size) = results.package_size {
        found.insert("package, KiB", size / 1024);
    }
    let runs = results.reconcile_runs.iter();
    for run in runs.filter(|run| run.case.users == 1000) {
        let name = if run.all_changed {
            "reconcile run, 1000 changed users, calls"
        } else {
            "reconcile run, 1000 unchanged users, calls"
        };
        found.insert(name, run.total_calls() as u64);
    }
    found
}
