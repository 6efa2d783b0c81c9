//! Results as people read them. Pure: text from data.

mod token;

pub use token::{imported, renewed, token};

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use nr_iam_key_sync::time_format::{duration, relative};
use nr_iam_key_sync::{
    Check, CheckStatus, Condition, Explanation, Outcome, ReconcileRecord, Report, Row, Status,
    SyncOutcome,
};

use token::{life, warn};

use crate::screen::{Screen, Tone, lines, lines_of, name};

/// What happened, or would happen, to whom.
pub fn report(report: &Report, screen: Screen) -> String {
    if let Some(reason) = &report.skipped {
        let mut table = screen.table(&[]);
        table.add_row([format!("Nothing was swept: {reason}.")]);
        return lines(&table);
    }
    let mut text = String::new();
    if !report.users.is_empty() {
        let mut table = screen.table(&["USER", "OUTCOME", "WHY"]);
        let mut told = Told::default();
        for user in &report.users {
            let (word, tone) = outcome(user.outcome);
            let version = user.vault_version.map_or(String::new(), |version| {
                format!(" (now version {version} in Vault)")
            });
            table.add_row([
                name(user.user.as_str()),
                screen.cell(word, tone),
                screen.cell(
                    format!("{}{version}", told.once(user.user.as_str(), &user.reason)),
                    Tone::Plain,
                ),
            ]);
        }
        text = lines_of(&table, report.users.iter().map(|user| user.user.as_str()));
        if report.truncated {
            text.push_str("… and others; the counts are complete.\n");
        }
        text.push('\n');
    }
    let counts = report.counts.iter().filter(|(_, count)| **count > 0);
    let counts = counts
        .map(|(kind, count)| format!("{count} {}", outcome(*kind).0))
        .collect::<Vec<_>>();
    let counts = match (counts.is_empty(), report.problems.is_empty()) {
        (false, _) => counts.join(", "),
        (true, true) => NOBODY.to_owned(),
        (true, false) => "nobody was looked at".to_owned(),
    };
    let seconds =
        SignedDuration::from_millis(i64::try_from(report.millis).unwrap_or(i64::MAX)).as_secs_f64();
    text + &format!("{counts}; {seconds:.1} s\n")
}

/// Where a sweep finds nobody, that is rarely what was meant.
const NOBODY: &str = "no users found in this Region under SSM_PARAMETER_PREFIX";

/// A reason that is longer than this is told once.
const LONG: usize = 60;

/// What was told of whom: a reason that many share is a page of text otherwise.
#[derive(Default)]
struct Told<'a>(HashMap<&'a str, &'a str>);

