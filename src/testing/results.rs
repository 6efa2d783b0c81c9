//! Results as a sync of one user could have given them.

use std::time::Duration;

use crate::apply::VaultWrite;
use crate::keys::{SecretLocation, UserName, VaultPath};
use crate::plan::{Action, Outcome, Plan, Reason};
use crate::snapshot::{
    Assignment, Cas, ParameterView, Revision, RosterView, Snapshot, StateView, TargetView,
    UserView, VaultView,
};
use crate::sync::SyncResult;

/// Returns the location of a path on the server and the mount of the tests.
pub fn location(path: &str) -> SecretLocation {
    SecretLocation {
        address: "https://vault.example.org:8200".to_owned(),
        path: VaultPath {
            namespace: None,
            mount: "secret".to_owned(),
            path: path.to_owned(),
        },
    }
}

/// Returns the target at this path, as without a document.
pub fn target(path: &str) -> TargetView {
    TargetView {
        location: location(path),
        definition: None,
        fields: Vec::new(),
        merge: false,
        has_default_form: true,
        has_default_fields: false,
    }
}

/// Creates a snapshot of a parameter without a current key, put at this time.
pub fn snapshot(modified: Option<&str>) -> Snapshot {
    let revision = modified.map(|modified| Revision {
        modified: modified.parse().unwrap(),
        version: 4,
    });
    Snapshot {
        parameter: revision.map_or(ParameterView::Absent, |revision| {
            ParameterView::WithoutCurrent { revision }
        }),
        state: StateView::Absent,
        user: UserView::Absent,
        is_unrecorded: false,
        vault: VaultView::NotRead,
        created_at: None,
        created_by: None,
        roster: RosterView::Unknown,
        target: target("aws/iam-keys/alice"),
        assignment: Assignment::Named,
        mark: None,
        event: None,
        rejected: None,
        is_listed: false,
        state_age: None,
        safe_to_write: true,
    }
}

/// Creates a result with this outcome.
pub fn result(user: &str, outcome: Outcome) -> SyncResult {
    let (action, is_dry_run) = match outcome {
        Outcome::Written => (Action::Write(Cas::Version(0)), false),
        Outcome::Unchanged => (Action::Skip(Outcome::Unchanged), false),
        Outcome::Held => (Action::Skip(Outcome::Held), false),
        Outcome::Superseded => (Action::Skip(Outcome::Superseded), false),
        Outcome::Retired => (Action::Retire(None), false),
        Outcome::Missing => (Action::Skip(Outcome::Missing), false),
        Outcome::Failed => (Action::Skip(Outcome::Failed), false),
        Outcome::Foreign => (Action::Skip(Outcome::Foreign), false),
        Outcome::Untargeted => (Action::Skip(Outcome::Untargeted), false),
        Outcome::PlannedWritten => (Action::Write(Cas::Version(0)), true),
        Outcome::PlannedRetired => (Action::Retire(None), true),
    };
    let write = VaultWrite {
        version: 7,
        at: "2025-06-02T10:15:33Z".parse().unwrap(),
    };
    SyncResult {
        user: UserName::parse(user).unwrap(),
        snapshot: snapshot(None),
        plan: Plan {
            action,
            reason: Reason::Rotated,
            stale_read: false,
        },
        written: (outcome == Outcome::Written).then_some((write, Reason::Rotated)),
        error: None,
        is_dry_run,
        state_conflicts: 0,
        is_unlisted: false,
        remarks: Vec::new(),
        duration: Duration::ZERO,
    }
}
