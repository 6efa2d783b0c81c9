//! Checks targets documents, without a request.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use nr_iam_key_sync::{Error, MAX_TARGETS_BYTES, TargetDefaults, check_targets};

use crate::args::Targets;
use crate::exit::Exit;
use crate::output::Output;
use crate::print;
use crate::printable::print_stderr;

/// Runs a command for targets.
///
/// # Errors
/// [`Error::BadConfiguration`] for the variables that a document depends on.
pub fn run(
    command: &Targets,
    environment: impl Fn(&str) -> Option<String>,
    out: Output,
) -> Result<Exit, Error> {
    let Targets::Check { file } = command;
    let defaults = TargetDefaults::read(environment)?;
    let document = match read(file) {
        Ok(document) => document,
        Err(error) => {
            print_stderr(&format!(
                "error: reading {}: {error}; expected a targets document",
                file.display()
            ));
            return Ok(Exit::Usage);
        }
    };
    let check = check_targets(&document, &defaults);
    out.write(&check, |screen| print::targets(&check, screen));
    for problem in &check.problems {
        print_stderr(&format!("error: {problem}"));
    }
    Ok(if check.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Usage
    })
}

/// Reads a file as far as a document may be long, and one byte more.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut document = Vec::new();
    let file = File::open(file)?;
    file.take(MAX_TARGETS_BYTES as u64 + 1)
        .read_to_end(&mut document)?;
    Ok(document)
}
