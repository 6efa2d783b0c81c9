//! What people look at: tables that fit the terminal, colour where it is wanted.

use std::io::IsTerminal;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Color, ContentArrangement, Table};

/// The width of everything that is no terminal, and of a terminal at the least.
const WIDTH: u16 = 80;

/// How standard output may be used.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    colour: bool,
    width: u16,
}

/// What a cell says of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Bad,
    /// Nothing of the kind.
    Plain,
}

impl Screen {
    /// The screen that standard output is. `environment` gives a variable's value.
    pub fn of_stdout(environment: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
        let terminal = std::io::stdout().is_terminal();
        let dumb = environment("TERM").is_some_and(|term| term == "dumb");
        let width = Table::new()
            .width()
            .filter(|_| terminal)
            .map_or(WIDTH, |width| width.max(WIDTH));
        Self {
            colour: terminal && !is_set("NO_COLOR") && !dumb,
            width,
        }
    }

    /// A table with this header, or none.
    pub fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width);
        if !header.is_empty() {
            table.set_header(header.iter().map(Cell::new));
        }
        table
    }

    /// A cell of this tone.
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

/// A name that is longer stands on a line of its own: broken it could be neither copied nor searched for.
const LONGEST_NAME: usize = 32;

/// Stands in the table where such a name belongs.
const ELSEWHERE: &str = "\u{e000}";

/// The cell of a name.
pub fn name(name: &str) -> Cell {
    Cell::new(if name.len() > LONGEST_NAME {
        ELSEWHERE
    } else {
        name
    })
}

/// The table as text: without the spaces that fill up the last column, and without the one before the first.
pub fn lines(table: &Table) -> String {
    lines_of(table, [])
}

/// The same of a table with a [`name`] in each row: these, in their order.
pub fn lines_of<'a>(table: &Table, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut long = names.into_iter().filter(|name| name.len() > LONGEST_NAME);
    let mut text = String::new();
    for line in table.lines() {
        if line.contains(ELSEWHERE) {
            text.extend([long.next().unwrap_or_default(), "\n"]);
        }
        let line = line.replace(ELSEWHERE, " ");
        let line = line.trim_end();
        text.extend([line.strip_prefix(' ').unwrap_or(line), "\n"]);
    }
    text
}
