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
    /// The check was not made, because another one failed.
    Skip,
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
    /// The cause of the failure, without what failed: two failures with one cause are one.
    #[serde(skip)]
    pub(super) cause: Option<String>,
}

/// The finding of a check.
pub(super) struct Finding {
    pub(super) status: CheckStatus,
    detail: String,
    remedy: Option<String>,
    cause: Option<String>,
}

pub(super) fn pass(detail: impl Into<String>) -> Finding {
    Finding {
        status: CheckStatus::Pass,
        detail: detail.into(),
        remedy: None,
        cause: None,
    }
}

pub(super) fn warn(detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        status: CheckStatus::Warn,
        detail: detail.into(),
        remedy: Some(remedy.into()),
        cause: None,
    }
}

pub(super) fn fail(detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        status: CheckStatus::Fail,
        detail: detail.into(),
        remedy: Some(remedy.into()),
        cause: None,
    }
}

/// Creates the finding of a failed call. `default_remedy` applies if the error names none.
pub(super) fn failed(error: &Error, default_remedy: &'static str) -> Finding {
    let remedy = error.remedy().unwrap_or(default_remedy);
    Finding {
        cause: error.cause().map(str::to_owned),
        ..fail(error.without_remedy(), remedy)
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
            cause,
        } = self;
        Check {
            name,
            status,
            detail,
            remedy,
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            cause,
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
    let finding = tokio::time::timeout_at(end, work)
        .await
        .unwrap_or_else(|_| {
            let limit = end.saturating_duration_since(started).as_secs();
            let remedy = if name.starts_with("vault") || name.starts_with("policy") {
                "check VAULT_ADDR, and the route and the firewall on the way there"
            } else {
                "check AWS_REGION and AWS_ENDPOINT_URL, and the route to that endpoint"
            };
            fail(format!("no response within {limit} s"), remedy)
        });
    finding.of(name, started.elapsed())
}

/// Creates the checks that were not made because another one failed.
pub(super) fn skipped(names: &[&'static str], failed: &'static str) -> Vec<Check> {
    let one = |name: &&'static str| {
        let finding = Finding {
            status: CheckStatus::Skip,
            detail: because(failed),
            remedy: Some(fix_first(failed)),
            cause: None,
        };
        finding.of(name, Duration::ZERO)
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

/// Turns each failure whose cause and remedy are those of an earlier one into a skipped check: one
/// cause is one failure. Checks that were skipped because of it then name the earlier one.
pub(super) fn merge_causes(checks: &mut [Check]) {
    let mut merged = Vec::new();
    for index in 1..checks.len() {
        let (earlier, later) = checks.split_at_mut(index);
        let later = &mut later[0];
        let has_same_cause = |first: &&Check| {
            first.status == CheckStatus::Fail
                && first.cause.is_some()
                && (&first.cause, &first.remedy) == (&later.cause, &later.remedy)
        };
        if matches!(later.status, CheckStatus::Fail | CheckStatus::Warn)
            && let Some(first) = earlier.iter().find(has_same_cause)
        {
            merged.push((later.name, first.name));
            later.status = CheckStatus::Skip;
            later.detail = format!("{} (the same cause as {})", later.detail, first.name);
            later.remedy = Some(fix_first(first.name));
        }
    }
    for (later, first) in merged {
        let blamed = fix_first(later);
        let skipped = checks.iter_mut().filter(|check| {
            check.status == CheckStatus::Skip && check.remedy.as_deref() == Some(&*blamed)
        });
        for check in skipped {
            check.detail = because(first);
            check.remedy = Some(fix_first(first));
        }
    }
}

fn because(failed: &str) -> String {
    format!("not checked, because {failed} failed")
}

fn fix_first(failed: &str) -> String {
    format!("fix {failed} first")
}
