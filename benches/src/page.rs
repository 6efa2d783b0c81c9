//! The tables of `docs/performance.md`, or of a page with the figures of several commands.

mod goals;
mod reconcile;
mod rotation;

use std::fmt::Write;
use std::io::ErrorKind;
use std::path::Path;

use crate::results::Results;

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

const MIB: f64 = 1024.0 * 1024.0;

/// Returns the tables as Markdown.
pub fn tables(results: &Results) -> String {
    let mut text = String::new();
    rotation::table(&mut text, results);
    rotation::targets_table(&mut text, results.first());
    reconcile::tables(&mut text, results);
    goals::table(&mut text, results);
    text
}

/// Replaces the text between the page's two markers with the tables. Creates the page if there is
/// none.
pub fn update(file: &Path, tables: &str) -> Result<(), String> {
    let place = file.display();
    let page = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => format!("# Figures\n\n{BEGIN}{END}"),
        page => page.map_err(|error| format!("read {place}: {error}"))?,
    };
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

fn header(text: &mut String, names: &[impl AsRef<str>]) {
    row(text, names.iter().map(|name| name.as_ref().to_owned()));
    let alignment = |n| if n == 0 { "---" } else { "---:" };
    row(text, (0..names.len()).map(|n| alignment(n).to_owned()));
}

/// Returns how many times the other value a value is, or a dash if the other is zero.
fn ratio(value: f64, other: f64) -> String {
    if other > 0.0 {
        format!("{:.2}", value / other)
    } else {
        "–".to_owned()
    }
}

/// Names the ratio of a command's figures to those of the first command.
fn ratio_name(name: &str, results: &Results) -> String {
    format!("{name} / {}", results.first().name)
}
