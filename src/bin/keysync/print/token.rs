//! The Vault token, as people read of it.

use comfy_table::Table;
use jiff::{SignedDuration, Timestamp};
use nr_iam_key_sync::time_format::{duration, relative};
use nr_iam_key_sync::{Imported, TokenStatus, TokenView};

use crate::screen::{Screen, Tone, lines};

/// How long the token lives, in a line.
pub(super) fn life(status: &TokenStatus, now: Timestamp) -> String {
    let end = status.expires_at.map_or("never expires".to_owned(), |end| {
        format!("expires {}", relative(end, now))
    });
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

/// The token after a renewal.
pub fn renewed(status: &TokenStatus, now: Timestamp, screen: Screen) -> String {
    let renewed = if status.renewed {
        "renewed"
    } else {
        "not renewed: it cannot be"
    };
    let mut table = screen.table(&[]);
    table.add_row(["Vault token", &format!("{renewed}; {}", life(status, now))]);
    warn(&mut table, status, screen);
    lines(&table)
}

/// What is known of the token.
pub fn token(view: &TokenView, now: Timestamp, screen: Screen) -> String {
    let kin = if view.orphan { "orphan" } else { "child" };
    let mut table = screen.table(&[]);
    table.add_row(["Vault token", &life(&view.status, now)]);
    table.add_row([
        "kind",
        &format!(
            "{} token, {kin}, made {}",
            view.kind,
            relative(view.created_at, now)
        ),
    ]);
    table.add_row(["policies", &view.policies.join(", ")]);
    warn(&mut table, &view.status, screen);
    lines(&table)
}

/// What was stored.
pub fn imported(imported: &Imported, now: Timestamp, screen: Screen) -> String {
    let how = if imported.wrapped {
        "unwrapped and stored"
    } else {
        "stored"
    };
    let mut table = screen.table(&[]);
    table.add_row([format!(
        "The token is {how}; the function uses it from its next sweep or renewal on, or as soon as Vault refuses the one before."
    )]);
    lines(&table) + "\n" + &token(&imported.token, now, screen)
}

/// What is wrong with it, a row each.
pub(super) fn warn(table: &mut Table, status: &TokenStatus, screen: Screen) {
    for warning in &status.warnings {
        table.add_row([
            screen.cell("warning", Tone::Warning),
            screen.cell(warning, Tone::Plain),
        ]);
    }
}
