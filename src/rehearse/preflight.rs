//! Whether a user may be rehearsed with: only one who does not exist, or whom a rehearsal left
//! retired. Pure.

use super::key::{is_left_over, is_of_rehearsal};
use crate::error::Error;
use crate::plan::Reason;
use crate::snapshot::{
    Assignment, KeyIds, ParameterView, RosterView, SecretRecord, Snapshot, StateView, VaultView,
};

const OPERATION: &str = "rehearsing with";
const OTHER_USER: &str = "name a user who does not exist (--user)";

/// What exists of the user.
pub(super) struct Found<'a> {
    /// What was observed of each secret.
    pub(super) secrets: &'a [Snapshot],
    /// All that the state records, also of targets that were removed.
    pub(super) records: &'a [SecretRecord],
    /// The ids of the keys that the parameter holds, if there is one.
    pub(super) ids: Option<&'a KeyIds>,
}

/// Returns the error of a user who may not be rehearsed with, given what exists.
pub(super) fn check(user: &str, parameter: &str, found: &Found<'_>) -> Result<(), Error> {
    let refused = |problem: &str, remedy| {
        Err(Error::unexpected(OPERATION, user, problem).with_remedy(remedy))
    };
    for secret in found.secrets {
        if let Some(error) = secret.unreadable() {
            return Err(error.clone());
        }
        if matches!(secret.assignment, Assignment::Untargeted) {
            let remedy = "add an entry for the user, or `others`, to the targets document, or name \
                a user who has a target (--user)";
            return refused(&Reason::Untargeted.to_string(), remedy);
        }
        match secret.parameter {
            ParameterView::Absent => {}
            ParameterView::Unnameable => {
                return refused("no parameter name can contain the user's name", OTHER_USER);
            }
            _ if found.ids.is_some_and(is_left_over) => {
                let problem = format!(
                    "a rehearsal that was killed left the parameter {parameter}; if none runs now, \
                     delete it (`aws ssm delete-parameter --name {parameter}`)"
                );
                return refused(&problem, "or name another user (--user)");
            }
            _ => return refused(&format!("the parameter {parameter} exists"), OTHER_USER),
        }
        if matches!(secret.roster, RosterView::Listed) {
            return refused("the user is on the platform's roster", OTHER_USER);
        }
        check_secret(secret).or_else(|problem| refused(&problem, OTHER_USER))?;
        if matches!(secret.vault, VaultView::Hidden) {
            let path = secret.target.location.path.to_string();
            let remedy = "allow what `keysync policy vault` prints (with a targets document: \
                `--targets FILE`)";
            return Err(Error::denied("reading Vault's metadata of", path, remedy));
        }
    }
    let mut records = found.records.iter();
    let problem = records.find_map(|record| check_record(record).err());
    problem.map_or(Ok(()), |problem| refused(problem, OTHER_USER))
}

/// Checks a record of the user, whatever secret it is about.
fn check_record(record: &SecretRecord) -> Result<(), &'static str> {
    let id = record.access_key_id.as_deref().unwrap_or_default();
    if !is_of_rehearsal(id) {
        Err("the state records a key of this user")
    } else if record.retired_at.is_none() {
        Err(
            "the state records a rehearsal whose user is not retired yet; the nightly reconcile \
             run retires the user",
        )
    } else {
        Ok(())
    }
}

