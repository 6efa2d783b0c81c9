//! The command line.

use std::path::PathBuf;

/// A command to measure.
pub struct Implementation {
    /// Its name in the tables.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// The parsed command line.
#[derive(Default)]
pub struct Options {
    /// Measures fewer invocations and users.
    pub quick: bool,
    /// The function's deployment package, whose size is reported.
    pub zip: Option<PathBuf>,
    /// The page whose tables are updated.
    pub page: Option<PathBuf>,
    /// The SVG file to write.
    pub picture: Option<PathBuf>,
    /// The limits to check.
    pub limits: Option<PathBuf>,
    /// What to measure; at least one.
    pub implementations: Vec<Implementation>,
}

impl Options {
    /// Parses the arguments that follow the program name.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut file = || {
                arguments
                    .next()
                    .map(PathBuf::from)
                    .ok_or(format!("{argument}: missing FILE"))
            };
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--zip" => options.zip = Some(file()?),
                "--page" => options.page = Some(file()?),
                "--picture" => options.picture = Some(file()?),
                "--limits" => options.limits = Some(file()?),
                _ => options.implementations.push(implementation(&argument)?),
            }
        }
        if options.implementations.is_empty() {
            return Err("nothing to measure; expected NAME=COMMAND…".to_owned());
        }
        Ok(options)
    }
}

fn implementation(argument: &str) -> Result<Implementation, String> {
    let (name, command) = argument
        .split_once('=')
        .ok_or(format!("{argument}: expected NAME=COMMAND"))?;
    let command: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
    if command.is_empty() {
        return Err(format!("{argument}: empty command"));
    }
    Ok(Implementation {
        name: name.to_owned(),
        command,
    })
}
