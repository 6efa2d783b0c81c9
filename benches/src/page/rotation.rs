//! The tables of rotations.

use super::{MIB, header, ratio, ratio_name, row};
use crate::figures::Figures;
use crate::results::{Measured, Results};

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
    ("TLS handshakes after a pause", "", |found| {
        found.handshakes_after_pause as f64
    }),
];

/// Compares the commands. The column of a ratio divides by the figure of the first command.
pub(super) fn table(text: &mut String, results: &Results) {
    let (commands, others) = (&results.commands, &results.commands[1..]);
    if commands.iter().all(|command| command.rotations.is_none()) {
        return;
    }
    let mut names = vec!["one rotation".to_owned()];
    names.extend(commands.iter().map(|command| command.name.clone()));
    names.extend(others.iter().map(|other| ratio_name(&other.name, results)));
    header(text, &names);
    for (name, unit, value) in ROTATION_FIGURES {
        let format = |value: f64| match unit {
            "" => format!("{value}"),
            _ => format!("{value:.1} {unit}"),
        };
        let value_of = |command: &Measured| command.rotations.as_ref().map(value);
        let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "–".to_owned());
        let mut cells = vec![name.to_owned()];
        cells.extend(
            commands
                .iter()
                .map(|command| or_dash(value_of(command).map(format))),
        );
        cells.extend(others.iter().map(|other| {
            let values = value_of(other).zip(value_of(results.first()));
            or_dash(values.map(|(value, first)| ratio(value, first)))
        }));
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
pub(super) fn targets_table(text: &mut String, function: &Measured) {
    if function.rotations.is_none() {
        return;
    }
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
    let variants = function.login.iter().chain(&function.targets);
    let variants = variants.map(|found| (found.name.as_str(), found));
    let plain = function
        .rotations
        .iter()
        .map(|found| ("no document", found));
    for (name, found) in plain.chain(variants) {
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
