//! How the work on one user ended.

use serde::Serialize;

use super::Action;

/// How the work on one user ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Vault has a new version of the user's secret.
    Written,
    /// Vault already held the current key.
    Unchanged,
    /// There is no key to publish; Vault keeps the last good one.
    Held,
    /// Another invocation was first, with a newer key.
    Superseded,
    /// The user is gone, and that is recorded.
    Retired,
    /// The user should have a parameter and has none.
    Missing,
    /// The work failed; the reason names the cause.
    Failed,
    /// Another tool manages the secret; it was not written.
    Foreign,
    /// No target is named for the user or the secret; nothing was done.
    Untargeted,
    /// A dry run would have written the key.
    PlannedWritten,
    /// A dry run would have retired the user.
    PlannedRetired,
}

impl Outcome {
    /// All outcomes except those of a dry run, in the order of a report.
    pub const ALL: [Self; 9] = [
        Self::Written,
        Self::Unchanged,
        Self::Held,
        Self::Superseded,
        Self::Retired,
        Self::Missing,
        Self::Failed,
        Self::Foreign,
        Self::Untargeted,
    ];

    /// Returns the outcome of an action, given whether this is a dry run.
    pub(crate) fn of(action: Action, is_dry_run: bool) -> Self {
        match action {
            Action::Write(_) | Action::Patch(_) if is_dry_run => Self::PlannedWritten,
            Action::Write(_) | Action::Patch(_) => Self::Written,
            Action::Retire(_) if is_dry_run => Self::PlannedRetired,
            Action::Retire(_) => Self::Retired,
            Action::Adopt(_) => Self::Unchanged,
            Action::Skip(outcome) => outcome,
            Action::Reobserve => Self::Failed,
        }
    }

    /// Returns the outcome's name in reports and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Held => "held",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Foreign => "foreign",
            Self::Untargeted => "untargeted",
            Self::PlannedWritten => "planned-written",
            Self::PlannedRetired => "planned-retired",
        }
    }
}
