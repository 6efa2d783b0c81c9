//! Transcripts of commands, compared with the files in `tests/snapshots`.
//!
//! `SNAPSHOTS=overwrite` regenerates the files. Names, ports, times and key ids are redacted.

use std::time::{Duration, Instant};

use regex::Regex;
use snapbox::{Assert, Data, Redactions};

use crate::command::CommandOutput;
use crate::stack::checkout;
use crate::test_env::TestEnv;

/// Maximum duration of a command, also when a service is unavailable.
const MAX_DURATION: Duration = Duration::from_secs(15);

/// What differs from run to run.
const REDACTIONS: [(&str, &str); 6] = [
    ("[TEST]", "test-[0-9a-f]{16}(-[0-9a-f]{8})?"),
    ("[PORT]", r"127\.0\.0\.1:(?<redacted>[0-9]{2,})"),
    ("[DIR]", "/tmp/iam-key-sync-[0-9A-Za-z_]+"),
    (
        "[TIME]",
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}\s+[0-9]{2}:[0-9]{2}:[0-9]{2}\s+UTC",
    ),
    ("[DURATION]", r"; (?<redacted>[0-9]+\.[0-9] s)\n"),
    ("[KEY]", "…(?<redacted>[0-9A-F]{4})"),
];

/// The commands of a test and their output.
pub struct Transcript<'a> {
    env: &'a TestEnv<'a>,
    variables: Vec<(String, String)>,
    secrets: Vec<String>,
    text: String,
}

impl<'a> Transcript<'a> {
    /// Returns an empty transcript. No output may contain one of `secrets`.
    pub fn new(env: &'a TestEnv<'a>, secrets: &[&str]) -> Self {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        Self {
            env,
            variables: Vec::new(),
            secrets,
            text: String::new(),
        }
    }

    /// Replaces these variables for the following commands.
    #[must_use]
    pub fn with(mut self, variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.variables = variables.iter().map(owned).collect();
        self
    }

    /// Runs a command and records it.
    pub async fn run(&mut self, line: &str) -> CommandOutput {
        let output = self.output(line).await;
        let mut lines = vec![
            format!("$ keysync {line}"),
            output.out.trim_end_matches('\n').to_owned(),
        ];
        lines.extend(
            output
                .err
                .lines()
                .map(|line| format!("! {line}").trim_end().to_owned()),
        );
        lines.push(format!("[{}]\n", output.code));
        lines.retain(|line| !line.is_empty());
        self.text += &lines.join("\n");
        output
    }

    /// Runs a command that fails, and records it. With `--verbose` it fails in the same way and
    /// shows no secret either.
    pub async fn fail(&mut self, line: &str) {
        let output = self.run(line).await;
        assert_ne!(output.code, 0, "{line}: {output:?}");
        let verbose = self.output(&format!("{line} --verbose")).await;
        assert_eq!(verbose.code, output.code, "{line}: {verbose:?}");
    }

    async fn output(&self, line: &str) -> CommandOutput {
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let began = Instant::now();
        let output = self
            .env
            .keysync_line(line, &variables.collect::<Vec<_>>())
            .await;
        assert!(
            began.elapsed() < MAX_DURATION,
            "{line}: {:?}",
            began.elapsed()
        );
        for secret in &self.secrets {
            assert!(
                !output.all().contains(secret.as_str()),
                "{line} shows a secret"
            );
        }
        output
    }

    /// Returns the recorded text.
    pub fn text(self) -> String {
        self.text
    }

    /// Compares the recorded text with a snapshot.
    #[track_caller]
    pub fn assert_matches(self, snapshot: &str) {
        assert_matches(&self.text, snapshot);
    }
}

/// Compares a text with a file in `tests/snapshots`.
#[track_caller]
pub fn assert_matches(text: &str, snapshot: &str) {
    let mut redactions = Redactions::new();
    for (placeholder, pattern) in REDACTIONS {
        redactions
            .insert(placeholder, Regex::new(pattern).unwrap())
            .unwrap();
    }
    let expected = checkout()
        .join("tests/snapshots")
        .join(format!("{snapshot}.txt"));
    Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .redact_with(redactions)
        .normalize_paths(false)
        .eq(text, Data::read_from(&expected, None));
}
