//! Whether a user may be rehearsed with: only one who does not exist, or whom a rehearsal left
//! retired. Pure.

use super::key::is_of_rehearsal;
use crate::error::Error;
use crate::plan::Reason;
use crate::snapshot::{Assignment, ParameterView, RosterView, Snapshot, StateView, VaultView};

const OPERATION: &str = "rehearsing with";
const OTHER_USER: &str = "name a user who does not exist (--user)";

/// Returns the error of a user who may not be rehearsed with, given what was observed of each
/// secret.
pub(super) fn check(user: &str, parameter: &str, secrets: &[Snapshot]) -> Result<(), Error> {
    let refused = |problem: &str, remedy| {
        Err(Error::unexpected(OPERATION, user, problem).with_remedy(remedy))
    };
    for secret in secrets {
        if let Some(error) = secret.unreadable() {
            return Err(error.clone());
        }
        if matches!(secret.assignment, Assignment::Untargeted) {
            let remedy = "add an entry for the user, or `others`, to the targets document, or name \
                a user who has a target (--user)";
            return refused(&format!("untargeted: {}", Reason::Untargeted), remedy);
        }
        match secret.parameter {
            ParameterView::Absent => {}
            ParameterView::Unnameable => {
                return refused("no parameter name can contain the user's name", OTHER_USER);
            }
            _ => {
                let remedy = "name another user (--user), or delete the parameter if a rehearsal \
                    that was killed left it (`aws ssm delete-parameter --name`)";
                return refused(&format!("the parameter {parameter} exists"), remedy);
            }
        }
        if matches!(secret.roster, RosterView::Listed) {
            return refused("the user is on the platform's roster", OTHER_USER);
        }
        check_secret(secret).or_else(|problem| refused(&problem, OTHER_USER))?;
        if matches!(secret.vault, VaultView::Hidden) {
            let path = secret.target.location.path.to_string();
            let remedy = "allow what `keysync policy vault` prints";
            return Err(Error::denied("reading Vault's metadata of", path, remedy));
        }
    }
    Ok(())
}

/// Checks what is recorded about a secret, and whether it exists.
fn check_secret(secret: &Snapshot) -> Result<(), String> {
    let path = &secret.target.location.path;
    match &secret.state {
        StateView::Damaged => Err("the user's state object is damaged".to_owned()),
        StateView::Recorded(record) => {
            let id = record.access_key_id.as_deref().unwrap_or_default();
            if !is_of_rehearsal(id) {
                Err("the state records a key of this user".to_owned())
            } else if record.retired_at.is_none() {
                Err(
                    "the state records a rehearsal whose user is not retired yet; the nightly \
                     reconcile run retires the user"
                        .to_owned(),
                )
            } else {
                Ok(())
            }
        }
        StateView::Absent | StateView::Unreadable(_) => match secret.vault {
            VaultView::At(version) => Err(format!(
                "{path} is at version {version} in Vault, which no rehearsal wrote"
            )),
            _ => Ok(()),
        },
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

    fn recorded(id: &str, is_retired: bool) -> StateView {
        let user = UserName::parse("u").unwrap();
        let key = AccessKey::new(id.to_owned(), "secret-of-the-test-key".into()).unwrap();
        let record = SecretRecord::of_secret(&user, &key, 3, &unused().target.location);
        let retired_at = is_retired.then_some(jiff::Timestamp::UNIX_EPOCH);
        StateView::from(SecretRecord {
            retired_at,
            ..record
        })
    }

    fn problem(secret: Snapshot) -> Option<String> {
        let checked = check("u", "/iam_users/u_keys", &[unused(), secret]);
        checked.err().map(|error| error.to_string())
    }

    type Change<'a> = &'a dyn Fn(&mut Snapshot);

    #[test]
    fn a_user_who_exists_is_refused() {
        let key = RehearsalKey::new();
        let with = |change: Change<'_>| {
            let mut secret = unused();
            change(&mut secret);
            problem(secret)
        };
        assert_eq!(with(&|_| {}), None);
        let refused: [(&str, Change<'_>); 8] = [
            ("no parameter name", &|secret| {
                secret.parameter = ParameterView::Unnameable;
            }),
            ("roster", &|secret| secret.roster = RosterView::Listed),
            ("records a key", &|secret| {
                secret.state = recorded("AKIAIOSFODNN7EXAMPLE", true);
            }),
            ("not retired yet", &|secret| {
                secret.state = recorded(&key.id, false);
            }),
            ("damaged", &|secret| secret.state = StateView::Damaged),
            ("is at version 3", &|secret| secret.vault = VaultView::At(3)),
            ("untargeted: ", &|secret| {
                secret.assignment = Assignment::Untargeted;
            }),
            ("metadata", &|secret| secret.vault = VaultView::Hidden),
        ];
        for (expected, change) in refused {
            let problem = with(change).unwrap_or_else(|| panic!("not refused: {expected}"));
            assert!(problem.contains(expected), "{problem}");
        }
        // What a rehearsal left can be rehearsed with again.
        let again = with(&|secret| {
            secret.state = recorded(&key.id, true);
            secret.vault = VaultView::At(3);
        });
        assert_eq!(again, None);
    }
}