/// Checks whether a secret exists that no rehearsal wrote.
fn check_secret(secret: &Snapshot) -> Result<(), String> {
    let path = &secret.target.location.path;
    match (&secret.state, &secret.vault) {
        (StateView::Damaged, _) => Err("the user's state object is damaged".to_owned()),
        (StateView::Absent, VaultView::At(version)) => Err(format!(
            "{path} is at version {version} in Vault, which no rehearsal wrote"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{AccessKey, UserName};
    use crate::rehearse::key::RehearsalKey;
    use crate::snapshot::SecretRecord;
    use crate::testing::results;

    fn unused() -> Snapshot {
        Snapshot {
            parameter: ParameterView::Absent,
            vault: VaultView::Absent,
            ..results::snapshot(None)
        }
    }

    fn recorded(id: &str, is_retired: bool) -> SecretRecord {
        let user = UserName::parse("u").unwrap();
        let key = AccessKey::new(id.to_owned(), "secret-of-the-test-key".into()).unwrap();
        let record = SecretRecord::of_secret(&user, &key, 3, &unused().target.location);
        let retired_at = is_retired.then_some(jiff::Timestamp::UNIX_EPOCH);
        SecretRecord {
            retired_at,
            ..record
        }
    }

    fn problem(secret: Snapshot, records: &[SecretRecord], ids: Option<&KeyIds>) -> Option<String> {
        let found = Found {
            secrets: &[unused(), secret],
            records,
            ids,
        };
        let checked = check("u", "/iam_users/u_keys", &found);
        checked.err().map(|error| error.to_string())
    }

    type Change<'a> = &'a dyn Fn(&mut Snapshot);

    #[test]
    fn a_user_who_exists_is_refused() {
        let key = RehearsalKey::new();
        let with = |change: Change<'_>| {
            let mut secret = unused();
            change(&mut secret);
            problem(secret, &[], None)
        };
        assert_eq!(with(&|_| {}), None);
        let refused: [(&str, Change<'_>); 6] = [
            ("no parameter name", &|secret| {
                secret.parameter = ParameterView::Unnameable;
            }),
            ("roster", &|secret| secret.roster = RosterView::Listed),
            ("damaged", &|secret| secret.state = StateView::Damaged),
            ("is at version 3", &|secret| secret.vault = VaultView::At(3)),
            ("with u: untargeted: the targets", &|secret| {
                secret.assignment = Assignment::Untargeted;
            }),
            ("metadata", &|secret| secret.vault = VaultView::Hidden),
        ];
        for (expected, change) in refused {
            let problem = with(change).unwrap_or_else(|| panic!("not refused: {expected}"));
            assert!(problem.contains(expected), "{problem}");
        }
        // What a rehearsal left can be rehearsed with again.
        let retired = recorded(&key.id, true);
        let again = Snapshot {
            state: StateView::from(retired.clone()),
            vault: VaultView::At(3),
            ..unused()
        };
        assert_eq!(problem(again, &[retired], None), None);
    }

    #[test]
    fn a_record_of_a_removed_target_is_refused() {
        let key = RehearsalKey::new();
        for (record, expected) in [
            (recorded("AKIAIOSFODNN7EXAMPLE", true), "records a key"),
            (recorded("AKIAIOSFODNN7EXAMPLE", false), "records a key"),
            (recorded(&key.id, false), "not retired yet"),
        ] {
            let records = [recorded(&key.id, true), record];
            let problem = problem(unused(), &records, None).unwrap();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn only_a_parameter_of_a_rehearsal_is_proposed_for_deletion() {
        let key = RehearsalKey::new();
        let ids = |id: &str| KeyIds {
            current: Some(id.to_owned()),
            pending: None,
            modified: jiff::Timestamp::UNIX_EPOCH,
        };
        let problem = |ids: Option<&KeyIds>| {
            let put = results::snapshot(Some("2025-06-02T10:15:33Z"));
            problem(put, &[], ids).unwrap()
        };
        let left = problem(Some(&ids(&key.id)));
        let command = "`aws ssm delete-parameter --name /iam_users/u_keys`";
        assert!(left.contains(command), "{left}");
        for ids in [Some(&ids("AKIAIOSFODNN7EXAMPLE")), None] {
            let problem = problem(ids);
            assert!(problem.contains("u_keys exists; name a user"), "{problem}");
            assert!(!problem.contains("delete"), "{problem}");
        }
    }
}
