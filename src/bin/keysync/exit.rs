//! What a result means for the exit code.

use nr_iam_key_sync::{Condition, Error, Outcome, Report};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or all in step.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// There are differences.
    Differs = 3,
}

/// Tells an error on standard error, and what it means for the exit code.
pub fn complain(error: &Error) -> Exit {
    match error {
        Error::BadConfiguration(problems) => {
            for problem in problems {
                eprintln!("error: {problem}");
            }
            Exit::Usage
        }
        error => {
            eprintln!("error: {error}");
            Exit::Failed
        }
    }
}

/// Of a sync that was asked for by name: whoever was not brought in step is a failure.
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

/// Of a dry run: whether anybody is not in step.
pub fn differences(report: &Report) -> Exit {
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

/// Of a user's condition.
pub fn of_condition(condition: Condition) -> Exit {
    match condition {
        Condition::Failed => Exit::Failed,
        condition if condition.is_in_step() => Exit::Done,
        _ => Exit::Differs,
    }
}

/// The worse of two: a failure counts more than a difference.
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
    fn the_documented_exit_codes_are_these_and_that_of_a_second_interrupt() {
        let page = include_str!("../../../docs/command-line.md");
        let table = page.split_once("\n| exit code | meaning |\n").unwrap().1;
        let rows = table
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with('|'));
        let told: Vec<i32> = rows
            .map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap())
            .collect();
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Differs].map(|exit| exit as i32);
        assert_eq!(told, [&codes[..], &[130]].concat());
    }
}
