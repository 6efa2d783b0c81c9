//! Results as people read them. Pure: text from data.

use jiff::{SignedDuration, Timestamp};
use nr_iam_key_sync::words::{span, when};
use nr_iam_key_sync::{Condition, Explanation, LastRun, Outcome, Report, Row, Status, SyncOutcome, TokenStatus};

use crate::screen::{Screen, Tone, lines};

/// What happened, or would happen, to whom.
pub fn report(report: &Report, screen: Screen) -> String {
    if let Some(reason) = &report.skipped {
        return format!("Nothing was swept: {reason}.\n");
    }
    let mut text = String::new();
    if !report.users.is_empty() {
        let mut table = screen.table(&["USER", "OUTCOME", "WHY"]);
        for user in &report.users {
            let (word, tone) = outcome(user.outcome);
            let version =
                user.vault_version.map_or(String::new(), |version| format!(" (now version {version} in Vault)"));
            table.add_row([
                screen.cell(&user.user, Tone::Plain),
                screen.cell(word, tone),
                screen.cell(format!("{}{version}", user.reason), Tone::Plain),
            ]);
        }
        text = lines(&table);
        if report.truncated {
            text.push_str("… and others; the counts are complete.\n");
        }
        text.push('\n');
    }
    let counts = report.counts.iter().filter(|(_, count)| **count > 0);
    let counts = counts.map(|(kind, count)| format!("{count} {}", outcome(*kind).0)).collect::<Vec<_>>();
    let counts = if counts.is_empty() { "no users".to_owned() } else { counts.join(", ") };
    let seconds = SignedDuration::from_millis(i64::try_from(report.millis).unwrap_or(i64::MAX)).as_secs_f64();
    text + &format!("{counts}; {seconds:.1} s\n")
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
        let age = row.key_age_hours.map_or("-".to_owned(), |age| short(hours(age)));
        table.add_row([
            screen.cell(&row.user, Tone::Plain),
            screen.cell(row.condition.as_str(), tone(row.condition)),
            screen.cell(last_sync(row, now), Tone::Plain),
            screen.cell(age, Tone::Plain),
            screen.cell(left(row), urgency(row)),
            screen.cell(versions(row), Tone::Plain),
        ]);
    }
    let mut text = if status.users.is_empty() { String::new() } else { lines(&table) + "\n" };
    let odd = status.users.iter().filter(|row| !row.condition.is_in_step()).collect::<Vec<_>>();
    if !odd.is_empty() {
        let mut table = screen.table(&[]);
        for row in odd {
            table.add_row([screen.cell(&row.user, Tone::Plain), screen.cell(&row.reason, Tone::Plain)]);
        }
        text.push_str(&lines(&table));
        text.push_str("Run `keysync explain USER` for the whole story.\n\n");
    }
    let counts = status.counts.iter().map(|(condition, count)| format!("{count} {}", condition.as_str()));
    let counts = counts.collect::<Vec<_>>();
    let counts = if counts.is_empty() { "no users".to_owned() } else { counts.join(", ") };
    text.push_str(&format!("Users: {counts}\n"));
    text.push_str(&format!(
        "Last sweep: {}\n",
        status.last_run.as_ref().map_or("none recorded".to_owned(), |run| last_run(run, now))
    ));
    if let Some(status) = &status.token {
        text.push_str(&token(status, now));
    }
    text
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
    };
    row.last_sync.at.map_or(word.to_owned(), |at| format!("{word} {} ago", short(now.duration_since(at))))
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
    let to = number(row.vault_version.or(row.recorded_version).map(|version| version.to_string()));
    match (row.vault_version, row.recorded_version) {
        (Some(found), Some(recorded)) if found != recorded => format!("{from} -> {to} (wrote {recorded})"),
        _ => format!("{from} -> {to}"),
    }
}

/// A length of time for a narrow column.
fn short(length: SignedDuration) -> String {
    if length.as_mins() == 0 { "<1 min".to_owned() } else { span(length) }
}

fn hours(hours: f64) -> SignedDuration {
    SignedDuration::from_secs_f64(hours * 3600.0)
}

fn last_run(run: &LastRun, now: Timestamp) -> String {
    let Some(finished) = run.finished_at else {
        return format!("begun {}, not ended: under way, or it died", when(run.started_at, now));
    };
    let left = match (run.failed_users.len(), run.unlisted) {
        (0, false) => "complete".to_owned(),
        (0, true) => "not everybody was listed".to_owned(),
        (1, _) => format!("1 user left over ({})", run.failed_users[0]),
        (count, _) => format!("{count} users left over ({}, …)", run.failed_users[0]),
    };
    format!("{}, {left}", when(finished, now))
}

/// What is known of the token.
pub fn token(status: &TokenStatus, now: Timestamp) -> String {
    let end = status.expires_at.map_or("never expires".to_owned(), |end| format!("expires {}", when(end, now)));
    let period = match status.period_seconds {
        Some(seconds) => {
            format!("periodic ({})", span(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))))
        }
        None => "not periodic".to_owned(),
    };
    let renewable = if status.renewable { "renewable" } else { "not renewable" };
    let renewed = if status.renewed { "renewed just now, " } else { "" };
    let mut text = format!("Vault token: {renewed}{end}, {period}, {renewable}\n");
    for warning in &status.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

/// The story of one user.
pub fn explanation(explanation: &Explanation, screen: Screen) -> String {
    let mut table = screen.table(&[]);
    let row = &explanation.row;
    table.add_row([screen.cell(&row.user, Tone::Plain), screen.cell(row.condition.as_str(), tone(row.condition))]);
    for paragraph in &explanation.story {
        table.add_row([paragraph.about, &paragraph.text]);
    }
    table.add_row(["what to do", &explanation.advice]);
    lines(&table)
}
