//! Convergence as a property: from any state of the world, after any one or two faults, a sweep reaches the goal, and the
//! next one finds nothing to do.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use crate::error::Error;
use crate::handler::handle;
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{CurrentKey, Revision, UserState};
use crate::stores::memory::{Memory, denied, unavailable, unreachable, value};
use crate::telemetry::Metrics;
use crate::world::World;

/// The calls that can fail, but those whose failure is meant to stop everything at once.
const CALLS: [&str; 15] = [
    "ssm-page",
    "ssm-read",
    "s3-load",
    "s3-save",
    "s3-page",
    "s3-run",
    "s3-run-save",
    "s3-token",
    "roster",
    "roster-page",
    "vault-write",
    "vault-metadata",
    "vault-survey",
    "vault-delete",
    "vault-lookup",
];

/// What Parameter Store holds of a user; keys are numbered in the order of their rotation.
#[derive(Clone, Copy, Debug)]
enum Held {
    Absent,
    WithoutCurrent,
    Malformed,
    Key(u8),
}

/// Everything about one user before the sweep.
#[derive(Clone, Debug)]
struct Before {
    held: Held,
    /// The key that is recorded, never a newer one than is current, with its version in Vault; whether retired; whether by
    /// the predecessor.
    recorded: Option<(u8, u8, bool, bool)>,
    /// The versions in Vault: a key, or deleted.
    vault: Vec<Option<u8>>,
    listed: bool,
}

fn before() -> impl Strategy<Value = Before> {
    let held = prop_oneof![
        Just(Held::Absent),
        Just(Held::WithoutCurrent),
        Just(Held::Malformed),
        (2_u8..4).prop_map(Held::Key),
        (2_u8..4).prop_map(Held::Key),
    ];
    let recorded = proptest::option::of((0_u8..3, 1_u8..4, any::<bool>(), any::<bool>()));
    let vault = proptest::collection::vec(proptest::option::of(0_u8..4), 0..4);
    (held, recorded, vault, any::<bool>()).prop_map(|(held, recorded, mut vault, listed)| {
        // A version never changes its content: the one that is recorded holds the recorded key, or is deleted by now. The
        // predecessor recorded no version, so there it is the latest.
        if let Some((key, version, _, predecessors)) = recorded {
            let version = if predecessors { vault.len() } else { usize::from(version) };
            if let Some(Some(held)) = version.checked_sub(1).and_then(|index| vault.get_mut(index)) {
                *held = key;
            }
        }
        Before { held, recorded, vault, listed }
    })
}

/// The revision of the parameter that held a key.
fn revision(key: u8) -> Revision {
    Revision {
        modified: format!("2026-01-{:02}T00:00:00Z", 2 * key + 1).parse().unwrap(),
        version: 2 * i64::from(key) + 1,
    }
}

fn recorded(user: &str, key: u8, version: u8, retired: bool, predecessors: bool) -> UserState {
    let access = AccessKey::new(format!("KEY-{key}"), format!("secret-of-KEY-{key}").into()).unwrap();
    let current = CurrentKey { fingerprint: access.fingerprint(), key: access, revision: revision(key) };
    let path = VaultPath { mount: "secret".into(), path: format!("aws/iam-keys/{user}") };
    let now = "2026-02-01T00:00:00Z".parse().unwrap();
    let state = UserState::of_written(&UserName::parse(user).unwrap(), &current, &path, version.into(), now);
    match (predecessors, retired) {
        (true, _) => UserState {
            access_key_id: None,
            parameter_version: None,
            parameter_last_modified: None,
            vault_version: None,
            vault_path: None,
            ..state
        },
        (false, retired) => UserState { retired_at: retired.then_some(now), ..state },
    }
}

