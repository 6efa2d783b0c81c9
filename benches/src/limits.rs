//! The regression check: compares the reproducible figures with their limits. Each limit in the
//! file has a reason.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::figures::Figures;
use crate::reconcile::ReconcileRun;
use crate::results::Results;

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
    for name in figures.keys().filter(|name| !limits.contains_key(*name)) {
        problems.push(format!("{place}: no limit for {name:?}"));
    }
    for (name, Limit { at_most, reason }) in &limits {
        match figures.get(name) {
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
fn reproducible_figures(results: &Results) -> BTreeMap<String, u64> {
    let function = results.first();
    let rotations = function.rotations.iter().flat_map(figures_of_rotations);
    let login = function.login.iter().flat_map(figures_of_login);
    let binary = ("binary, KiB", results.binary_size / 1024);
    let package = results.package_size.map(|size| size / 1024);
    let package = package.map(|size| ("package, KiB", size));
    let found = rotations.chain(login).chain([binary]).chain(package);
    let found = found.map(|(name, value)| (name.to_owned(), value));
    let runs = function.reconcile_runs.iter();
    let runs: Vec<_> = runs.filter(|run| run.case.users == 1000).collect();
    let found = found.chain(figures_of_targets(&function.targets));
    found.chain(figures_of_runs(&runs)).collect()
}

fn figures_of_rotations(figures: &Figures) -> [(&'static str, u64); 10] {
    let (first, warm) = (&figures.first, &figures.warm);
    let (first_trips, warm_trips) = (first.round_trips as u64, warm.round_trips as u64);
    let warm_handshakes = figures.warm_handshakes;
    let handshakes_after_pause = figures.handshakes_after_pause;
    let startup_memory = figures.startup_memory / 1024;
    let memory = figures.memory / 1024;
    [
        ("first invocation, sequential round trips", first_trips),
        ("first invocation, calls", first.calls as u64),
        ("first invocation, TLS handshakes", first.handshakes),
        ("warm rotation, sequential round trips", warm_trips),
        ("warm rotation, calls", warm.calls as u64),
        ("warm rotation, bytes on the wire", warm.bytes),
        ("all warm rotations, TLS handshakes", warm_handshakes),
        ("after a pause, TLS handshakes", handshakes_after_pause),
        ("memory at the first poll, KiB", startup_memory),
        ("memory after the warm rotations, KiB", memory),
    ]
}

fn figures_of_login(figures: &Figures) -> [(&'static str, u64); 3] {
    let first_trips = figures.first.round_trips as u64;
    [
        (
            "first invocation with a login, sequential round trips",
            first_trips,
        ),
        (
            "first invocation with a login, calls",
            figures.first.calls as u64,
        ),
        (
            "warm rotation with a login, calls",
            figures.warm.calls as u64,
        ),
    ]
}

/// Returns the figures of rotations with targets. Round trips and handshakes have the same limit
/// for all of them.
fn figures_of_targets(targets: &[Figures]) -> Vec<(String, u64)> {
    let round_trips = targets.iter().map(|found| found.warm.round_trips as u64);
    let handshakes = targets.iter().map(|found| found.warm_handshakes).sum();
    let mut figures: Vec<_> = targets
        .iter()
        .map(|found| {
            let name = format!("warm rotation, {}, calls", found.name);
            (name, found.warm.calls as u64)
        })
        .collect();
    figures.push((
        "warm rotation, 1 to 10 targets, sequential round trips".to_owned(),
        round_trips.max().unwrap_or_default(),
    ));
    figures.push((
        "all warm rotations, 1 to 10 targets, TLS handshakes".to_owned(),
        handshakes,
    ));
    figures
}

/// Returns the figures of reconcile runs with the same number of users. Memory is compared with
/// that of another run only.
fn figures_of_runs(runs: &[&ReconcileRun]) -> Vec<(String, u64)> {
    let mut figures = Vec::new();
    for run in runs {
        let name = format!("reconcile run, {} {} users", run.case.users, run.kind());
        let Some(targets) = run.case.targets else {
            figures.push((format!("{name}, calls"), run.total_calls() as u64));
            continue;
        };
        let name = format!("{name}, {} each", targets.name());
        figures.push((format!("{name}, calls"), run.total_calls() as u64));
        figures.push((format!("{name}, TLS handshakes"), run.handshakes));
    }
    let peak = |per_user, all_changed| {
        let is_wanted = |run: &&&ReconcileRun| {
            let targets = run.case.targets.map(|targets| targets.per_user);
            (targets, run.all_changed) == (Some(per_user), all_changed)
        };
        runs.iter().find(is_wanted).map(|run| run.peak_memory)
    };
    let ratios = [
        ("2 targets each beside 1", peak(2, false), peak(1, false)),
        (
            "2 targets each, second run beside the first",
            peak(2, false),
            peak(2, true),
        ),
    ];
    for (name, peak, other) in ratios {
        if let (Some(peak), Some(other)) = (peak, other) {
            let name = format!("reconcile run, {name}, peak memory, percent");
            figures.push((name, 100 * peak / other));
        }
    }
    figures
}
