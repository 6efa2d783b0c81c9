//! The result of a rehearsal.

use serde::Serialize;

use crate::doctor::CheckStatus;
use crate::error::Error;

/// What a rehearsal showed.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    /// The user, who does not exist.
    pub user: String,
    /// The stages, in the order in which they ended.
    pub stages: Vec<Stage>,
}

impl Rehearsal {
    /// Returns whether no stage failed.
    pub fn has_passed(&self) -> bool {
        let mut stages = self.stages.iter();
        stages.all(|stage| stage.status != CheckStatus::Fail)
    }
}

/// A stage of a rehearsal.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// The stable name of the stage.
    pub name: &'static str,
    /// The result.
    pub status: CheckStatus,
    /// The finding, in a sentence.
    pub detail: String,
    /// The remedy, unless the stage passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How long the stage took in seconds; null if that is unknown.
    pub seconds: Option<f64>,
}

impl Stage {
    pub(super) fn pass(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            status: CheckStatus::Pass,
            detail: detail.into(),
            remedy: None,
            seconds: None,
        }
    }

    pub(super) fn fail(
        name: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status: CheckStatus::Fail,
            remedy: Some(remedy.into()),
            ..Self::pass(name, detail)
        }
    }

    pub(super) fn warn(
        name: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status: CheckStatus::Warn,
            ..Self::fail(name, detail, remedy)
        }
    }

    /// Returns the failure of a call.
    pub(super) fn of_error(name: &'static str, error: &Error) -> Self {
        let remedy = error.remedy().unwrap_or("repeat the rehearsal");
        Self::fail(name, error.without_remedy(), remedy)
    }

    /// Adds how long it took, to the hundredth of a second.
    pub(super) fn took(self, seconds: f64) -> Self {
        Self {
            seconds: Some((seconds * 100.0).round() / 100.0),
            ..self
        }
    }
}
