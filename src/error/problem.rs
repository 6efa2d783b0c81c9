//! The problems of a configuration or a document, and their text.

/// A problem of one configuration variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// The problem and the expected value.
    pub problem: String,
}

/// A problem of a targets document. It quotes at most a few characters of the document.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[error("{place}: {problem}")]
pub struct DocumentProblem {
    /// The place in the document, such as `parameters[2].targets[0].path`.
    pub place: String,
    /// The problem and the expected value.
    pub problem: String,
}

/// Returns what another writer did.
pub(super) fn overtook(attempts: u32) -> String {
    if attempts == 1 {
        "was first".to_owned()
    } else {
        format!("overtook {attempts} attempts in a row")
    }
}

/// Returns how many problems there are.
pub(super) fn count_problems(count: usize) -> String {
    if count == 1 {
        "1 problem".to_owned()
    } else {
        format!("{count} problems")
    }
}

/// Returns all problems in one line.
pub(super) fn join_problems(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Returns the first problems of a document: each user that fails has them in its reason.
pub(super) fn join_first(problems: &[DocumentProblem]) -> String {
    let more = (problems.len() > 3).then(|| "…".to_owned());
    let first = problems.iter().take(3).map(ToString::to_string);
    first.chain(more).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use crate::error::Error;

    #[test]
    fn lost_races_are_counted_from_the_second() {
        for (attempts, expected) in [
            (1, "x: another writer was first; retry later"),
            (
                5,
                "x: another writer overtook 5 attempts in a row; retry later",
            ),
        ] {
            let subject = "x".to_owned();
            assert_eq!(Error::Contended { subject, attempts }.to_string(), expected);
        }
    }
}
