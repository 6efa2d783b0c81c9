//! What must hold of Vault and the state after a reconcile run.

use super::fault::ROTATED_TO;
use super::initial_state::{InitialParameter, InitialRecord, InitialState, Writer, id, key_of};
use super::{Case, Trigger};
use crate::testing::memory::Memory;

/// Checks each user's versions in Vault and state.
pub(super) fn check(case: &Case, memory: &Memory) {
    let initial = case.memory();
    for (n, before) in case.users.iter().enumerate() {
        let user = format!("user{n}");
        let retirement = retirement(case, n);
        check_state(case, memory, &user, before, retirement);
        let (old, new) = (initial.history(&user), memory.history(&user));
        check_history(case, &user, before, retirement, (&old, &new));
    }
}

/// Returns whether a user was to be retired; `None` if an event could decide it, depending on when
/// it was read.
fn retirement(case: &Case, n: usize) -> Option<bool> {
    let user = &case.users[n];
    let has_state = user
        .recorded
        .is_some_and(|record| record.by != Writer::Damaged);
    let is_reported = n == 0 && matches!(case.trigger, Trigger::Event("Delete"));
    // An event is sufficient if there is no roster, or if it is not accessible.
    let no_access = case.faults.iter().any(|fault| fault.kind.is_denial());
    match (user.parameter, case.has_roster) {
        (InitialParameter::Absent, true)
            if is_reported && has_state && user.on_roster && no_access =>
        {
            None
        }
        (InitialParameter::Absent, true) => Some(!user.on_roster && has_state),
        (InitialParameter::Absent, false) if is_reported && has_state => None,
        _ => Some(false),
    }
}

fn check_state(
    case: &Case,
    memory: &Memory,
    user: &str,
    before: &InitialState,
    retirement: Option<bool>,
) {
    let (history, state) = (memory.history(user), memory.state(user));
    let is_retired = memory.is_retired(user);
    let was_retired = before
        .recorded
        .is_some_and(|record| record.by == Writer::Retired);
    let name = format!("/iam_users/{user}_keys");
    let parameter = memory
        .inner()
        .parameters
        .get(&name)
        .map(|(value, _)| key_of(value));
    match parameter {
        // Another deployment may have replaced the record, or not.
        Some(Some(key))
            if case.second_deployment
                && before.recorded.is_some_and(|record| is_newer(record, key)) => {}
        Some(Some(key)) if before.recorded.is_some_and(|record| is_newer(record, key)) => {
            assert_eq!(
                is_retired, was_retired,
                "{user}: an older parameter changes nothing"
            );
        }
        Some(Some(key)) => {
            let current = id(key);
            assert_eq!(
                history.last(),
                Some(&current),
                "{user}: Vault holds the current key"
            );
            let state = state.expect("a written key is recorded");
            let by_us = InitialRecord {
                key,
                version: 0,
                by: Writer::Service,
                is_recent: true,
            };
            assert_eq!(
                state.last_secret_hash,
                by_us.state(user).last_secret_hash,
                "{user}"
            );
            let expected = (Some(history.len() as u64), false);
            assert_eq!((state.vault_version, is_retired), expected, "{user}");
        }
        Some(None) => {
            assert_eq!(
                is_retired, was_retired,
                "{user}: only a user who is gone is retired"
            );
        }
        None => {
            let expected = retirement.map(|retires| retires || was_retired);
            let as_expected = expected.is_none_or(|expected| is_retired == expected);
            assert!(as_expected, "{user}: retired if gone, and only then");
        }
    }
}

/// Checks what happened to a user's versions in Vault, given those of before and after.
fn check_history(
    case: &Case,
    user: &str,
    before: &InitialState,
    retirement: Option<bool>,
    (old, new): (&[String], &[String]),
) {
    let (kept, added) = new.split_at(old.len());
    let keys = added.iter().filter(|id| *id != "BY-HAND" && *id != "-");
    let keys = keys
        .map(|id| key_of(id).expect("only keys are added"))
        .collect::<Vec<_>>();
    // A Vault that was restored to before the record assigns a version number twice, and
    // check-and-set compares numbers.
    let is_restored = before
        .recorded
        .is_some_and(|record| usize::from(record.version) > before.vault.len());
    assert!(
        keys.is_sorted() || (case.concurrent_event && is_restored),
        "{user}: no older key follows a newer one: {new:?}"
    );
    let current = match before.parameter {
        InitialParameter::Key(key) => Some(key),
        _ => None,
    };
    assert!(
        keys.iter()
            .all(|key| Some(*key) == current || *key == ROTATED_TO),
        "{user}: no key but the current one is written: {new:?}"
    );
    let deleted = kept.iter().zip(old).filter(|(new, old)| new != old).count()
        + added.iter().filter(|id| *id == "-").count();
    // A version that was written by hand after the first deletion is the latest of the second.
    let by_hand = added.len() - keys.len();
    // Of two deployments, one may see another version as the latest.
    let by_other = usize::from(case.second_deployment);
    let may_delete = case.soft_delete && retirement != Some(false);
    assert!(
        deleted
            <= if may_delete {
                1 + by_hand + by_other
            } else {
                0
            },
        "{user}: nothing is deleted but the last key of a user who is gone: {old:?} -> {new:?}"
    );
}

/// Returns whether the record, at the current path in Vault, is newer than a key, and written by a
/// run that can have been faster.
pub(super) fn is_newer(record: InitialRecord, key: u8) -> bool {
    record.is_recent && record.key > key && matches!(record.by, Writer::Service | Writer::Retired)
}
