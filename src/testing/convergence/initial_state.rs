//! What there can be before a sweep: parameter, record, versions in Vault and roster of each user, in any combination.

use proptest::prelude::*;

use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{CurrentKey, Revision, UserState};
use crate::testing::memory::{Memory, value};

/// What Parameter Store holds of a user; keys are numbered in the order of their rotation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Held {
    Absent,
    WithoutCurrent,
    Malformed,
    Key(u8),
}

/// Everything about one user before the sweep.
#[derive(Clone, Debug)]
pub(super) struct InitialState {
    pub(super) held: Held,
    pub(super) recorded: Option<Record>,
    /// The versions in Vault: a key, or deleted.
    pub(super) vault: Vec<Option<u8>>,
    pub(super) listed: bool,
}

/// What is recorded of a user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// The key, which may be newer than the current one: somebody put an old parameter back.
    pub(super) key: u8,
    /// Its version in Vault.
    pub(super) version: u8,
    pub(super) by: Recorder,
}

/// Who recorded it, and what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Recorder {
    /// Us: that it was written.
    Ours,
    /// Us: that the user was retired.
    Retired,
    /// Us, but the object cannot be understood any more.
    Damaged,
    /// Us, when keys went to another place in Vault.
    Elsewhere,
    /// The legacy, who knew neither revision nor version.
    Legacy,
}

pub(super) fn initial_state() -> impl Strategy<Value = InitialState> {
    let held = prop_oneof![
        Just(Held::Absent),
        Just(Held::WithoutCurrent),
        Just(Held::Malformed),
        (2_u8..4).prop_map(Held::Key),
        (2_u8..4).prop_map(Held::Key),
    ];
    let by = prop_oneof![
        3 => Just(Recorder::Ours),
        1 => Just(Recorder::Retired),
        1 => Just(Recorder::Damaged),
        1 => Just(Recorder::Elsewhere),
        1 => Just(Recorder::Legacy),
    ];
    let recorded =
        (0_u8..4, 1_u8..4, by).prop_map(|(key, version, by)| Record { key, version, by });
    let vault = proptest::collection::vec(proptest::option::of(0_u8..4), 0..4);
    (held, proptest::option::of(recorded), vault, any::<bool>()).prop_map(
        |(held, recorded, mut vault, listed)| {
            // A version never changes its content: the one that is recorded holds the recorded key, or is deleted by now. The
            // legacy recorded no version, so there it is the latest.
            if let Some(Record { key, version, by }) = recorded {
                let version = if by == Recorder::Legacy {
                    vault.len()
                } else {
                    usize::from(version)
                };
                if let Some(Some(held)) = version
                    .checked_sub(1)
                    .and_then(|index| vault.get_mut(index))
                {
                    *held = key;
                }
            }
            InitialState {
                held,
                recorded,
                vault,
                listed,
            }
        },
    )
}

/// The revision of the parameter that held a key.
pub(super) fn revision(key: u8) -> Revision {
    Revision {
        modified: format!("2026-01-{:02}T00:00:00Z", 2 * key + 1)
            .parse()
            .unwrap(),
        version: 2 * i64::from(key) + 1,
    }
}

pub(super) fn state_of(user: &str, record: Record) -> UserState {
    let Record { key, version, by } = record;
    let access =
        AccessKey::new(format!("KEY-{key}"), format!("secret-of-KEY-{key}").into()).unwrap();
    let current = CurrentKey {
        fingerprint: access.fingerprint(),
        id: access.id.clone(),
        revision: revision(key),
    };
    let folder = if by == Recorder::Elsewhere {
        "aws/before"
    } else {
        "aws/iam-keys"
    };
    let path = VaultPath {
        mount: "secret".into(),
        path: format!("{folder}/{user}"),
    };
    let now = "2026-02-01T00:00:00Z".parse().unwrap();
    let state = UserState::of_written(
        &UserName::parse(user).unwrap(),
        &current,
        &path,
        version.into(),
        now,
    );
    match by {
        Recorder::Ours | Recorder::Damaged | Recorder::Elsewhere => state,
        Recorder::Retired => UserState {
            retired_at: Some(now),
            ..state
        },
        Recorder::Legacy => UserState {
            access_key_id: None,
            parameter_version: None,
            parameter_last_modified: None,
            vault_version: None,
            vault_path: None,
            ..state
        },
    }
}

pub(super) fn build(users: &[InitialState], lists_metadata: bool) -> Memory {
    let memory = Memory::default();
    let mut inner = memory.0.borrow_mut();
    inner.lists_metadata = lists_metadata;
    for (n, before) in users.iter().enumerate() {
        let user = format!("user{n}");
        let parameter = match before.held {
            Held::Absent => None,
            Held::WithoutCurrent => Some((r#"{"pending_deletion": {}}"#.to_owned(), revision(4))),
            Held::Malformed => Some(("malformed".to_owned(), revision(4))),
            Held::Key(key) => Some((value(&format!("KEY-{key}")), revision(key))),
        };
        if let Some(parameter) = parameter {
            inner
                .parameters
                .insert(format!("/iam_users/{user}_keys"), parameter);
        }
        if let Some(record) = before.recorded {
            let state = state_of(&user, record);
            if record.by == Recorder::Legacy {
                inner.legacy.insert(user.clone(), state);
            } else {
                inner.states.insert(user.clone(), (state, 100));
            }
            if record.by == Recorder::Damaged {
                inner.damaged.push(user.clone());
            }
        }
        if !before.vault.is_empty() {
            let versions = before
                .vault
                .iter()
                .map(|key| key.map(|key| (format!("KEY-{key}"), format!("secret-of-KEY-{key}"))));
            inner
                .vault
                .insert(format!("secret/aws/iam-keys/{user}"), versions.collect());
        }
        if before.listed {
            inner.roster.push(user);
        }
    }
    drop(inner);
    memory
}
