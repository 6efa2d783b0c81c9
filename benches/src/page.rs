//! The tables of `docs/performance.md`.

mod goals;

use std::fmt::Write;
use std::path::Path;

use crate::Results;
use crate::measure::Figures;
use crate::reconcile::ReconcileRun;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

const MIB: f64 = 1024.0 * 1024.0;

/// The name of a figure, its unit and its value.
type Figure = (&'static str, &'static str, fn(&Figures) -> f64);

const ROTATION_FIGURES: [Figure; 16] = [
    ("process start to first poll", "ms", |found| {
        found.startup_ms
    }),
    ("resident memory at first poll", "MiB", |found| {
        found.startup_memory as f64 / MIB
    }),
    (
        "first invocation, 20 ms added to each call",
        "ms",
        |found| found.first.duration_ms,
    ),
    ("– sequential round trips", "", |found| {
        found.first.round_trips as f64
    }),
    ("– calls", "", |found| found.first.calls as f64),
    ("– TLS handshakes", "", |found| {
        found.first.handshakes as f64
    }),
    ("– on the wire", "KiB", |found| {
        found.first.bytes as f64 / 1024.0
    }),
    ("warm invocation, 20 ms added to each call", "ms", |found| {
        found.warm.duration_ms
    }),
    ("– sequential round trips", "", |found| {
        found.warm.round_trips as f64
    }),
    ("– calls", "", |found| found.warm.calls as f64),
    ("– on the wire", "KiB", |found| {
        found.warm.bytes as f64 / 1024.0
    }),
    ("– processor time", "ms", |found| found.warm_processor_ms),
    ("invocations of one process", "", |found| {
        found.invocations as f64
    }),
    ("– resident memory afterwards", "MiB", |found| {
        found.memory as f64 / MIB
    }),
    ("– TLS handshakes after warm-up", "", |found| {
        found.warm_handshakes as f64
    }),
    ("TLS handshakes after 30 s frozen", "", |found| {
        found.handshakes_after_pause as f64
    }),
];

/// Returns the tables as Markdown.
pub fn tables(results: &Results) -> String {
    let mut text = String::new();
    rotation_table(&mut text, results);
    targets_table(&mut text, results);
    reconcile_table(&mut text, &results.reconcile_runs);
    goals::table(&mut text, results);
    text
}

/// Replaces the text between the page's two markers with the tables.
pub fn update(file: &Path, tables: &str) -> Result<(), String> {
    let place = file.display();
    let page = std::fs::read_to_string(file).map_err(|error| format!("read {place}: {error}"))?;
    let parts = page.split_once(BEGIN);
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or(format!(
        "update {place}: expected the markers {BEGIN:?} and {END:?}"
    ))?;
    crate::write(file, &format!("{before}{BEGIN}\n{tables}{END}{after}"))
}

fn row(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().collect();
    writeln!(text, "| {} |", cells.join(" | ")).expect("writing to a string succeeds");
}

fn header(text: &mut String, names: &[&str]) {
    row(text, names.iter().map(ToString::to_string));
    let alignment = |n| if n == 0 { "---" } else { "---:" };
    row(text, (0..names.len()).map(|n| alignment(n).to_owned()));
}

fn rotation_table(text: &mut String, results: &Results) {
    let mut names = vec!["one rotation"];
    names.extend(results.figures.iter().map(|figures| figures.name.as_str()));
    if results.figures.len() > 1 {
        names.push("ratio");
    }
    header(text, &names);
    for (name, unit, value) in ROTATION_FIGURES {
        let values: Vec<_> = results.figures.iter().map(value).collect();
        let format = |value: &f64| match unit {
            "" => format!("{value}"),
            _ => format!("{value:.1} {unit}"),
        };
        let mut cells = vec![name.to_owned()];
        cells.extend(values.iter().map(format));
        if let [first, .., last] = values[..] {
            let ratio = if first == 0.0 {
                "–".to_owned()
            } else {
                format!("{:.2}", last / first)
            };
            cells.push(ratio);
        }
        row(text, cells);
    }
    let sizes = [
        ("binary", Some(results.binary_size)),
        ("package", results.package_size),
    ];
    for (name, size) in sizes
        .into_iter()
        .filter_map(|(name, size)| Some((name, size?)))
    {
        let mut cells = vec![name.to_owned(), format!("{:.2} MB", size as f64 / 1e6)];
        cells.resize(names.len(), "–".to_owned());
        row(text, cells);
    }
    text.push('\n');
}

/// Compares rotations without a document and by number of targets.
fn targets_table(text: &mut String, results: &Results) {
    let names = [
        "one warm rotation",
        "sequential round trips",
        "calls",
        "TLS handshakes, all rotations",
        "on the wire",
        "time, 20 ms added to each call",
        "processor time",
        "resident memory afterwards",
    ];
    header(text, &names);
    let figures = results.figures.iter().take(1);
    let figures = figures.chain([&results.login]).chain(&results.targets);
    for (n, found) in figures.enumerate() {
        let name = if n == 0 { "no document" } else { &found.name };
        let cells = [
            name.to_owned(),
            found.warm.round_trips.to_string(),
            found.warm.calls.to_string(),
            found.warm_handshakes.to_string(),
            format!("{:.1} KiB", found.warm.bytes as f64 / 1024.0),
            format!("{:.1} ms", found.warm.duration_ms),
            format!("{:.1} ms", found.warm_processor_ms),
            format!("{:.1} MiB", found.memory as f64 / MIB),
        ];
        row(text, cells);
    }
    text.push('\n');
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

/// Returns how many times the bound a run took.
fn ratio(seconds: f64, bound: f64) -> String {
    if bound > 0.0 {
        format!("{:.2}", seconds / bound)
    } else {
        "–".to_owned()
    }
}

fn reconcile_table(text: &mut String, runs: &[ReconcileRun]) {
    let names = [
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
    header(text, &names);
    for run in runs {
        let (bound, cause) = run.lower_bound();
        let cells = [
            format!("{} {}{}", run.case.users, run.kind(), conditions(run)),
            format!("{} ms", run.case.added_latency.as_millis()),
            run.case.concurrency.to_string(),
            run.case
                .ssm_limit
                .map_or("no limit".to_owned(), |limit| limit.to_string()),
            format!("{:.1} s", run.seconds),
            run.total_calls().to_string(),
            format!("{:.2} ms", run.seconds * 1000.0 / run.case.users as f64),
            format!("{:.1} MiB", run.peak_memory as f64 / MIB),
            format!("{bound:.1} s: {cause}"),
            ratio(run.seconds, bound),
        ];
        row(text, cells);
    }
    text.push('\n');
}
