//! The exit code of each result.

use nr_iam_key_sync::{Condition, Outcome, Report};

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or all users in sync.
    Done = 0,
    /// A failure.
    Failed = 1,
    /// Invalid usage or configuration.
    Usage = 2,
    /// Differences were found.
    Differs = 3,
}

/// Returns the exit code of a sync of named users. A user that is not in sync is a failure.
pub fn of_sync(report: &Report) -> Exit {
    let done = |outcome| {
        matches!(
            outcome,
            Outcome::Written | Outcome::Unchanged | Outcome::Superseded | Outcome::Retired
        )
    };
    if report.users.iter().all(|user| done(user.outcome)) {
        Exit::Done
    } else {
        Exit::Failed
    }
}

/// Returns the exit code of a dry run.
pub fn of_dry_run(report: &Report) -> Exit {
    let count = |outcome| report.counts.get(&outcome).copied().unwrap_or(0);
    let differs = report
        .counts
        .iter()
        .any(|(outcome, count)| *outcome != Outcome::Unchanged && *count > 0);
    match (count(Outcome::Failed), differs) {
        (0, false) => Exit::Done,
        (0, true) => Exit::Differs,
        _ => Exit::Failed,
    }
}

/// Returns the exit code of a user's condition.
pub fn of_condition(condition: Condition) -> Exit {
    match condition {
        Condition::Failed => Exit::Failed,
        condition if condition.is_in_sync() => Exit::Done,
        _ => Exit::Differs,
    }
}

/// Returns the worse of two exit codes: a failure counts more than a difference.
pub fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Failed, _) | (_, Exit::Failed) => Exit::Failed,
        (Exit::Done, other) => other,
        (one, _) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn exit_codes_are_documented() {
        let page = include_str!("../../../docs/command-line.md");
        let table = page.split_once("\n| exit code | meaning |\n").unwrap().1;
        let rows = table
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with('|'));
        let documented: Vec<i32> = rows
            .map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap())
            .collect();
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Differs].map(|exit| exit as i32);
        // And that of a second interrupt.
        assert_eq!(documented, [&codes[..], &[130]].concat());
    }
}
