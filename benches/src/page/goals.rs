//! The goals, and whether the measured figures meet them.

use super::{MIB, header, row};
use crate::figures::Figures;
use crate::reconcile::ReconcileRun;
use crate::results::Results;

/// A goal: its name, the measured value and the maximum.
type Goal = (&'static str, f64, f64);

pub(super) fn table(text: &mut String, results: &Results) {
    let function = results.first();
    let rotations = function.rotations.iter();
    let mut goals: Vec<_> = rotations.flat_map(rotation_goals).collect();
    if let Some(size) = results.package_size {
        goals.push(("package, MB", size as f64 / 1e6, 5.0));
    }
    let runs = function.reconcile_runs.iter();
    let runs = runs.filter(|run| run.case.targets.is_none());
    goals.extend(runs.filter_map(reconcile_goal));
    if goals.is_empty() {
        return;
    }
    header(text, &["goal", "measured", "at most", ""]);
    for (name, value, at_most) in goals {
        let result = if value <= at_most {
            "met"
        } else {
            "**missed**"
        };
        let cells = [
            format!("{value:.2}"),
            at_most.to_string(),
            result.to_owned(),
        ];
        row(text, std::iter::once(name.to_owned()).chain(cells));
    }
}

fn rotation_goals(figures: &Figures) -> [Goal; 7] {
    let startup_memory = figures.startup_memory as f64 / MIB;
    let memory = figures.memory as f64 / MIB;
    let warm_processor_ms = figures.warm_processor_ms;
    let warm_round_trips = figures.warm.round_trips as f64;
    let warm_handshakes = figures.warm_handshakes as f64;
    let first_round_trips = figures.first.round_trips as f64;
    [
        ("process start to first poll, ms", figures.startup_ms, 12.0),
        ("resident memory at first poll, MiB", startup_memory, 12.0),
        ("resident memory after all invocations, MiB", memory, 16.0),
        (
            "processor time of a warm rotation, ms",
            warm_processor_ms,
            2.5,
        ),
        (
            "sequential round trips of a warm rotation",
            warm_round_trips,
            3.0,
        ),
        ("TLS handshakes of all warm rotations", warm_handshakes, 0.0),
        (
            "sequential round trips of the first invocation",
            first_round_trips,
            5.0,
        ),
    ]
}

fn reconcile_goal(run: &ReconcileRun) -> Option<Goal> {
    let case = run.case;
    let added = !case.added_latency.is_zero();
    let duration = |name, at_most| Some((name, run.seconds, at_most));
    match (
        case.users,
        run.all_changed,
        case.ssm_limit,
        case.concurrency,
    ) {
        (20_000, false, ..) => {
            let peak_memory = run.peak_memory as f64 / MIB;
            Some(("peak memory for 20,000 users, MiB", peak_memory, 64.0))
        }
        (5000, true, None, 16) if added => duration("5,000 changed users, s", 25.0),
        (5000, false, None, 128) => duration(
            "5,000 unchanged users, no limit, 20 ms added, concurrency 128, s",
            3.0,
        ),
        (5000, false, None, _) if !added => {
            duration("5,000 unchanged users, no limit, nothing added, s", 3.0)
        }
        (5000, false, Some(limit), _) => duration(
            "5,000 unchanged users at 10 SSM calls/s, s (the limit's minimum plus 10%)",
            1.1 * case.users as f64 / 10.0 / limit as f64,
        ),
        _ => None,
    }
}
