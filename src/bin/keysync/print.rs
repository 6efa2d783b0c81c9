//! The text output of results. Pure: text from data.

mod rehearsal;
mod status;
mod targets;
mod vault_token;

pub use rehearsal::rehearsal;
pub use status::status;
pub use targets::{imported_targets, targets, targets_of_user};
pub use vault_token::{imported, renewed, token};

use std::collections::HashMap;

use jiff::SignedDuration;
use nr_iam_key_sync::{Check, CheckStatus, Explanation, Outcome, Report};

use crate::screen::{Screen, Tone, name, render, render_with_names};
use status::tone;

/// Formats a report: what was done, or would be done, for each user.
pub fn report(report: &Report, screen: Screen) -> String {
    if let Some(reason) = &report.skipped {
        let mut table = screen.table(&[]);
        table.add_row([format!("Nothing was reconciled: {reason}.")]);
        return render(&table);
    }
    let mut text = String::new();
    if !report.users.is_empty() {
        let mut table = screen.table(&["USER", "OUTCOME", "WHY"]);
        let mut reasons = Reasons::default();
        let labels = report.users.iter();
        let labels = labels.map(|user| label(user.user.as_str(), user.target.as_ref()));
        let labels = labels.collect::<Vec<_>>();
        for (user, label) in report.users.iter().zip(&labels) {
            let (word, tone) = outcome(user.outcome);
            let version = user.vault_version.map_or(String::new(), |version| {
                format!(" (now version {version} in Vault)")
            });
            table.add_row([
                name(label),
                screen.cell(word, tone),
                screen.cell(
                    format!("{}{version}", reasons.once(label, &user.reason)),
                    Tone::Plain,
                ),
            ]);
        }
        text = render_with_names(&table, labels.iter().map(String::as_str));
        if report.truncated {
            text.push_str("… and others; the counts are complete.\n");
        }
        text.push('\n');
    }
    let counts = report.counts.iter().filter(|(_, count)| **count > 0);
    let counts = counts.map(|(kind, count)| format!("{count} {}", outcome(*kind).0));
    let counts = join_counts(counts, &report.problems);
    let seconds =
        SignedDuration::from_millis(i64::try_from(report.millis).unwrap_or(i64::MAX)).as_secs_f64();
    text + &format!("{counts}; {seconds:.1} s\n")
}

/// Returns the user, and the secret if there is more than the default one.
fn label(user: &str, target: Option<&String>) -> String {
    target.map_or(user.to_owned(), |target| format!("{user} {target}"))
}

/// Joins the counts. No users at all are rarely intended, so the text then hints at the cause.
fn join_counts(counts: impl Iterator<Item = String>, problems: &[String]) -> String {
    let counts = counts.collect::<Vec<_>>();
    match (counts.is_empty(), problems.is_empty()) {
        (false, _) => counts.join(", "),
        (true, true) => "no users found in this Region under SSM_PARAMETER_PREFIX".to_owned(),
        (true, false) => "no user was checked".to_owned(),
    }
}

/// The length above which a reason is printed once.
const LONG_REASON: usize = 60;

/// The first user of each reason, because a long reason of many users would fill the screen.
#[derive(Default)]
struct Reasons<'a>(HashMap<&'a str, &'a str>);

impl<'a> Reasons<'a> {
    fn once(&mut self, user: &'a str, reason: &'a str) -> String {
        match self.0.get(reason) {
            Some(first) if reason.len() > LONG_REASON => format!("as for {first}"),
            _ => {
                self.0.insert(reason, user);
                reason.to_owned()
            }
        }
    }
}

fn outcome(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Written => ("written", Tone::Good),
        Outcome::Unchanged => ("unchanged", Tone::Plain),
        Outcome::Held => ("held", Tone::Warning),
        Outcome::Superseded => ("superseded", Tone::Plain),
        Outcome::Retired => ("retired", Tone::Warning),
        Outcome::Missing => ("missing", Tone::Warning),
        Outcome::Failed => ("failed", Tone::Bad),
        Outcome::Foreign => ("foreign", Tone::Bad),
        Outcome::Untargeted => ("untargeted", Tone::Warning),
        Outcome::PlannedWritten => ("to write", Tone::Good),
        Outcome::PlannedRetired => ("to retire", Tone::Warning),
    }
}

/// Formats the doctor's checks.
pub fn checks(checks: &[Check], screen: Screen) -> String {
    let mut table = screen.table(&["CHECK", "RESULT", "DETAIL"]);
    for check in checks {
        let (word, tone) = match check.status {
            CheckStatus::Pass => ("pass", Tone::Good),
            CheckStatus::Warn => ("warn", Tone::Warning),
            CheckStatus::Fail => ("FAIL", Tone::Bad),
            CheckStatus::Skip => ("skip", Tone::Plain),
        };
        // A skipped check has the cause of another, which is printed there.
        let remedy = check
            .remedy
            .as_ref()
            .filter(|_| check.status != CheckStatus::Skip)
            .map_or(String::new(), |remedy| format!("\n-> {remedy}"));
        table.add_row([
            screen.cell(check.name, Tone::Plain),
            screen.cell(word, tone),
            screen.cell(format!("{}{remedy}", check.detail), Tone::Plain),
        ]);
    }
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    let [pass, warn, fail, skip] = [
        CheckStatus::Pass,
        CheckStatus::Warn,
        CheckStatus::Fail,
        CheckStatus::Skip,
    ]
    .map(count);
    render(&table) + &format!("\n{pass} pass, {warn} warn, {fail} fail, {skip} skip\n")
}

/// Formats the explanation of one user.
pub fn explanation(explanation: &Explanation, screen: Screen) -> String {
    let mut table = screen.table(&[]);
    let row = &explanation.row;
    let label = label(&row.user, row.target.as_ref());
    table.add_row([
        name(&label),
        screen.cell(row.condition.as_str(), tone(row.condition)),
    ]);
    for paragraph in &explanation.story {
        table.add_row([paragraph.about, &paragraph.text]);
    }
    for target in &explanation.targets {
        let path = target.target.as_deref().unwrap_or_default();
        let condition = target.condition.as_str();
        table.add_row(["target", &format!("{path}: {condition}, {}", target.reason)]);
    }
    table.add_row(["what to do", &explanation.advice]);
    render_with_names(&table, [label.as_str()])
}
