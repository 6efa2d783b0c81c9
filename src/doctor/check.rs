//! A single check: its finding, its duration and its time limit.

use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::time::Instant;

use crate::error::Error;
use crate::panics::catch_panic;

/// The time limit of a check.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The remedy for a panic.
const REPORT: &str = "report the detail as a defect of this program";

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// No problem was found.
    Pass,
    /// The service works, with a limitation.
    Warn,
    /// The service does not work.
    Fail,
}

/// A check with its result. It contains no secret.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The stable name of the check.
    pub name: &'static str,
    /// The result.
    pub status: CheckStatus,
    /// The finding, in a sentence.
    pub detail: String,
    /// The remedy, unless the check passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The duration in milliseconds.
    pub millis: u64,
}

/// The finding of a check.
pub(super) struct Finding {
    pub(super) status: CheckStatus,
    detail: String,
    remedy: Option<String>,
}

pub(super) fn pass(detail: impl Into<String>) -> Finding {
    Finding {
        status: CheckStatus::Pass,
        detail: detail.into(),
        remedy: None,
    }
}

pub(super) fn warn(detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        status: CheckStatus::Warn,
        detail: detail.into(),
        remedy: Some(remedy.into()),
    }
}

pub(super) fn fail(detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        status: CheckStatus::Fail,
        detail: detail.into(),
        remedy: Some(remedy.into()),
    }
}

/// Creates the finding of a failed call. `default_remedy` applies if the error names no remedy.
pub(super) fn failed(error: &Error, default_remedy: &str) -> Finding {
    match error {
        Error::Denied {
            operation,
            subject,
            remedy,
        } => fail(format!("{operation} {subject}: denied"), *remedy),
        Error::Missing {
            operation,
            subject,
            remedy,
        } => fail(format!("{operation} {subject}: not found"), *remedy),
        Error::Unreachable {
            operation,
            subject,
            problem,
        } => fail(
            format!("{operation} {subject}: unreachable ({problem})"),
            default_remedy,
        ),
        Error::Unavailable {
            operation,
            subject,
            problem,
        } => fail(format!("{operation} {subject}: {problem}"), default_remedy),
        error => fail(error.to_string(), default_remedy),
    }
}

impl Finding {
    /// Returns the finding with the status `warn`.
    pub(super) fn into_warning(self) -> Self {
        Self {
            status: CheckStatus::Warn,
            ..self
        }
    }

    /// Creates the check with this finding.
    pub(super) fn of(self, name: &'static str, took: Duration) -> Check {
        let Self {
            status,
            detail,
            remedy,
        } = self;
        Check {
            name,
            status,
            detail,
            remedy,
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Runs a check until its time limit or `deadline`, whichever is earlier.
pub(super) async fn check(
    name: &'static str,
    deadline: Instant,
    work: impl Future<Output = Finding>,
) -> Check {
    let started = Instant::now();
    let end = deadline.min(started + TIME_LIMIT);
    let work = catch_panic(work.map(Ok));
    let work = work.map(|finding| finding.unwrap_or_else(|error| failed(&error, REPORT)));
    let finding = tokio::time::timeout_at(end, work).await.unwrap_or_else(|_| {
        let limit = end.saturating_duration_since(started).as_secs();
        let remedy = "find what is slow or drops packets on the route: routing, firewall, security group, endpoint";
        fail(format!("no response within {limit} s"), remedy)
    });
    finding.of(name, started.elapsed())
}

/// Creates the checks that were skipped because another one failed.
pub(super) fn not_checked(names: &[&'static str], because: &'static str) -> Vec<Check> {
    let one = |name: &&'static str| {
        fail(
            format!("not checked, because {because} failed"),
            format!("fix {because} first"),
        )
        .of(name, Duration::ZERO)
    };
    names.iter().map(one).collect()
}

/// Returns the name of the first failed check.
pub(super) fn first_failure(checks: &[Check]) -> Option<&'static str> {
    checks
        .iter()
        .find(|check| check.status == CheckStatus::Fail)
        .map(|check| check.name)
}
