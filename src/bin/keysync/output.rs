//! Writes results to standard output.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::args::Format;
use crate::errors::Errors;
use crate::exit::Exit;
use crate::printable::{print_stderr, printable};
use crate::screen::Screen;

/// The destination of the result.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
    screen: Screen,
    /// The printer of errors.
    pub errors: Errors,
}

impl Output {
    /// Creates the output of a result in this format.
    pub fn new(format: Format, screen: Screen, errors: Errors) -> Self {
        Self {
            format,
            screen,
            errors,
        }
    }

    /// Writes the result, the only text on standard output.
    pub fn write(self, result: &impl Serialize, text: impl FnOnce(Screen) -> String) {
        let text = match self.format {
            Format::Text => printable(&text(self.screen)).into_owned(),
            Format::Json => return write_json(result),
        };
        write(&text);
    }
}

/// Writes a result as JSON.
pub fn write_json(result: &impl Serialize) {
    write(
        &(serde_json::to_string_pretty(result)
            .expect("results hold only text keys and plain values")
            + "\n"),
    );
}

/// Writes text to standard output.
pub fn write(text: &str) {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            print_stderr(&format!("error: the result cannot be written: {error}"));
            std::process::exit(i32::from(Exit::Failed as u8));
        }
        // A closed pipe is not an error: the reader has what it needs.
        Ok(()) | Err(_) => {}
    }
}
