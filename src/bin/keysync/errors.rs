//! Prints errors to standard error: as text, or with `--output json` as one line of JSON each.

use clap::Error as UsageError;
use nr_iam_key_sync::{Error, ErrorLine};

use crate::args::Format;
use crate::exit::Exit;
use crate::printable::{print_as_it_is, print_stderr};

/// The printer of errors.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    format: Format,
}

impl Errors {
    /// Creates the printer for this format.
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints an error and returns its exit code.
    pub fn print(self, error: &Error) -> Exit {
        for line in ErrorLine::of(error) {
            self.line(&line);
        }
        match error {
            Error::BadConfiguration(_) => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    /// Prints a problem of a result that is not complete.
    pub fn problem(self, problem: &str) {
        self.line(&ErrorLine::new("PartialFailure", problem));
    }

    /// Prints a problem of a targets document.
    pub fn problem_of_targets(self, problem: &str) {
        self.line(&ErrorLine::new("BadTargets", problem));
    }

    /// Prints each problem of an incomplete reconcile run as an error of its own.
    pub fn incomplete(self, problems: &[String]) -> Exit {
        for problem in problems {
            self.print(&Error::PartialFailure(problem.clone()));
        }
        Exit::Failed
    }

    /// Prints invalid usage.
    pub fn usage(self, problem: &str) -> Exit {
        self.line(&ErrorLine::new("Usage", problem));
        Exit::Usage
    }

    fn line(self, line: &ErrorLine) {
        match self.format {
            Format::Text => print_stderr(&format!("error: {}", line.message)),
            // JSON escapes control characters by itself.
            Format::Json => {
                print_as_it_is(&serde_json::to_string(line).expect("a line holds only text"));
            }
        }
    }
}

/// Reports arguments that cannot be parsed, or prints the help or the version.
pub fn report_usage(error: &UsageError) -> Exit {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let arguments = arguments.collect::<Vec<_>>();
    if error.use_stderr() && asks_for_json(&arguments) {
        let text = error.to_string();
        let problem = text.trim_start_matches("error: ").trim_end();
        return Errors::new(Format::Json).usage(problem);
    }
    // A closed pipe is not an error: the reader has what it needs.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}

/// Returns true if the arguments ask for JSON, although they are invalid.
fn asks_for_json(arguments: &[String]) -> bool {
    let is_output = |pair: &[String]| pair[0] == "--output" && pair[1] == "json";
    let is_short = |argument: &String| argument == "--json" || argument == "--output=json";
    arguments.iter().any(is_short) || arguments.windows(2).any(is_output)
}

#[cfg(test)]
mod tests {
    use super::asks_for_json;

    #[test]
    fn invalid_arguments_can_ask_for_json() {
        let asks = |line: &str| {
            let arguments = line.split(' ').map(str::to_owned).collect::<Vec<_>>();
            asks_for_json(&arguments)
        };
        for line in [
            "keysync x --json",
            "keysync --output json x",
            "keysync --output=json",
        ] {
            assert!(asks(line), "{line}");
        }
        for line in [
            "keysync x",
            "keysync --output text json",
            "keysync json --output",
        ] {
            assert!(!asks(line), "{line}");
        }
    }
}
