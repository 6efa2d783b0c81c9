//! What the function does when a fault is injected: each trigger, with each kind of user.

use serde_json::{Value, json};

use crate::test_env::{Key, TestEnv, batch};

/// A trigger of the function with the state it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Two messages: one user was rotated, one is new.
    Rotation,
    /// A message of a user whose state is lost, so that Vault rejects the check-and-set.
    LostState,
    /// A message of a deleted user with `ON_USER_DELETED=soft-delete`.
    Deletion,
    /// A reconcile run with users who are new, rotated, in sync, changed in Vault, and gone.
    Reconcile,
    /// A renewal of the token.
    Renewal,
    /// A message of a user with two targets.
    Targets,
}

/// The state before the trigger, and what is expected after it.
pub struct InitialState {
    /// Payload of the trigger.
    pub payload: Value,
    /// Environment variables to replace.
    pub variables: Vec<(&'static str, String)>,
    /// All keys of each secret, oldest first. The last one is expected in Vault.
    pub keys: Vec<(&'static str, Vec<Key>)>,
    /// The user with all these secrets, if they are those of targets.
    pub user: Option<&'static str>,
    /// The user to retire.
    pub gone: Option<&'static str>,
    /// Whether a renewal of the token is expected.
    pub renews: bool,
}

impl Scenario {
    pub const ALL: [Self; 6] = [
        Self::Rotation,
        Self::LostState,
        Self::Deletion,
        Self::Reconcile,
        Self::Renewal,
        Self::Targets,
    ];

    /// Returns the heading for `docs/crash-points.md`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rotation => "Two messages: alice has rotated, bob is new",
            Self::LostState => "A message: alice has rotated, and her state object is lost",
            Self::Deletion => "A message: alice was deleted, and `ON_USER_DELETED=soft-delete`",
            Self::Reconcile => {
                "A reconcile run: alice has rotated, bob is new, carol is in sync, dave was \
                 changed in Vault, erin is gone"
            }
            Self::Renewal => "A renewal of the token",
            Self::Targets => {
                "A message: alice has rotated, and has two targets, the second one with `merge`"
            }
        }
    }

    /// Prepares an environment.
    pub async fn prepare(self, env: &TestEnv<'_>) -> InitialState {
        let mut variables = vec![
            ("SYNC_CONCURRENCY", "1".to_owned()),
            ("SSM_MAX_CALLS_PER_SECOND", "1000".to_owned()),
        ];
        let (mut keys, mut gone, mut user) = (Vec::new(), None, None);
        let payload = match self {
            Self::Rotation => {
                let alice = synced(env, &["alice"]).await.remove(0).1;
                keys.push(rotated(env, "alice", alice).await);
                keys.push(("bob", vec![env.rotate("bob").await]));
                let (alice, bob) = (env.event("Update", "alice"), env.event("Create", "bob"));
                batch(&[("m1", 1, alice), ("m2", 1, bob)])
            }
            Self::LostState => {
                let alice = synced(env, &["alice"]).await.remove(0).1;
                keys.push(rotated(env, "alice", alice).await);
                env.delete_state("alice").await;
                batch(&[("m1", 1, env.event("Update", "alice"))])
            }
            Self::Deletion => {
                keys = synced(env, &["alice"]).await;
                env.delete("alice").await;
                gone = Some("alice");
                variables.push(("ON_USER_DELETED", "soft-delete".to_owned()));
                batch(&[("m1", 1, env.event("Delete", "alice"))])
            }
            Self::Reconcile => {
                let mut known = synced(env, &["alice", "carol", "dave", "erin"]).await;
                let alice = known.remove(0).1;
                keys.push(rotated(env, "alice", alice).await);
                keys.push(("bob", vec![env.rotate("bob").await]));
                keys.extend(known);
                env.tamper("dave").await;
                env.delete("erin").await;
                gone = Some("erin");
                let table = env.roster(&["alice", "bob", "carol", "dave"]).await;
                variables.push(("IAM_USER_TABLE", table.to_owned()));
                json!({"action": "reconcile", "force": true})
            }
            Self::Renewal => json!({"action": "refresh-token"}),
            Self::Targets => {
                env.give_two_targets(&["alice"]).await;
                let old = env.rotate("alice").await;
                let function = env.function().await;
                let create = env.event("Create", "alice");
                let report = function.invoke(&create).await.unwrap();
                assert_eq!(report["counts"]["written"], 2, "{report}");
                let new = env.rotate_in_two_puts("alice", &old).await;
                let both = vec![old, new];
                keys = vec![("replaced-alice", both.clone()), ("merged-alice", both)];
                user = Some("alice");
                batch(&[("m1", 1, env.event("Update", "alice"))])
            }
        };
        let renews = matches!(self, Self::Reconcile | Self::Renewal);
        InitialState {
            payload,
            variables,
            keys,
            user,
            gone,
            renews,
        }
    }
}

/// Syncs new users; returns their keys.
async fn synced(env: &TestEnv<'_>, users: &[&'static str]) -> Vec<(&'static str, Vec<Key>)> {
    let mut keys = Vec::new();
    for user in users {
        keys.push((*user, vec![env.rotate(user).await]));
    }
    let function = env.function().await;
    let sync = json!({"action": "sync", "users": users});
    assert_eq!(
        function.invoke(&sync).await.unwrap()["counts"]["written"],
        users.len()
    );
    // Remove what the function recorded of the token.
    let token = env.json_object("vault-token.json").await;
    env.store_token(token["token"].as_str().unwrap()).await;
    keys
}

async fn rotated(
    env: &TestEnv<'_>,
    user: &'static str,
    mut keys: Vec<Key>,
) -> (&'static str, Vec<Key>) {
    let old = keys.last().unwrap().clone();
    keys.push(env.rotate_in_two_puts(user, &old).await);
    (user, keys)
}
