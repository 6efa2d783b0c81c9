//! The text output of the Vault token.

use comfy_table::Table;
use jiff::{SignedDuration, Timestamp};
use nr_iam_key_sync::time_format::{duration, relative};
use nr_iam_key_sync::{Imported, TokenStatus, TokenView};

use crate::screen::{Screen, Tone, render};

/// Formats the lifetime in one line.
pub(super) fn lifetime(status: &TokenStatus, now: Timestamp) -> String {
    let end = status.expires_at.map_or("never expires".to_owned(), |end| {
        format!("expires {}", relative(end, now))
    });
    if status.login {
        return format!("{end}, of a login with the AWS identity");
    }
    let period = match status
        .period_seconds
        .map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX))
    {
        Some(seconds) => format!("period {}", duration(SignedDuration::from_secs(seconds))),
        None => "not periodic".to_owned(),
    };
    let renewable = if status.renewable {
        ""
    } else {
        ", not renewable"
    };
    format!("{end}, {period}{renewable}")
}

/// Formats the token after a renewal.
pub fn renewed(status: &TokenStatus, now: Timestamp, screen: Screen) -> String {
    let renewed = if status.renewed {
        "renewed"
    } else if status.login {
        "not renewed: another login replaces it"
    } else {
        "not renewed: it is not renewable"
    };
    let mut table = screen.table(&[]);
    table.add_row([
        "Vault token",
        &format!("{renewed}; {}", lifetime(status, now)),
    ]);
    add_warnings(&mut table, status, screen);
    render(&table)
}

/// Formats the token's properties.
pub fn token(view: &TokenView, now: Timestamp, screen: Screen) -> String {
    let parent = if view.orphan { "orphan" } else { "child" };
    let mut table = screen.table(&[]);
    table.add_row(["Vault token", &lifetime(&view.status, now)]);
    table.add_row([
        "kind",
        &format!(
            "{} token, {parent}, created {}",
            view.kind,
            relative(view.created_at, now)
        ),
    ]);
    table.add_row(["policies", &view.policies.join(", ")]);
    if let Some(namespace) = &view.namespace {
        table.add_row(["namespace", namespace]);
    }
    if !view.bound_cidrs.is_empty() {
        table.add_row(["bound to", &view.bound_cidrs.join(", ")]);
    }
    add_warnings(&mut table, &view.status, screen);
    render(&table)
}

/// Formats the result of an import.
pub fn imported(imported: &Imported, now: Timestamp, screen: Screen) -> String {
    let how = if imported.wrapped {
        "unwrapped and stored"
    } else {
        "stored"
    };
    let mut table = screen.table(&[]);
    table.add_row([format!(
        "The token is {how}; the function uses it from its next reconcile run or renewal, or as soon as Vault rejects the previous one."
    )]);
    render(&table) + "\n" + &token(&imported.token, now, screen)
}

/// Adds a row for each warning.
pub(super) fn add_warnings(table: &mut Table, status: &TokenStatus, screen: Screen) {
    for warning in &status.warnings {
        table.add_row([
            screen.cell("warning", Tone::Warning),
            screen.cell(warning, Tone::Plain),
        ]);
    }
}
