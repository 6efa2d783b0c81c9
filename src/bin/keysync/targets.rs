//! Checks, stores and shows the targets document.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use nr_iam_key_sync::{
    Config, Error, KeySync, MAX_TARGETS_BYTES, TargetDefaults, TargetsCheck, check_targets,
};

use crate::args::Targets;
use crate::exit::Exit;
use crate::output::Output;
use crate::print;
use crate::screen::Screen;

/// Runs a command for targets.
///
/// # Errors
/// [`Error::BadConfiguration`]; those of reading and of storing the document.
pub async fn run(
    command: Targets,
    environment: fn(&str) -> Option<String>,
    out: Output,
) -> Result<Exit, Error> {
    match command {
        Targets::Check { file } => {
            let defaults = TargetDefaults::read(environment)?;
            let Some(document) = read(&file, out) else {
                return Ok(Exit::Usage);
            };
            let check = check_targets(&document, &defaults);
            Ok(show(&check, print::targets, out))
        }
        Targets::Import { file } => {
            let defaults = TargetDefaults::read(environment)?;
            let Some(document) = read(&file, out) else {
                return Ok(Exit::Usage);
            };
            let check = check_targets(&document, &defaults);
            if !check.problems.is_empty() {
                return Ok(show(&check, print::targets, out));
            }
            let keysync = KeySync::connect(Config::read(environment)?).await?;
            let imported = keysync.import_targets(document).await?;
            out.write(&imported, |screen| {
                print::imported_targets(&imported, screen)
            });
            Ok(Exit::Done)
        }
        Targets::Show { user } => {
            let keysync = KeySync::connect(Config::read(environment)?).await?;
            let format = match &user {
                Some(_) => print::targets_of_user,
                None => print::targets,
            };
            Ok(show(&keysync.targets(user.as_ref()).await?, format, out))
        }
    }
}

/// Writes the targets of an accepted document, or the problems of a refused one.
fn show(check: &TargetsCheck, format: fn(&TargetsCheck, Screen) -> String, out: Output) -> Exit {
    out.write(check, |screen| format(check, screen));
    for problem in &check.problems {
        out.errors.problem_of_targets(&problem.to_string());
    }
    if check.problems.is_empty() {
        Exit::Done
    } else {
        Exit::Usage
    }
}

/// Reads a document; `None` if that fails, which is then reported.
pub fn read(file: &Path, out: Output) -> Option<Vec<u8>> {
    let text = read_file(file);
    let problem = |error| {
        format!(
            "reading {}: {error}; expected a targets document",
            file.display()
        )
    };
    text.map_err(|error| out.errors.usage(&problem(error))).ok()
}

/// Reads a file as far as a document may be long, and one byte more.
fn read_file(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut document = Vec::new();
    let file = File::open(file)?;
    file.take(MAX_TARGETS_BYTES as u64 + 1)
        .read_to_end(&mut document)?;
    Ok(document)
}
