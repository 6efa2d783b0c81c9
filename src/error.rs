//! Errors, grouped by what the caller does next.
//!
//! A message names the operation, the subject, the cause and the remedy. It never contains a
//! secret value, a token or a body.

#[cfg(feature = "cli")]
mod line;
mod problem;
mod remedy;

use std::time::Duration;

#[cfg(feature = "cli")]
pub use line::ErrorLine;
pub use problem::{DocumentProblem, Problem};
use problem::{count_problems, join_first, join_problems, overtook};

/// The remedy for a passing fault.
pub(crate) const RETRY_LATER: &str = "retry later";

/// The remedy for a rate limit.
pub(crate) const RAISE_LIMIT: &str =
    "retry later, or raise the quota (`vault list sys/quotas/rate-limit`)";

/// All errors of the crate.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The payload cannot be parsed. Drop it; redelivery changes nothing.
    #[error("{0}")]
    BadEvent(String),
    /// The environment is invalid. Fix the named variables.
    #[error("{} in the configuration: {}", count_problems(.0.len()), join_problems(.0))]
    BadConfiguration(Vec<Problem>),
    /// The targets document is refused. Fix the named places.
    #[error(
        "targets document {document}: refused with {}: {}; `keysync targets check FILE` lists all",
        count_problems(.problems.len()),
        join_first(.problems)
    )]
    BadTargets {
        /// Where the document is.
        document: String,
        /// The problems, by their places.
        problems: Vec<DocumentProblem>,
    },
    /// The service denied the request. Fix the permission or the token.
    #[error("{operation} {subject}: {problem}; {remedy}")]
    Denied {
        /// The operation.
        operation: &'static str,
        /// The object of the operation.
        subject: String,
        /// What was denied, without the service's own text.
        problem: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// A named object does not exist. Fix the name, or create the object.
    #[error("{operation} {subject}: not found; {remedy}")]
    Missing {
        /// The operation.
        operation: &'static str,
        /// The object of the operation.
        subject: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The service cannot be reached. Retry later, and send it no other requests in the meantime.
    #[error("{operation} {subject}: unreachable ({problem}); {remedy}")]
    Unreachable {
        /// The operation.
        operation: &'static str,
        /// The object of the operation.
        subject: String,
        /// The cause.
        problem: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The service cannot handle the request at present. Retry later.
    #[error("{operation} {subject}: {problem}; {remedy}")]
    Unavailable {
        /// The operation.
        operation: &'static str,
        /// The object of the operation.
        subject: String,
        /// The cause, without the service's own text.
        problem: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The service limits the rate of requests. Slow down, and continue.
    #[error("{operation} {subject}: {problem}; {remedy}")]
    Throttled {
        /// The operation.
        operation: &'static str,
        /// The object of the operation.
        subject: String,
        /// The cause.
        problem: String,
        /// The remedy.
        remedy: &'static str,
        /// How long to wait, if the service states that.
        retry_after: Option<Duration>,
    },
    /// The response is unknown, or not one of the expected service. Redelivery changes nothing.
    #[error("{operation} {subject}: {problem}{}{remedy}", if .remedy.is_empty() { "" } else { "; " })]
    Unexpected {
        /// The operation.
        operation: &'static str,
        /// The object of the operation.
        subject: String,
        /// The fault of the response.
        problem: String,
        /// The remedy; empty if the cause is unknown.
        remedy: &'static str,
    },
    /// Other writers won every attempt. Retry later.
    #[error("{subject}: another writer {}; retry later", overtook(*.attempts))]
    Contended {
        /// The contended object.
        subject: String,
        /// The number of attempts.
        attempts: u32,
    },
    /// The invocation has no time left for this user. Retry later.
    #[error("the invocation has no time left; retry later")]
    OutOfTime,
    /// A reconcile run did not process all users. The next run continues with the others.
    #[error("the reconcile run is incomplete: {0}")]
    PartialFailure(String),
    /// A reconcile run would retire too many users. Check Parameter Store, then allow it.
    #[error(
        "refused: {gone} of {known} users would be retired at once ({unchecked} more could not be \
         checked, {recently} were retired in the last 7 days), as if a listing were broken; check \
         Parameter Store and the state objects, then repeat with allowMassRetire \
         (--allow-mass-retire) if the users are really gone"
    )]
    MassRetireLimit {
        /// The number of users who would be retired.
        gone: usize,
        /// The number of users who are known.
        known: usize,
        /// The number of users who may be gone as well, but could not be checked.
        unchecked: usize,
        /// The number of users who were retired in the last seven days.
        recently: usize,
    },
    /// The given token is not suitable. Provide another one.
    #[error("the token was rejected: {0}")]
    BadToken(String),
    /// A dependency, or this program, panicked. Report it as a defect.
    #[error("a defect: a panic at {place}; report it with the version and what was done")]
    Panicked {
        /// The crate, file and line.
        place: String,
    },
    /// The only user of an invocation failed.
    #[error("{user}: {reason}")]
    SyncFailed {
        /// The user.
        user: String,
        /// The cause.
        reason: String,
    },
}

impl Error {
    /// Creates [`Error::Denied`].
    pub(crate) fn denied(
        op: &'static str,
        subject: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self::Denied {
            operation: op,
            subject: subject.into(),
            problem: "denied".to_owned(),
            remedy,
        }
    }

    /// Creates [`Error::Missing`].
    pub(crate) fn missing(
        op: &'static str,
        subject: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self::Missing {
            operation: op,
            subject: subject.into(),
            remedy,
        }
    }

    /// Creates [`Error::Unavailable`].
    pub(crate) fn unavailable(op: &'static str, subject: impl Into<String>, problem: &str) -> Self {
        Self::Unavailable {
            operation: op,
            subject: subject.into(),
            problem: problem.to_owned(),
            remedy: RETRY_LATER,
        }
    }

    /// Creates [`Error::BadConfiguration`] with one problem.
    pub(crate) fn misconfigured(variable: &'static str, problem: &str) -> Self {
        Self::BadConfiguration(vec![Problem {
            variable,
            problem: problem.to_owned(),
        }])
    }

    /// Creates [`Error::Unexpected`].
    pub(crate) fn unexpected(op: &'static str, subject: impl Into<String>, problem: &str) -> Self {
        Self::Unexpected {
            operation: op,
            subject: subject.into(),
            problem: problem.to_owned(),
            remedy: "",
        }
    }

    /// Returns a stable name to alarm on: the `errorType` of a failed invocation.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BadEvent(_) => "BadEvent",
            Self::BadConfiguration(_) => "BadConfiguration",
            Self::BadTargets { .. } => "BadTargets",
            Self::Denied { .. } => "Denied",
            Self::Missing { .. } => "Missing",
            Self::Unreachable { .. } => "Unreachable",
            Self::Unavailable { .. } => "Unavailable",
            Self::Throttled { .. } => "Throttled",
            Self::Unexpected { .. } => "Unexpected",
            Self::Contended { .. } => "Contended",
            Self::OutOfTime => "OutOfTime",
            Self::PartialFailure(_) => "PartialFailure",
            Self::MassRetireLimit { .. } => "MassRetireLimit",
            Self::BadToken(_) => "BadToken",
            Self::Panicked { .. } => "Panicked",
            Self::SyncFailed { .. } => "SyncFailed",
        }
    }
}
