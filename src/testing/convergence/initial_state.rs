//! What exists before the run: parameter, record, versions in Vault and roster row of each user, in
//! any combination. Keys are numbered in the order of their rotation.

use jiff::Timestamp;
use proptest::prelude::*;

use crate::keys::{AccessKey, UserName};
use crate::snapshot::{CurrentKey, Revision, SecretRecord};
use crate::testing::memory::{Inner, state_of, value};
use crate::testing::results::target;

/// What exists of one user.
#[derive(Clone, Debug)]
pub(super) struct InitialState {
    pub(super) parameter: InitialParameter,
    pub(super) recorded: Option<InitialRecord>,
    /// The versions in Vault: a key, or `None` if deleted.
    pub(super) vault: Vec<Option<u8>>,
    pub(super) on_roster: bool,
}

/// What Parameter Store holds for a user.
#[derive(Clone, Copy, Debug)]
pub(super) enum InitialParameter {
    Absent,
    WithoutCurrent,
    Malformed,
    Key(u8),
}

/// What is recorded about a user.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialRecord {
    /// The key. It is newer than the current one if an old parameter was restored.
    pub(super) key: u8,
    /// The version in Vault that holds it.
    pub(super) version: u8,
    pub(super) by: Writer,
    /// Whether it was written a moment ago, so that another run can have been faster.
    pub(super) is_recent: bool,
}

/// Which service wrote the record, and what it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Writer {
    /// This service: the key was written.
    Service,
    /// This service: the user was retired.
    Retired,
    /// This service, but the object is damaged.
    Damaged,
    /// This service, when keys were written to another path in Vault.
    Elsewhere,
    /// The legacy service, which recorded neither revision nor version.
    Legacy,
}

pub(super) fn initial_state() -> impl Strategy<Value = InitialState> {
    let parameter = prop_oneof![
        Just(InitialParameter::Absent),
        Just(InitialParameter::WithoutCurrent),
        Just(InitialParameter::Malformed),
        (2_u8..4).prop_map(InitialParameter::Key),
        (2_u8..4).prop_map(InitialParameter::Key),
    ];
    let by = prop_oneof![
        3 => Just(Writer::Service),
        1 => Just(Writer::Retired),
        1 => Just(Writer::Damaged),
        1 => Just(Writer::Elsewhere),
        1 => Just(Writer::Legacy),
    ];
    let recorded = (0_u8..4, 1_u8..4, by, any::<bool>());
    let recorded = recorded.prop_map(|(key, version, by, is_recent)| InitialRecord {
        key,
        version,
        by,
        is_recent,
    });
    let vault = proptest::collection::vec(proptest::option::of(0_u8..4), 0..4);
    let all = (
        parameter,
        proptest::option::of(recorded),
        vault,
        any::<bool>(),
    );
    all.prop_map(|(parameter, recorded, mut vault, on_roster)| {
        // A version never changes its content: the recorded one holds the recorded key, or is
        // deleted. The legacy service recorded no version, so there it is the latest.
        if let Some(InitialRecord {
            key, version, by, ..
        }) = recorded
        {
            let latest = vault.len();
            let version = if by == Writer::Legacy {
                latest
            } else {
                version.into()
            };
            let index = version.checked_sub(1);
            if let Some(Some(content)) = index.and_then(|index| vault.get_mut(index)) {
                *content = key;
            }
        }
        InitialState {
            parameter,
            recorded,
            vault,
            on_roster,
        }
    })
}

impl InitialState {
    /// Changes a record at another path, or without one, to one at the current path: such records are
    /// not about a target of a document.
    pub(super) fn stay_here(&mut self) {
        if let Some(record) = &mut self.recorded
            && matches!(record.by, Writer::Elsewhere | Writer::Legacy)
        {
            record.by = Writer::Service;
        }
    }

    /// Stores what exists of this user.
    pub(super) fn store(&self, inner: &mut Inner, user: &str) {
        let parameter = match self.parameter {
            InitialParameter::Absent => None,
            InitialParameter::WithoutCurrent => {
                Some((r#"{"pending_deletion": {}}"#.to_owned(), revision(4)))
            }
            InitialParameter::Malformed => Some(("malformed".to_owned(), revision(4))),
            InitialParameter::Key(key) => Some((value(&id(key)), revision(key))),
        };
        let parameter = parameter.map(|parameter| (format!("/iam_users/{user}_keys"), parameter));
        inner.parameters.extend(parameter);
        if let Some(record) = self.recorded {
            let (user, state) = (user.to_owned(), record.state(user));
            if record.by == Writer::Damaged {
                inner.damaged.push(user.clone());
            }
            if record.by == Writer::Legacy {
                inner.legacy.insert(user, state);
            } else {
                inner.states.insert(user, (state_of(state), 100));
            }
        }
        if !self.vault.is_empty() {
            let versions = self.vault.iter();
            let versions = versions.map(|key| key.map(|key| (id(key), secret(key))));
            inner.versions(user).extend(versions);
        }
        if self.on_roster {
            inner.roster.push(user.to_owned());
        }
    }
}

impl InitialRecord {
    /// Returns the state object of this record.
    pub(super) fn state(self, user: &str) -> SecretRecord {
        let key = AccessKey::new(id(self.key), secret(self.key).into()).unwrap();
        let current = CurrentKey {
            fingerprint: key.fingerprint(),
            id: key.id.clone(),
            revision: revision(self.key),
        };
        let folder = match self.by {
            Writer::Elsewhere => "aws/before",
            _ => "aws/iam-keys",
        };
        let target = target(&format!("{folder}/{user}"));
        let long_ago = "2026-02-01T00:00:00Z".parse().unwrap();
        let now = if self.is_recent {
            Timestamp::now()
        } else {
            long_ago
        };
        let user = UserName::parse(user).unwrap();
        let state =
            SecretRecord::of_written(&user, &current, &target, (self.version.into(), None), now);
        match self.by {
            Writer::Service | Writer::Damaged | Writer::Elsewhere => state,
            Writer::Retired => SecretRecord {
                retired_at: Some(now),
                ..state
            },
            Writer::Legacy => SecretRecord {
                access_key_id: None,
                parameter_version: None,
                parameter_last_modified: None,
                vault_version: None,
                vault_created_at: None,
                vault_path: None,
                vault_address: None,
                ..state
            },
        }
    }
}

/// Returns the access key id of a key.
pub(super) fn id(key: u8) -> String {
    format!("AKIA00000000KEY{key}")
}

fn secret(key: u8) -> String {
    format!("secret-of-{}", id(key))
}

/// Returns the number of the first key that a text contains.
pub(super) fn key_of(text: &str) -> Option<u8> {
    let (_, rest) = text.split_once("0KEY")?;
    rest[..1].parse().ok()
}

/// Returns the revision of the parameter that holds a key.
pub(super) fn revision(key: u8) -> Revision {
    Revision {
        modified: format!("2026-01-{:02}T00:00:00Z", 2 * key + 1)
            .parse()
            .unwrap(),
        version: 2 * i64::from(key) + 1,
    }
}
