//! What the function is doing when it is meddled with: each way in which it is woken, each with every kind of user.

use serde_json::{Value, json};

use crate::corner::{Corner, Key, batch};

/// What the function is woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Two messages: one user has rotated, one is new.
    Rotation,
    /// A message of a user whose state was lost, so that Vault refuses the guard.
    LostState,
    /// A message of a user who was deleted, where that takes the key away.
    Deletion,
    /// The night: a user each who is new, has rotated, is in step, was changed by hand, and is gone.
    Sweep,
    /// The token is renewed.
    Renewal,
}

/// What is there before, and what is to be there after.
pub struct Prepared {
    /// What wakes the function.
    pub payload: Value,
    /// What is set otherwise in its environment.
    pub variables: Vec<(&'static str, String)>,
    /// Every user's keys, oldest first; the last one belongs into Vault.
    pub keys: Vec<(&'static str, Vec<Key>)>,
    /// Who is to be retired.
    pub gone: Option<&'static str>,
    /// Whether the token is to be renewed.
    pub renews: bool,
}

impl Scenario {
    pub const ALL: [Self; 5] = [
        Self::Rotation,
        Self::LostState,
        Self::Deletion,
        Self::Sweep,
        Self::Renewal,
    ];

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rotation => "Two messages: alice has rotated, bob is new",
            Self::LostState => "A message: alice has rotated, and her state object is lost",
            Self::Deletion => "A message: alice was deleted, and `ON_USER_DELETED=soft-delete`",
            Self::Sweep => {
                "The sweep: alice has rotated, bob is new, carol is in step, dave was changed by hand, erin is gone"
            }
            Self::Renewal => "The token is renewed",
        }
    }

    /// Prepares a corner.
    pub async fn prepare(self, corner: &Corner<'_>) -> Prepared {
        let mut variables = vec![
            ("SYNC_CONCURRENCY", "1".to_owned()),
            ("SSM_MAX_CALLS_PER_SECOND", "1000".to_owned()),
        ];
        let (mut keys, mut gone) = (Vec::new(), None);
        let payload = match self {
            Self::Rotation => {
                let alice = synced(corner, &["alice"]).await.remove(0).1;
                keys.push(rotated(corner, "alice", alice).await);
                keys.push(("bob", vec![corner.rotate("bob").await]));
                batch(&[
                    ("m1", 1, corner.event("Update", "alice")),
                    ("m2", 1, corner.event("Create", "bob")),
                ])
            }
            Self::LostState => {
                let alice = synced(corner, &["alice"]).await.remove(0).1;
                keys.push(rotated(corner, "alice", alice).await);
                let state = "sync-state/users/alice.json";
                corner
                    .s3
                    .delete_object()
                    .bucket(&corner.bucket)
                    .key(state)
                    .send()
                    .await
                    .unwrap();
                batch(&[("m1", 1, corner.event("Update", "alice"))])
            }
            Self::Deletion => {
                keys = synced(corner, &["alice"]).await;
                corner.delete("alice").await;
                gone = Some("alice");
                variables.push(("ON_USER_DELETED", "soft-delete".to_owned()));
                batch(&[("m1", 1, corner.event("Delete", "alice"))])
            }
            Self::Sweep => {
                let mut known = synced(corner, &["alice", "carol", "dave", "erin"]).await;
                let alice = known.remove(0).1;
                keys.push(rotated(corner, "alice", alice).await);
                keys.push(("bob", vec![corner.rotate("bob").await]));
                keys.extend(known);
                let by_hand = json!({"data": {"accessKeyId": "by hand"}});
                corner
                    .vault(
                        reqwest::Method::POST,
                        &format!("secret/data/{}", corner.path("dave")),
                        Some(by_hand),
                    )
                    .await;
                corner.delete("erin").await;
                gone = Some("erin");
                variables.push((
                    "IAM_USER_TABLE",
                    corner
                        .roster(&["alice", "bob", "carol", "dave"])
                        .await
                        .to_owned(),
                ));
                json!({"action": "reconcile", "force": true})
            }
            Self::Renewal => json!({"action": "refresh-token"}),
        };
        Prepared {
            payload,
            variables,
            keys,
            gone,
            renews: matches!(self, Self::Sweep | Self::Renewal),
        }
    }
}

/// Users whose keys are in Vault and recorded.
async fn synced(corner: &Corner<'_>, users: &[&'static str]) -> Vec<(&'static str, Vec<Key>)> {
    let mut keys = Vec::new();
    for user in users {
        keys.push((*user, vec![corner.rotate(user).await]));
    }
    let function = corner.function().await;
    let report = function
        .invoke(&json!({"action": "sync", "users": users}))
        .await
        .unwrap();
    assert_eq!(report["counts"]["written"], users.len());
    // What the function noted of the token is not there when it is woken for the first time.
    let token: Value =
        serde_json::from_str(&corner.object("vault-token.json").await.unwrap()).unwrap();
    corner.store_token(token["token"].as_str().unwrap()).await;
    keys
}

async fn rotated(
    corner: &Corner<'_>,
    user: &'static str,
    mut keys: Vec<Key>,
) -> (&'static str, Vec<Key>) {
    let old = keys.last().unwrap().clone();
    keys.push(corner.rotate_twice_put(user, &old).await);
    (user, keys)
}
