//! What was typed and what came of it, as on a terminal: the subject of the snapshots. Names, ports and times that no two
//! runs share are made equal, and nothing that is secret gets into it.

use std::time::{Duration, Instant};

use crate::command::{Said, end, start};
use crate::corner::Corner;

/// Longer than this an operator does not wait for a complaint.
const PATIENCE: Duration = Duration::from_secs(15);

/// A terminal in a corner.
pub struct Transcript<'a> {
    corner: &'a Corner<'a>,
    variables: Vec<(String, String)>,
    secrets: Vec<String>,
    text: String,
}

impl<'a> Transcript<'a> {
    /// An empty one; no output may hold one of `secrets`.
    pub fn of(corner: &'a Corner<'a>, secrets: &[&str]) -> Self {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        Self {
            corner,
            variables: Vec::new(),
            secrets,
            text: String::new(),
        }
    }

    /// From now on with these variables set otherwise.
    #[must_use]
    pub fn with(mut self, variables: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.variables = variables.iter().map(own).collect();
        self
    }

    /// Types a command and waits for its end.
    pub async fn run(&mut self, line: &str) -> Said {
        let said = self.ended(&line.split(' ').collect::<Vec<_>>()).await;
        self.note(line, &said);
        said
    }

    fn note(&mut self, line: &str, said: &Said) {
        let errors = said
            .err
            .lines()
            .map(|line| format!("! {line}").trim_end().to_owned() + "\n")
            .collect::<Vec<_>>();
        let (began, ended) = (format!("$ keysync {line}\n"), format!("[{}]\n", said.code));
        self.text
            .extend([began, said.out.clone(), errors.concat(), ended]);
    }

    /// Types a command that is to fail, also with `--verbose`, which must give away no more.
    pub async fn fails(&mut self, line: &str) {
        let arguments = line.split(' ').collect::<Vec<_>>();
        let said = self.ended(&arguments).await;
        let verbose = self.ended(&[&arguments[..], &["--verbose"]].concat()).await;
        self.note(line, &said);
        assert_ne!(said.code, 0, "{line}: {said:?}");
        assert_eq!(verbose.code, said.code, "{line}: {verbose:?}");
    }

    async fn ended(&self, arguments: &[&str]) -> Said {
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect::<Vec<_>>();
        let began = Instant::now();
        let said = end(
            start(arguments, &self.corner.environment_with(&variables)),
            "",
        )
        .await;
        let lasted = began.elapsed();
        assert!(lasted < PATIENCE, "{arguments:?}: {lasted:?}");
        for secret in &self.secrets {
            assert!(
                !said.all().contains(secret.as_str()),
                "{arguments:?} told a secret"
            );
        }
        said
    }

    /// All that was said.
    pub fn text(self) -> String {
        self.text
    }
}

/// Compares what was said with a snapshot, with everything made equal that no two runs share.
pub fn equal_names() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (random, name) in [
        ("test-[0-9a-f]{16}(-[0-9a-f]{8})?", "CORNER"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"/tmp/iam-key-sync-\w+", "DIR"),
        (r"\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d\s+UTC", "TIME"),
        (r"; \d+\.\d s\n", "; N s\n"),
        ("…[0-9A-F]{4}", "…KEY"),
    ] {
        settings.add_filter(random, name);
    }
    settings.bind_to_scope()
}
