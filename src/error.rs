//! What can go wrong, by what the caller does next.
//!
//! A text names the operation and the subject, and tells what to do; it never holds a value, a token or a body.

/// Everything that can fail.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// What woke us cannot be understood: drop it, sending it again changes nothing.
    #[error("{0}")]
    BadEvent(String),
    /// The environment is wrong: mend the variables that are named.
    #[error("{} in the configuration: {}", problems(.0.len()), list(.0))]
    BadConfiguration(Vec<Problem>),
    /// The service said no: mend the permission or the token.
    #[error("{operation} {subject}: denied; {remedy}")]
    Denied {
        /// What was tried.
        operation: &'static str,
        /// On what.
        subject: String,
        /// What to do.
        remedy: &'static str,
    },
    /// What is named does not exist: mend the name, or make it.
    #[error("{operation} {subject}: it does not exist; {remedy}")]
    Missing {
        /// What was tried.
        operation: &'static str,
        /// On what.
        subject: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Nobody answered: try again later, and do not try the others meanwhile.
    #[error("{operation} {subject}: no answer ({problem}); worth another try later")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// On what.
        subject: String,
        /// What stood in the way.
        problem: String,
    },
    /// The service answered that it cannot now: try again later.
    #[error("{operation} {subject}: {problem}; worth another try later")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// On what.
        subject: String,
        /// What the service said, in our words.
        problem: String,
    },
    /// The answer is not one that the service gives: look at what answers there.
    #[error("{operation} {subject}: {problem}")]
    Unexpected {
        /// What was tried.
        operation: &'static str,
        /// On what.
        subject: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// Others kept winning the race: try again later.
    #[error(
        "{subject}: {attempts} attempts in a row were overtaken by another writer; worth another try later"
    )]
    Contended {
        /// What was contended.
        subject: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The invocation has no time left for this user: try again later.
    #[error("the invocation had no time left; worth another try later")]
    OutOfTime,
    /// A sweep did not get everybody in step: the next one goes on with those.
    #[error("the sweep is incomplete: {0}")]
    PartialFailure(String),
    /// A reconcile run would retire too many users: check Parameter Store, then allow it.
    #[error(
        "refused: {gone} of {known} users would be retired at once, as if a listing were broken; \
         check Parameter Store, then repeat with allowMassRetire (--allow-mass-retire) if the users \
         are really gone"
    )]
    MassRetireLimit {
        /// The number of users who would be retired.
        gone: usize,
        /// The number of users who are known.
        known: usize,
    },
    /// A token that was given is not one to store: give a better one.
    #[error("the token was refused: {0}")]
    BadToken(String),
    /// The single user of an invocation failed.
    #[error("{user}: {reason}")]
    SyncFailed {
        /// Which user.
        user: String,
        /// Why.
        reason: String,
    },
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl Error {
    /// A stable name to alarm on: the `errorType` of a failed invocation.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BadEvent(_) => "BadEvent",
            Self::BadConfiguration(_) => "BadConfiguration",
            Self::Denied { .. } => "Denied",
            Self::Missing { .. } => "Missing",
            Self::Unreachable { .. } => "Unreachable",
            Self::Unavailable { .. } => "Unavailable",
            Self::Unexpected { .. } => "Unexpected",
            Self::Contended { .. } => "Contended",
            Self::OutOfTime => "OutOfTime",
            Self::PartialFailure(_) => "PartialFailure",
            Self::MassRetireLimit { .. } => "MassRetireLimit",
            Self::BadToken(_) => "BadToken",
            Self::SyncFailed { .. } => "SyncFailed",
        }
    }
}

fn problems(count: usize) -> String {
    if count == 1 {
        "1 problem".to_owned()
    } else {
        format!("{count} problems")
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