impl<'a> Told<'a> {
    fn once(&mut self, user: &'a str, reason: &'a str) -> String {
        match self.0.get(reason) {
            Some(first) if reason.len() > LONG => format!("as for {first}"),
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
        Outcome::PlannedWritten => ("to write", Tone::Good),
        Outcome::PlannedRetired => ("to retire", Tone::Warning),
    }
}

/// How everybody stands.
pub fn status(status: &Status, now: Timestamp, screen: Screen) -> String {
    let mut table = screen.table(&["USER", "STATUS", "LAST SYNC", "KEY AGE", "LEFT", "VERSIONS"]);
    for row in &status.users {
        let age = row
            .key_age_hours
            .map_or("-".to_owned(), |age| short(hours(age)));
        table.add_row([
            name(&row.user),
            screen.cell(row.condition.as_str(), tone(row.condition)),
            screen.cell(last_sync(row, now), Tone::Plain),
            screen.cell(age, Tone::Plain),
            screen.cell(left(row), urgency(row)),
            screen.cell(versions(row), Tone::Plain),
        ]);
    }
    let mut text = lines_of(&table, status.users.iter().map(|row| row.user.as_str())) + "\n";
    if status.users.is_empty() {
        text.clear();
    }
    let odd = status
        .users
        .iter()
        .filter(|row| !row.condition.is_in_step())
        .collect::<Vec<_>>();
    if !odd.is_empty() {
        let mut table = screen.table(&[]);
        let mut told = Told::default();
        for row in &odd {
            let reason = told.once(&row.user, &row.reason);
            table.add_row([name(&row.user), screen.cell(reason, Tone::Plain)]);
        }
        text.push_str(&lines_of(&table, odd.iter().map(|row| row.user.as_str())));
        text.push_str("Run `keysync explain USER` for the whole story.\n\n");
    }
    let counts = status
        .counts
        .iter()
        .map(|(condition, count)| format!("{count} {}", condition.as_str()));
    let counts = counts.collect::<Vec<_>>();
    let counts = match (counts.is_empty(), status.problems.is_empty()) {
        (false, _) => counts.join(", "),
        (true, true) => NOBODY.to_owned(),
        (true, false) => "nobody was looked at".to_owned(),
    };
    let sweep = match &status.last_run {
        Some(run) => last_run(run, now),
        None if status.last_run_is_known => "none recorded".to_owned(),
        None => "not known".to_owned(),
    };
    let mut table = screen.table(&[]);
    table.add_row(["Users", &counts]);
    table.add_row(["Last sweep", &sweep]);
    if let Some(token) = &status.token {
        table.add_row(["Vault token", &life(&token.status, now)]);
        warn(&mut table, &token.status, screen);
    }
    text + &lines(&table)
}

fn tone(condition: Condition) -> Tone {
    match condition {
        Condition::InStep => Tone::Good,
        Condition::Retired | Condition::Superseded => Tone::Plain,
        Condition::Failed => Tone::Bad,
        _ => Tone::Warning,
    }
}

fn last_sync(row: &Row, now: Timestamp) -> String {
    let word = match row.last_sync.outcome {
        SyncOutcome::Written => "written",
        SyncOutcome::Retired => "retired",
        SyncOutcome::Failed => "failed",
        SyncOutcome::Never => "never",
        SyncOutcome::Unknown => "-",
    };
    row.last_sync.at.map_or(word.to_owned(), |at| {
        format!("{word} {} ago", short(now.duration_since(at)))
    })
}

fn left(row: &Row) -> String {
    match row.hours_left {
        None => "-".to_owned(),
        Some(left) if left <= 0.0 => "none".to_owned(),
        Some(left) => short(hours(left)),
    }
}

fn urgency(row: &Row) -> Tone {
    match row.hours_left {
        Some(left) if left <= 24.0 => Tone::Bad,
        Some(left) if left <= 42.0 => Tone::Warning,
        _ => Tone::Plain,
    }
}

/// `parameter -> Vault`, and what was recorded of Vault where it is something else.
fn versions(row: &Row) -> String {
    let number = |version: Option<String>| version.unwrap_or_else(|| "-".to_owned());
    let from = number(row.parameter_version.map(|version| version.to_string()));
    let to = number(
        row.vault_version
            .or(row.recorded_version)
            .map(|version| version.to_string()),
    );
    match (row.vault_version, row.recorded_version) {
        (Some(found), Some(recorded)) if found != recorded => {
            format!("{from} -> {to} (wrote {recorded})")
        }
        _ => format!("{from} -> {to}"),
    }
}

/// A length of time for a narrow column.
fn short(length: SignedDuration) -> String {
    if length.as_mins() == 0 {
        "<1 min".to_owned()
    } else {
        duration(length)
    }
}

fn hours(hours: f64) -> SignedDuration {
    SignedDuration::from_secs_f64(hours * 3600.0)
}

fn last_run(run: &ReconcileRecord, now: Timestamp) -> String {
    let Some(finished) = run.finished_at else {
        return format!(
            "begun {}, not ended: under way, or it died",
            relative(run.started_at, now)
        );
    };
    let left = match (run.failed_users.len(), run.unlisted) {
        (0, false) => "complete".to_owned(),
        (0, true) => "incomplete: not everybody was seen".to_owned(),
        (1, _) => format!("1 user left over ({})", run.failed_users[0]),
        (count, _) => format!("{count} users left over ({}, …)", run.failed_users[0]),
    };
    format!("{}, {left}", relative(finished, now))
}

/// What the doctor found.
pub fn checks(checks: &[Check], screen: Screen) -> String {
    let mut table = screen.table(&["CHECK", "RESULT", "FOUND"]);
    for check in checks {
        let (word, tone) = match check.status {
            CheckStatus::Pass => ("pass", Tone::Good),
            CheckStatus::Warn => ("warn", Tone::Warning),
            CheckStatus::Fail => ("FAIL", Tone::Bad),
        };
        let remedy = check
            .remedy
            .as_ref()
            .map_or(String::new(), |remedy| format!("\n-> {remedy}"));
        table.add_row([
            screen.cell(check.name, Tone::Plain),
            screen.cell(word, tone),
            screen.cell(format!("{}{remedy}", check.detail), Tone::Plain),
        ]);
    }
    let count = |verdict| {
        checks
            .iter()
            .filter(|check| check.status == verdict)
            .count()
    };
    let [pass, warn, fail] = [CheckStatus::Pass, CheckStatus::Warn, CheckStatus::Fail].map(count);
    lines(&table) + &format!("\n{pass} pass, {warn} warn, {fail} fail\n")
}

/// The story of one user.
pub fn explanation(explanation: &Explanation, screen: Screen) -> String {
    let mut table = screen.table(&[]);
    let row = &explanation.row;
    table.add_row([
        name(&row.user),
        screen.cell(row.condition.as_str(), tone(row.condition)),
    ]);
    for paragraph in &explanation.story {
        table.add_row([paragraph.about, &paragraph.text]);
    }
    table.add_row(["what to do", &explanation.advice]);
    lines_of(&table, [row.user.as_str()])
}
