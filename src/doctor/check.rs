//! One check: what it found, how long it took, and that it came to an end.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::error::Error;

/// The longest that a check may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// All is well.
    Pass,
    /// It works, but.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at. Nothing in it is secret.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was looked at; stable.
    pub name: &'static str,
    /// How it is.
    pub status: CheckStatus,
    /// What was found, in a sentence.
    pub detail: String,
    /// What to do, unless all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How long it took.
    pub millis: u64,
}

/// What a check found.
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

/// A failed call; `otherwise` is what to do where the error does not know it better.
pub(super) fn failed(error: &Error, otherwise: &str) -> Finding {
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
        } => fail(format!("{operation} {subject}: it does not exist"), *remedy),
        Error::Unreachable {
            operation,
            subject,
            problem,
        } => fail(
            format!("{operation} {subject}: no answer ({problem})"),
            otherwise,
        ),
        Error::Unavailable {
            operation,
            subject,
            problem,
        } => fail(format!("{operation} {subject}: {problem}"), otherwise),
        error => fail(error.to_string(), otherwise),
    }
}

impl Finding {
    /// The same, but it only warns.
    pub(super) fn only_warns(self) -> Self {
        Self {
            status: CheckStatus::Warn,
            ..self
        }
    }

    /// The check that found it.
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

/// Looks, for a while at the most and never beyond `deadline`.
pub(super) async fn check(
    name: &'static str,
    deadline: Instant,
    look: impl Future<Output = Finding>,
) -> Check {
    let begun = Instant::now();
    let until = deadline.min(begun + LIMIT);
    let finding = tokio::time::timeout_at(until, look).await.unwrap_or_else(|_| {
        let detail = format!("no answer within {} s", until.saturating_duration_since(begun).as_secs());
        fail(detail, "look for what is slow or drops packets on the way: routes, firewall, security group, endpoint")
    });
    finding.of(name, begun.elapsed())
}

/// Checks that were not made because another one failed.
pub(super) fn not_checked(names: &[&'static str], because: &'static str) -> Vec<Check> {
    let one = |name: &&'static str| {
        fail(
            format!("not checked, because {because} failed"),
            format!("mend {because} first"),
        )
        .of(name, Duration::ZERO)
    };
    names.iter().map(one).collect()
}

/// The first check that failed.
pub(super) fn first_failure(checks: &[Check]) -> Option<&'static str> {
    checks
        .iter()
        .find(|check| check.status == CheckStatus::Fail)
        .map(|check| check.name)
}