fn build(users: &[Before], surveys: bool) -> Memory {
    let memory = Memory::default();
    let mut inner = memory.0.borrow_mut();
    inner.surveys = surveys;
    for (n, before) in users.iter().enumerate() {
        let user = format!("user{n}");
        let parameter = match before.held {
            Held::Absent => None,
            Held::WithoutCurrent => Some((r#"{"pending_deletion": {}}"#.to_owned(), revision(4))),
            Held::Malformed => Some(("malformed".to_owned(), revision(4))),
            Held::Key(key) => Some((value(&format!("KEY-{key}")), revision(key))),
        };
        if let Some(parameter) = parameter {
            inner.parameters.insert(format!("/iam_users/{user}_keys"), parameter);
        }
        if let Some((key, version, retired, predecessors)) = before.recorded {
            let state = recorded(&user, key, version, retired, predecessors);
            if predecessors {
                inner.predecessor.insert(user.clone(), state);
            } else {
                inner.states.insert(user.clone(), (state, 100));
            }
        }
        if !before.vault.is_empty() {
            let versions =
                before.vault.iter().map(|key| key.map(|key| (format!("KEY-{key}"), format!("secret-of-KEY-{key}"))));
            inner.vault.insert(format!("secret/aws/iam-keys/{user}"), versions.collect());
        }
        if before.listed {
            inner.roster.push(user);
        }
    }
    drop(inner);
    memory
}

async fn sweep(world: &World<Memory>, dry_run: bool) -> Result<serde_json::Value, Error> {
    let order = json!({"action": "reconcile", "force": true, "allowMassRetire": true, "dryRun": dry_run});
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_hours(10);
    handle(world, order, "request", deadline, &mut Metrics::of("function", "request")).await
}

fn check(users: &[Before], memory: &Memory, original: &BTreeMap<String, Vec<String>>) {
    for (n, before) in users.iter().enumerate() {
        let user = format!("user{n}");
        let (history, state) = (memory.history(&user), memory.state(&user));
        match before.held {
            Held::Key(key) => {
                assert_eq!(history.last(), Some(&format!("KEY-{key}")), "{user}: Vault has the current key");
                let state = state.expect("a written key is recorded");
                let expected = recorded(&user, key, 0, false, false);
                assert_eq!(state.last_secret_hash, expected.last_secret_hash, "{user}");
                assert_eq!((state.vault_version, state.retired_at), (Some(history.len() as u64), None), "{user}");
            }
            Held::Absent | Held::WithoutCurrent | Held::Malformed => {
                assert_eq!(&history, &original[&user], "{user}: Vault keeps what it has");
                let gone = matches!(before.held, Held::Absent) && !before.listed && before.recorded.is_some();
                let retired = state.is_some_and(|state| state.retired_at.is_some());
                let was = before.recorded.is_some_and(|(_, _, retired, predecessors)| retired && !predecessors);
                assert_eq!(retired, gone || was, "{user}: retired only when gone");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sweep_after_any_faults_reaches_the_goal_and_the_next_finds_nothing_to_do(
        users in proptest::collection::vec(before(), 1..4),
        faults in proptest::collection::vec((0..CALLS.len(), 0_usize..3), 0..3),
        surveys in any::<bool>(),
        one_by_one in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let memory = build(&users, surveys);
            let concurrency = if one_by_one { "1" } else { "16" };
            let world = memory.world(&[("SYNC_CONCURRENCY", concurrency)]);
            let names = (0..users.len()).map(|n| format!("user{n}"));
            let original = names.map(|user| (user.clone(), memory.history(&user))).collect();
            let kinds: [fn() -> Error; 3] = [denied, unavailable, unreachable];
            memory.0.borrow_mut().faults = faults.iter().map(|(call, kind)| (CALLS[*call], kinds[*kind])).collect();
            // Whatever comes of it: the faults are over afterwards, or not yet met.
            let _ = sweep(&world, false).await;
            memory.0.borrow_mut().faults.clear();

            let malformed = users.iter().filter(|user| matches!(user.held, Held::Malformed)).count();
            // A fresh process, as the next night's is: what the old one concluded of its token is forgotten.
            let world = memory.world(&[("SYNC_CONCURRENCY", concurrency)]);
            assert_eq!(sweep(&world, false).await.is_ok(), malformed == 0, "only a malformed parameter stays a failure");
            check(&users, &memory, &original);
            let plan = sweep(&world, true).await.unwrap();
            assert!(plan["counts"].get("planned-written").is_none(), "nothing is left to write: {plan}");
            assert!(plan["counts"].get("planned-retired").is_none(), "nobody is left to retire: {plan}");
        });
    }
}
