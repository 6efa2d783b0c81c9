//! The text output of targets.

use std::collections::BTreeSet;

use nr_iam_key_sync::{ImportedTargets, TargetRow, TargetsCheck};

use crate::screen::{Screen, name, render_with_names};

/// Formats a document that was stored.
pub fn imported_targets(imported: &ImportedTargets, screen: Screen) -> String {
    let document = imported.check.document.as_deref().unwrap_or_default();
    let what = if imported.is_stored {
        format!(
            "Stored as {document}. It takes effect with the next event of a user, and for all users \
             with the next reconcile run."
        )
    } else {
        format!("{document} holds this document already; nothing was stored.")
    };
    format!("{}\n{what}\n", targets(&imported.check, screen))
}

/// Formats the targets of an accepted document; a refused one has none.
pub fn targets(check: &TargetsCheck, screen: Screen) -> String {
    if !check.problems.is_empty() {
        return String::new();
    }
    let users = check
        .targets
        .iter()
        .filter_map(|target| target.user.as_ref());
    let without_entry = if check.targets.iter().any(|target| target.user.is_none()) {
        "have the last target"
    } else {
        "are untargeted"
    };
    table(check, screen)
        + &format!(
            "\nusers: {}, targets: {}, version mark: {}\nusers without an entry {without_entry}\n",
            users.collect::<BTreeSet<_>>().len(),
            check.targets.len(),
            version_mark(check),
        )
}

/// Formats the targets of one user.
pub fn targets_of_user(check: &TargetsCheck, screen: Screen) -> String {
    if check.targets.is_empty() {
        return "The user is untargeted: the document has neither an entry nor others.\n"
            .to_owned();
    }
    table(check, screen) + &format!("\nversion mark: {}\n", version_mark(check))
}

fn version_mark(check: &TargetsCheck) -> &str {
    check.metadata.as_deref().unwrap_or("none")
}

fn table(check: &TargetsCheck, screen: Screen) -> String {
    let mut table = screen.table(&["TARGET", "USER", "WRITE", "FIELDS"]);
    let locations = check.targets.iter().map(location).collect::<Vec<_>>();
    for (target, location) in check.targets.iter().zip(&locations) {
        let fields = target.fields.keys().map(String::as_str);
        table.add_row([
            name(location),
            target.user.as_deref().unwrap_or("(others)").into(),
            (if target.merge { "merge" } else { "replace" }).into(),
            fields.collect::<Vec<_>>().join(", ").into(),
        ]);
    }
    render_with_names(&table, locations.iter().map(String::as_str))
}

/// Returns where a secret is, with its namespace.
fn location(target: &TargetRow) -> String {
    let path = format!("{}/{}", target.mount, target.path);
    match &target.namespace {
        Some(namespace) => format!("{path} (namespace {namespace})"),
        None => path,
    }
}
