//! The tables of `docs/performance.md`.

use std::fmt::Write;
use std::path::Path;

use crate::Results;
use crate::measure::Figures;
use crate::sweep::Sweep;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

/// What, its unit, and where it stands.
type Figure = (&'static str, &'static str, fn(&Figures) -> f64);

const MIB: f64 = 1024.0 * 1024.0;

/// The tables, as Markdown.
pub fn tables(results: &Results) -> String {
    let mut text = String::new();
    events(&mut text, results);
    sweeps(&mut text, &results.sweeps);
    targets(&mut text, results);
    text
}

/// Puts them into the page, between its two marks.
pub fn renew(file: &Path, tables: &str) -> Result<(), String> {
    let place = file.display();
    let page = std::fs::read_to_string(file).map_err(|error| format!("{place} cannot be read: {error}"))?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.ok_or(format!("{place} has no place for the tables: expected {BEGIN:?} and {END:?}"))?;
    crate::write(file, &format!("{before}{BEGIN}\n{tables}{END}{after}"))
}

fn row(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().collect();
    writeln!(text, "| {} |", cells.join(" | ")).expect("text takes everything");
}

fn head(text: &mut String, names: &[&str]) {
    row(text, names.iter().map(ToString::to_string));
    let lines = names.iter().enumerate().map(|(n, _)| if n == 0 { "---" } else { "---:" }.to_owned());
    row(text, lines);
}

fn events(text: &mut String, results: &Results) {
    let mut names = vec!["one rotation"];
    names.extend(results.figures.iter().map(|figures| figures.name.as_str()));
    if results.figures.len() > 1 {
        names.push("ratio");
    }
    head(text, &names);
    let figures: [Figure; 16] = [
        ("start of the process to first poll", "ms", |found| found.start_millis),
        ("resident memory then", "MiB", |found| found.start_memory as f64 / MIB),
        ("first invocation, 20 ms added to each call", "ms", |found| found.first.millis),
        ("– round trips in sequence", "", |found| found.first.in_sequence as f64),
        ("– calls", "", |found| found.first.calls as f64),
        ("– TLS handshakes", "", |found| found.first.handshakes as f64),
        ("– on the wire", "KiB", |found| found.first.bytes as f64 / 1024.0),
        ("warm invocation, 20 ms added to each call", "ms", |found| found.warm.millis),
        ("– round trips in sequence", "", |found| found.warm.in_sequence as f64),
        ("– calls", "", |found| found.warm.calls as f64),
        ("– on the wire", "KiB", |found| found.warm.bytes as f64 / 1024.0),
        ("– processor time", "ms", |found| found.warm_processor_millis),
        ("invocations of one process", "", |found| found.invocations as f64),
        ("– resident memory after them", "MiB", |found| found.memory as f64 / MIB),
        ("– TLS handshakes of the warm ones", "", |found| found.handshakes as f64),
        ("TLS handshakes after 30 s frozen", "", |found| found.handshakes_after_pause as f64),
    ];
    for (what, unit, figure) in figures {
        let values: Vec<_> = results.figures.iter().map(figure).collect();
        let mut cells = vec![what.to_owned()];
        cells.extend(
            values.iter().map(|value| if unit.is_empty() { format!("{value}") } else { format!("{value:.1} {unit}") }),
        );
        if let [first, .., last] = values[..] {
            cells.push(if first == 0.0 { "–".to_owned() } else { format!("{:.2}", last / first) });
        }
        row(text, cells);
    }
    let mut cells = vec!["binary".to_owned(), format!("{:.2} MB", results.binary as f64 / 1e6)];
    cells.resize(names.len(), "–".to_owned());
    row(text, cells);
    if let Some(zip) = results.zip {
        let mut cells = vec!["package".to_owned(), format!("{:.2} MB", zip as f64 / 1e6)];
        cells.resize(names.len(), "–".to_owned());
        row(text, cells);
    }
    text.push('\n');
}

fn sweeps(text: &mut String, sweeps: &[Sweep]) {
    head(
        text,
        &[
            "sweep",
            "added to each call",
            "at a time",
            "SSM calls/s",
            "time",
            "calls",
            "each user",
            "peak memory",
            "least that its calls need",
        ],
    );
    for sweep in sweeps {
        let calls: usize = sweep.calls.values().sum();
        let (bound, why) = sweep.bound();
        row(
            text,
            [
                format!("{} {}", sweep.case.users, if sweep.all_changed { "changed" } else { "unchanged" }),
                format!("{} ms", sweep.case.added.as_millis()),
                sweep.case.concurrency.to_string(),
                sweep.case.limit.map_or("no limit".to_owned(), |limit| limit.to_string()),
                format!("{:.1} s", sweep.seconds),
                calls.to_string(),
                format!("{:.2} ms", sweep.seconds * 1000.0 / sweep.case.users as f64),
                format!("{:.1} MiB", sweep.memory as f64 / MIB),
                format!("{bound:.1} s: {why}"),
            ],
        );
    }
    text.push('\n');
}

fn targets(text: &mut String, results: &Results) {
    let figures = &results.figures[0];
    let mut lines = vec![
        ("start to first poll, ms", figures.start_millis, 12.0),
        ("resident memory then, MiB", figures.start_memory as f64 / MIB, 12.0),
        ("resident memory after all invocations, MiB", figures.memory as f64 / MIB, 16.0),
        ("processor time of a warm rotation, ms", figures.warm_processor_millis, 2.5),
        ("round trips in sequence of a warm rotation", figures.warm.in_sequence as f64, 3.0),
        ("TLS handshakes of all warm rotations", figures.handshakes as f64, 0.0),
        ("round trips in sequence of the first invocation", figures.first.in_sequence as f64, 5.0),
    ];
    lines.extend(results.zip.map(|zip| ("package, MB", zip as f64 / 1e6, 5.0)));
    for Sweep { case, all_changed, seconds, memory, .. } in &results.sweeps {
        match (case.users, all_changed, case.limit, case.concurrency, case.added.is_zero()) {
            (20_000, false, ..) => lines.push(("peak memory of 20,000 users, MiB", *memory as f64 / MIB, 64.0)),
            (5000, true, None, 16, false) => lines.push(("sweep of 5,000 changed, s", *seconds, 25.0)),
            (5000, false, None, _, true) => {
                lines.push(("sweep of 5,000 unchanged, no limit, nothing added, s", *seconds, 3.0));
            }
            (5000, false, None, 128, false) => {
                lines.push(("sweep of 5,000 unchanged, no limit, 20 ms added, 128 at a time, s", *seconds, 3.0));
            }
            (5000, false, Some(limit), ..) => {
                let allowed = 1.1 * case.users as f64 / 10.0 / limit as f64;
                lines.push((
                    "sweep of 5,000 unchanged at 10 calls a second, s (what they allow, and a tenth)",
                    *seconds,
                    allowed,
                ));
            }
            _ => {}
        }
    }
    head(text, &["target", "measured", "at most", ""]);
    for (what, value, most) in lines {
        let met = if value <= most { "met" } else { "**missed**" };
        row(text, [what.to_owned(), format!("{value:.2}"), format!("{most}"), met.to_owned()]);
    }
}
