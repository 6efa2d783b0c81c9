//! One command between the fakes.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::function::Function;
use crate::implementation::Implementation;
use crate::services::Services;

/// The number of lines of output that are shown of a command that failed.
const SHOWN_LINES: usize = 20;

/// The number of characters of an answer that are shown.
const SHOWN_ANSWER: usize = 500;

/// A command between the fakes.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The fakes.
    pub services: &'a Services,
    /// The command.
    pub implementation: &'a Implementation,
    /// Its environment, besides its own variables.
    pub environment: &'a [(String, String)],
    /// The file that receives its output.
    pub output: &'a Path,
}

impl Setup<'_> {
    /// Starts the command. Its invocations have this deadline.
    pub async fn start(self, deadline: Duration) -> Result<Function, String> {
        let output = File::create(self.output);
        let output = output.and_then(|file| Ok((file.try_clone()?, file)));
        let (output, errors) =
            output.map_err(|error| format!("write {}: {error}", self.output.display()))?;
        let Implementation {
            environment,
            program,
            arguments,
            ..
        } = self.implementation;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().chain(environment).cloned())
            .stdout(output)
            .stderr(errors);
        Function::start(&mut command, deadline)
            .await
            .map_err(|error| format!("start {}: {error}", program.display()))
    }

    /// Returns a problem of this command with what may explain it: the failures that the fakes have
    /// seen, and the last lines of the command's output.
    pub fn explain(self, problem: &str) -> String {
        let mut lines = vec![format!("measure {}: {problem}", self.implementation.name)];
        lines.extend(self.services.failures());
        let output = std::fs::read(self.output).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let output: Vec<_> = output.lines().collect();
        if output.is_empty() {
            lines.push("the command printed nothing".to_owned());
        } else {
            lines.push("the command's last output:".to_owned());
            let last = output.iter().skip(output.len().saturating_sub(SHOWN_LINES));
            lines.extend(last.map(|line| format!("  {line}")));
        }
        lines.join("\n  ")
    }
}

/// Returns the beginning of an answer.
pub fn shorten(answer: &Value) -> String {
    let text = answer.to_string();
    let shown: String = text.chars().take(SHOWN_ANSWER).collect();
    let rest = if shown.len() < text.len() { "…" } else { "" };
    shown + rest
}
