//! Decides what to do for one user, and why. The rules of the service are one table.
//!
//! This module is pure: no I/O, no clock, no environment, no log. [`apply`](mod@crate::apply)
//! decides nothing about the user, but resolves a lost race for the state object
//! ([`Resolution`](crate::snapshot::Resolution)). [`sync`](mod@crate::sync) only restricts plans.

mod action;
mod compare;
mod outcome;
mod reason;
mod write;

pub use action::{Action, Plan, Policy, Removal, Retirement};
pub use outcome::Outcome;
pub use reason::Reason;

use jiff::SignedDuration;

use crate::config::OnUserDeleted;
use crate::snapshot::{
    Assignment, CurrentKey, ParameterView, SecretRecord, Snapshot, UserView, VaultView,
};
use compare::{
    Recorded, created, is_before_other_secret, is_before_record, is_before_retirement, is_gone,
    is_marked, is_recorded_after, is_retired, is_unseen_server, left_behind, other_tool, recorded,
};
use write::{is_removal_rejected, latest, removal, write};

/// The maximum age of a state that another invocation may just have written. An older state that
/// is newer than the parameter is wrong: a clock was ahead, or the parameters come from another
/// account.
const MAX_LEAD: SignedDuration = SignedDuration::from_mins(15);

/// Maximum event lag. A later event refers to a newer revision than the one that was read.
const MAX_EVENT_LAG: SignedDuration = SignedDuration::from_secs(2);

/// Decides what to do for the user of `seen`. The same snapshot gives the same plan.
pub fn plan(seen: &Snapshot, policy: Policy) -> Plan {
    let (action, reason) = match decide(seen, policy) {
        // Another server can be at any version, also at that of a newer key.
        (action, reason)
            if changes_vault(action) && (!seen.safe_to_write || is_unseen_server(seen)) =>
        {
            (Action::Reobserve, reason)
        }
        // A listing may be incomplete or outdated: the parameter is read by name first.
        (Action::Skip(Outcome::Missing | Outcome::PlannedRetired), reason)
            if seen.is_listed && reason != Reason::Unnameable =>
        {
            (Action::Reobserve, reason)
        }
        // So is a parameter that is older than the recorded one.
        (action, reason) if changes_vault(action) && seen.is_listed && is_before_record(seen) => {
            (Action::Reobserve, reason)
        }
        (action, Reason::CameBack) if seen.is_listed && is_before_retirement(seen) => {
            debug_assert!(changes_vault(action));
            (Action::Reobserve, Reason::CameBack)
        }
        decided => decided,
    };
    Plan {
        action,
        stale_read: is_stale_read(seen, action),
        reason,
    }
}

/// Returns the action and its reason before the rules that require another read. A match arm is
/// one rule, and the first one that matches applies.
fn decide(seen: &Snapshot, policy: Policy) -> (Action, Reason) {
    use Action::{Adopt, Skip};
    let write = |reason| write(seen, reason);
    // A source that could not be read decides nothing.
    if let Some(error) = seen.unreadable() {
        return (Skip(Outcome::Failed), Reason::NotRead(error.to_string()));
    }
    match seen.assignment {
        Assignment::Untargeted if is_retired(seen) => {
            return (Skip(Outcome::Unchanged), Reason::AlreadyRetired);
        }
        Assignment::Untargeted => return (Skip(Outcome::Untargeted), Reason::Untargeted),
        Assignment::Removed(_) => return without_target(seen),
        Assignment::Reassigned(_) => return (Action::Retire(None), Reason::Reassigned),
        Assignment::Named | Assignment::Unreadable(_) => {}
    }
    match (&seen.parameter, recorded(seen), &seen.vault) {
        // The recorded key is the current one. The question is whether Vault still holds it.
        (ParameterView::Current(current), Recorded::Same(state), _) => {
            in_vault(seen, current, state)
        }
        // Another key is recorded, or none.
        (ParameterView::Current(_), Recorded::Newer, _)
            if seen.state_age.is_none_or(|age| age <= MAX_LEAD) =>
        {
            (Skip(Outcome::Superseded), Reason::Superseded)
        }
        // Of several secrets, none gets a key that is older than that of another.
        (ParameterView::Current(current), Recorded::Nothing | Recorded::Older, _)
            if is_before_other_secret(seen, current) =>
        {
            (Skip(Outcome::Superseded), Reason::Superseded)
        }
        (ParameterView::Current(_), Recorded::Newer, VaultView::NotRead) => {
            (Action::Reobserve, Reason::Overruled)
        }
        (ParameterView::Current(_), Recorded::Newer, _) => write(Reason::Overruled),
        // Another tool may manage a secret that is not recorded, or have written the key.
        (
            ParameterView::Current(_),
            Recorded::Nothing | Recorded::Elsewhere,
            VaultView::At(_) | VaultView::Deleted(_),
        ) if !policy.adopts && other_tool(seen).is_some() => {
            let tool = other_tool(seen).unwrap_or_default().to_owned();
            (Skip(Outcome::Foreign), Reason::Foreign(tool))
        }
        (ParameterView::Current(current), Recorded::Nothing, VaultView::At(version))
            if seen.target.has_default_fields && is_marked(seen, current, *version) =>
        {
            (Adopt(*version), Reason::AdoptedByMark)
        }
        (ParameterView::Current(_), Recorded::Nothing, _) => write(Reason::New),
        (ParameterView::Current(_), Recorded::Older, _) => write(Reason::Rotated),
        (ParameterView::Current(_), Recorded::Elsewhere, _) => write(Reason::Moved),
        (ParameterView::Current(_), Recorded::Retired, _) => write(Reason::CameBack),
        // A parameter without a key that could be published.
        (ParameterView::WithoutCurrent { .. }, _, _) => {
            (Skip(Outcome::Held), Reason::WithoutCurrent)
        }
        (ParameterView::Malformed { problem, .. }, _, _) => {
            (Skip(Outcome::Failed), Reason::Malformed(problem.clone()))
        }
        // No parameter.
        (ParameterView::Unnameable, _, _) => (Skip(Outcome::Missing), Reason::Unnameable),
        (ParameterView::Absent | ParameterView::Unreadable(_), recorded, _) => {
            without_parameter(seen, policy, &recorded)
        }
    }
}

