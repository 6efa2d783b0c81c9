//! The tables of reconcile runs.

use super::{MIB, header, ratio, ratio_name, row};
use crate::reconcile::ReconcileRun;
use crate::results::Results;

/// The columns of a table.
const NAMES: [&str; 10] = [
    "reconcile run",
    "added to each call",
    "concurrency",
    "SSM calls/s",
    "time",
    "calls",
    "time per user",
    "peak memory",
    "lower bound",
    "time / bound",
];

/// Adds a table for each command. Those of the others have one more column: the time divided by
/// that of the same run of the first command.
pub(super) fn tables(text: &mut String, results: &Results) {
    let first = results.first();
    for (n, command) in results.commands.iter().enumerate() {
        if command.reconcile_runs.is_empty() {
            continue;
        }
        let mut names = NAMES.map(str::to_owned).to_vec();
        if results.commands.len() > 1 {
            names[0] = format!("reconcile run of {}", command.name);
        }
        if n > 0 {
            let ratio = ratio_name(&command.name, results);
            names.push(format!("time, {ratio}"));
        }
        header(text, &names);
        for run in &command.reconcile_runs {
            let mut cells = cells(run);
            if n > 0 {
                let is_same = |other: &&ReconcileRun| {
                    (other.case, other.all_changed) == (run.case, run.all_changed)
                };
                let same = first.reconcile_runs.iter().find(is_same);
                let other_seconds = same.map_or(0.0, |same| same.seconds);
                cells.push(ratio(run.seconds, other_seconds));
            }
            row(text, cells);
        }
        text.push('\n');
    }
}

/// Names the targets and the quota of a run, if it has any.
fn conditions(run: &ReconcileRun) -> String {
    let targets = run.case.targets.map(|targets| targets.name() + " each");
    let quota = run.case.vault_quota;
    let quota = quota.map(|quota| format!("Vault quota {quota}/s"));
    let stated = targets.into_iter().chain(quota);
    let stated: Vec<_> = stated.map(|text| format!(" ({text})")).collect();
    stated.concat()
}

fn cells(run: &ReconcileRun) -> Vec<String> {
    let (bound, cause) = run.lower_bound();
    let ssm_limit = run.case.ssm_limit;
    vec![
        format!("{} {}{}", run.case.users, run.kind(), conditions(run)),
        format!("{} ms", run.case.added_latency.as_millis()),
        run.case.concurrency.to_string(),
        ssm_limit.map_or("no limit".to_owned(), |limit| limit.to_string()),
        format!("{:.1} s", run.seconds),
        run.total_calls().to_string(),
        format!("{:.2} ms", run.seconds * 1000.0 / run.case.users as f64),
        format!("{:.1} MiB", run.peak_memory as f64 / MIB),
        format!("{bound:.1} s: {cause}"),
        ratio(run.seconds, bound),
    ]
}
