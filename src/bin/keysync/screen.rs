//! Tables that fit the terminal, with colour if it is supported.

use std::io::IsTerminal;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table};

use crate::args::Colour;

/// The width of output that is not a terminal, and the minimum of a terminal.
const MIN_WIDTH: u16 = 80;

/// The properties of standard output.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    colour: bool,
    forces_colour: bool,
    width: u16,
}

/// The colour of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Green.
    Good,
    /// Yellow.
    Warning,
    /// Red.
    Bad,
    /// No colour.
    Plain,
}

impl Screen {
    /// Inspects standard output. `environment` returns a variable's value.
    pub fn of_stdout(when: Colour, environment: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
        let terminal = std::io::stdout().is_terminal();
        let dumb = environment("TERM").is_some_and(|term| term == "dumb");
        let width = Table::new()
            .width()
            .filter(|_| terminal)
            .map_or(MIN_WIDTH, |width| width.max(MIN_WIDTH));
        Self {
            colour: match when {
                Colour::Auto => terminal && !is_set("NO_COLOR") && !dumb,
                Colour::Always => true,
                Colour::Never => false,
            },
            forces_colour: when == Colour::Always,
            width,
        }
    }

    /// Creates a table; an empty header is left out.
    pub fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width);
        if self.forces_colour {
            table.enforce_styling();
        }
        if !header.is_empty() {
            table.set_header(header.iter().map(Cell::new));
        }
        // A wrapped name could be neither copied nor searched for.
        if let Some(names) = table.column_mut(0) {
            names.set_constraint(ColumnConstraint::ContentWidth);
        }
        table
    }

    /// Creates a cell of this tone.
    pub fn cell(self, text: impl ToString, tone: Tone) -> Cell {
        let cell = Cell::new(text);
        match tone {
            _ if !self.colour => cell,
            Tone::Good => cell.fg(Color::Green),
            Tone::Warning => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red),
            Tone::Plain => cell,
        }
    }
}

/// The length above which a name gets a line of its own. A wrapped name could be neither copied nor
/// searched for.
const MAX_INLINE_NAME: usize = 32;

/// The placeholder of such a name in the table.
const LONG_NAME: &str = "\u{e000}";

/// Creates the cell of a name.
pub fn name(name: &str) -> Cell {
    Cell::new(if name.len() > MAX_INLINE_NAME {
        LONG_NAME
    } else {
        name
    })
}

/// Formats a table without leading and trailing spaces.
pub fn render(table: &Table) -> String {
    render_with_names(table, [])
}

/// Formats a table with a [`name`] in each row; `names` are in the order of the rows.
pub fn render_with_names<'a>(table: &Table, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut long = names
        .into_iter()
        .filter(|name| name.len() > MAX_INLINE_NAME);
    let mut text = String::new();
    for line in table.lines() {
        if line.contains(LONG_NAME) {
            text.extend([long.next().unwrap_or_default(), "\n"]);
        }
        let line = line.replace(LONG_NAME, " ");
        let line = line.trim_end();
        text.extend([line.strip_prefix(' ').unwrap_or(line), "\n"]);
    }
    text
}
