//! A command to measure.

use std::path::{Path, PathBuf};

use crate::environment::search_path;
use crate::payload::Payload;

/// A command to measure, with the payloads that it receives.
#[derive(Clone, Debug)]
pub struct Implementation {
    /// Its name in the tables.
    pub name: String,
    /// Variables of its environment only.
    pub environment: Vec<(String, String)>,
    /// The file of the program.
    pub program: PathBuf,
    /// The arguments of the program.
    pub arguments: Vec<String>,
    /// The payload of a rotation.
    pub rotation: Payload,
    /// The payload of a reconcile run.
    pub reconcile: Payload,
}

impl Implementation {
    /// Parses `NAME=COMMAND` and finds the program.
    pub fn parse(argument: &str) -> Result<Self, String> {
        let (name, command) = argument
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or("expected NAME=COMMAND")?;
        let mut words = shlex::split(command)
            .ok_or("a quote is not closed")?
            .into_iter();
        let mut environment = Vec::new();
        let program = loop {
            let word = words.next().ok_or("the command has no program")?;
            match variable(&word) {
                Some(variable) => environment.push(variable),
                None => break word,
            }
        };
        let own_path = environment.iter().rfind(|(name, _)| name == "PATH");
        let path = own_path.map_or_else(search_path, |(_, path)| path.clone());
        Ok(Self {
            name: name.to_owned(),
            program: find(&program, &path)?,
            environment,
            arguments: words.collect(),
            rotation: Payload::event(),
            reconcile: Payload::reconcile(),
        })
    }
}

/// Returns name and value if the word is an assignment.
fn variable(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_variable = name.chars().all(is_name) && !name.starts_with(|c: char| c.is_ascii_digit());
    is_variable.then(|| (name.to_owned(), value.to_owned()))
}

/// Returns the file of a program. A name without a slash is searched for, as in a shell.
fn find(program: &str, path: &str) -> Result<PathBuf, String> {
    if program.contains('/') {
        return Path::new(program)
            .is_file()
            .then(|| program.into())
            .ok_or_else(|| format!("{program}: no such file"));
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{program}: not found in PATH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_has_variables_a_program_and_quoted_arguments() {
        let parsed =
            Implementation::parse(r#"other=A=1 TABLE="my table" sh -c 'echo "$TABLE"' X=2"#);
        let Implementation {
            name,
            environment,
            program,
            arguments,
            ..
        } = parsed.unwrap();
        let expected = [("A", "1"), ("TABLE", "my table")];
        assert_eq!(name, "other");
        assert_eq!(environment, expected.map(|(a, b)| (a.into(), b.into())));
        assert!(program.is_absolute() && program.ends_with("sh"));
        assert_eq!(arguments, ["-c", "echo \"$TABLE\"", "X=2"]);
    }

    #[test]
    fn command_without_a_program_is_rejected() {
        for (argument, problem) in [
            ("node", "expected NAME=COMMAND"),
            ("=node", "expected NAME=COMMAND"),
            ("a=", "the command has no program"),
            ("a=B=1", "the command has no program"),
            ("a=sh 'x", "a quote is not closed"),
            ("a=no-such-program", "no-such-program: not found in PATH"),
            ("a=./no-such-file", "./no-such-file: no such file"),
            ("a=PATH=/nowhere sh", "sh: not found in PATH"),
        ] {
            assert_eq!(Implementation::parse(argument).unwrap_err(), problem);
        }
    }
}