/// Returns what to do with a secret whose target is no longer named: report it until it is deleted.
fn without_target(seen: &Snapshot) -> (Action, Reason) {
    match seen.vault {
        VaultView::Absent | VaultView::Deleted(_) => {
            (Action::Retire(None), Reason::RemovedAndDeleted)
        }
        _ => (Action::Skip(Outcome::Untargeted), Reason::TargetRemoved),
    }
}

/// Returns what to do if the recorded key is the current one: does Vault still hold it?
fn in_vault(seen: &Snapshot, current: &CurrentKey, state: &SecretRecord) -> (Action, Reason) {
    use Action::{Adopt, Skip};
    let write = |reason| write(seen, reason);
    match (state.vault_version, &seen.vault) {
        (_, VaultView::Absent) => write(Reason::Vanished),
        (_, VaultView::Deleted(version)) => write(Reason::Unreadable(*version)),
        _ if !seen.target.is_defined_by(state.definition.as_deref()) => write(Reason::Redefined),
        (None, VaultView::At(version)) => (Adopt(*version), Reason::Adopted),
        (Some(recorded), vault) if !state.is_on_server_of(&seen.target.location) => {
            match (vault, created(seen, state)) {
                // Another name of the same server shows the version that was recorded.
                (VaultView::At(_), Some(true)) => (Adopt(recorded), Reason::Readdressed),
                _ => write(Reason::Moved),
            }
        }
        (Some(recorded), VaultView::At(found)) if *found != recorded => {
            let found = *found;
            write(Reason::OtherVersion { found, recorded })
        }
        (Some(recorded), VaultView::At(_)) if created(seen, state) == Some(false) => {
            write(Reason::Recreated(recorded))
        }
        (Some(recorded), _) if seen.is_unrecorded => (Adopt(recorded), Reason::Unrecorded),
        // Otherwise a late event could write the key of a revision between the two.
        (Some(recorded), _)
            if state
                .revision()
                .is_some_and(|revision| revision < current.revision) =>
        {
            (Adopt(recorded), Reason::PutAgain)
        }
        _ => (Skip(Outcome::Unchanged), Reason::InSync),
    }
}

/// Returns what to do for a user who has no parameter.
fn without_parameter(seen: &Snapshot, policy: Policy, recorded: &Recorded<'_>) -> (Action, Reason) {
    use Action::{Retire, Skip};
    match (is_gone(seen), recorded) {
        (Err(reason @ Reason::ListedWithoutParameter), _) => (Skip(Outcome::Missing), reason),
        (_, Recorded::Retired) => (Skip(Outcome::Unchanged), Reason::AlreadyRetired),
        (_, Recorded::Nothing) if seen.user == UserView::Retired => {
            (Skip(Outcome::Unchanged), Reason::AlreadyRetired)
        }
        (Err(reason), _) => (Skip(Outcome::Missing), reason),
        (Ok(_), Recorded::Nothing) if matches!(seen.user, UserView::Published(..)) => {
            (Skip(Outcome::Unchanged), Reason::NeverPublished)
        }
        (Ok(_), Recorded::Nothing) => (Skip(Outcome::Missing), Reason::NeverSeen),
        (Ok(reason), _) if policy.retirement == Retirement::Deferred => {
            (Skip(Outcome::PlannedRetired), reason)
        }
        (Ok(_), _) if policy.retirement == Retirement::TooMany => {
            (Skip(Outcome::Failed), Reason::TooManyRetired)
        }
        (Ok(reason), _) if policy.on_user_deleted == OnUserDeleted::Retain => {
            (Retire(None), reason)
        }
        (Ok(_), _) if other_tool(seen).is_some() => {
            let tool = other_tool(seen).unwrap_or_default().to_owned();
            (Retire(None), Reason::LeftToOther(tool))
        }
        (Ok(reason), _) => match (left_behind(seen), latest(seen)) {
            (Some(place), _) => (Retire(None), Reason::LeftBehind(place)),
            (None, Some(latest)) if is_removal_rejected(seen, latest) => {
                (Skip(Outcome::Failed), Reason::MetadataNeeded)
            }
            (None, latest) => (Retire(latest.map(|latest| removal(seen, latest))), reason),
        },
    }
}

/// Returns whether the action writes to Vault or deletes from it.
fn changes_vault(action: Action) -> bool {
    matches!(
        action,
        Action::Write(_) | Action::Patch(_) | Action::Retire(Some(_))
    )
}

/// Returns whether the event refers to a newer revision than the one that was read. A parameter
/// without a current key is always worth another read, because the next put follows within
/// seconds. For a key, the event must be clearly later: its time has no fractions and may lag.
fn is_stale_read(seen: &Snapshot, action: Action) -> bool {
    let Some((event, time)) = seen.event.and_then(|event| Some((event, event.time?))) else {
        return false;
    };
    match (action, seen.parameter.revision()) {
        (Action::Skip(Outcome::Failed) | Action::Retire(_), _) => false,
        (Action::Skip(Outcome::Held), Some(read)) => time > read.modified,
        (_, Some(read)) => time.duration_since(read.modified) > MAX_EVENT_LAG,
        (_, None) => !event.deleted || is_recorded_after(seen, event),
    }
}

#[cfg(test)]
mod tests;
