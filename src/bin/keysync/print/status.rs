//! The text output of the status.

use jiff::{SignedDuration, Timestamp};
use nr_iam_key_sync::time_format::{duration, relative};
use nr_iam_key_sync::{Condition, ReconcileRecord, Row, Status, SyncOutcome};

use super::vault_token::{add_warnings, lifetime};
use super::{Reasons, join_counts, label};
use crate::screen::{Screen, Tone, name, render, render_with_names};

/// Formats the status of all users.
pub fn status(status: &Status, now: Timestamp, screen: Screen) -> String {
    let mut table = screen.table(&["USER", "STATUS", "LAST SYNC", "KEY AGE", "LEFT", "VERSIONS"]);
    let labels = status.users.iter();
    let labels = labels.map(|row| label(&row.user, row.target.as_ref()));
    let labels = labels.collect::<Vec<_>>();
    for (row, label) in status.users.iter().zip(&labels) {
        let age = row
            .key_age_hours
            .map_or("-".to_owned(), |age| short(hours(age)));
        table.add_row([
            name(label),
            screen.cell(row.condition.as_str(), tone(row.condition)),
            screen.cell(last_sync(row, now), Tone::Plain),
            screen.cell(age, Tone::Plain),
            screen.cell(left(row), urgency(row)),
            screen.cell(versions(row), Tone::Plain),
        ]);
    }
    let mut text = render_with_names(&table, labels.iter().map(String::as_str)) + "\n";
    if status.users.is_empty() {
        text.clear();
    }
    let not_in_sync = status.users.iter().zip(&labels);
    let not_in_sync = not_in_sync.filter(|(row, _)| !row.condition.is_in_sync());
    let not_in_sync = not_in_sync.collect::<Vec<_>>();
    if !not_in_sync.is_empty() {
        let mut table = screen.table(&[]);
        let mut reasons = Reasons::default();
        for (row, label) in &not_in_sync {
            let reason = reasons.once(label, &row.reason);
            table.add_row([name(label), screen.cell(reason, Tone::Plain)]);
        }
        text.push_str(&render_with_names(
            &table,
            not_in_sync.iter().map(|(_, label)| label.as_str()),
        ));
        text.push_str("Run `keysync explain USER` for details.\n\n");
    }
    let counts = status.counts.iter();
    let counts = counts.map(|(condition, count)| format!("{count} {}", condition.as_str()));
    let counts = join_counts(counts, &status.problems);
    let last_run = match &status.last_run {
        Some(run) => reconcile_record(run, now),
        None if status.is_basic => "not recorded in basic mode".to_owned(),
        None if status.last_run_problem.is_some() => "unknown".to_owned(),
        None => "none recorded".to_owned(),
    };
    let mut table = screen.table(&[]);
    table.add_row(["Users", &counts]);
    table.add_row(["Last reconcile run", &last_run]);
    if let Some(token) = &status.token {
        table.add_row(["Vault token", &lifetime(&token.status, now)]);
        add_warnings(&mut table, &token.status, screen);
    }
    text + &render(&table)
}

pub(super) fn tone(condition: Condition) -> Tone {
    match condition {
        Condition::InSync => Tone::Good,
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

/// Formats `parameter -> Vault`, and the recorded version if Vault has another.
fn versions(row: &Row) -> String {
    let number = |version: Option<String>| version.unwrap_or_else(|| "-".to_owned());
    let parameter = number(row.parameter_version.map(|version| version.to_string()));
    let vault = number(
        row.vault_version
            .or(row.recorded_version)
            .map(|version| version.to_string()),
    );
    match (row.vault_version, row.recorded_version) {
        (Some(found), Some(recorded)) if found != recorded => {
            format!("{parameter} -> {vault} (wrote {recorded})")
        }
        _ => format!("{parameter} -> {vault}"),
    }
}

/// Formats a duration for a narrow column.
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

fn reconcile_record(run: &ReconcileRecord, now: Timestamp) -> String {
    let Some(finished) = run.finished_at else {
        return format!(
            "started {}, not finished: in progress or interrupted",
            relative(run.started_at, now)
        );
    };
    let left = match (run.failed_users.len(), run.needs_full_run) {
        (0, false) => "complete".to_owned(),
        (0, true) => "incomplete: the users could not all be listed".to_owned(),
        (1, _) => format!("1 user not done ({})", run.failed_users[0]),
        (count, _) => format!("{count} users not done ({}, …)", run.failed_users[0]),
    };
    format!("{}, {left}", relative(finished, now))
}
