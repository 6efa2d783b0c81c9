//! The recorded state: one object per user, and the predecessor's single object as a fallback.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::objects::Objects;
use super::{Etag, Found, Saved, States};
use crate::config::BucketConfig;
use crate::error::Error;
use crate::keys::UserName;
use crate::snapshot::UserState;

const READING: &str = "reading the state";

/// State objects in a bucket.
#[derive(Debug)]
pub struct StateObjects {
    objects: Objects,
    prefix: String,
    predecessor_key: String,
    /// The predecessor's states; read once, because nobody writes them any more.
    predecessor: OnceCell<HashMap<String, UserState>>,
}

#[derive(Deserialize)]
struct PredecessorState {
    users: HashMap<String, UserState>,
}

impl StateObjects {
    /// The objects of `bucket`.
    pub fn new(client: Client, bucket: &BucketConfig) -> Self {
        Self {
            objects: Objects::new(client, &bucket.name),
            prefix: bucket.state_prefix.clone(),
            predecessor_key: bucket.predecessor_key.clone(),
            predecessor: OnceCell::new(),
        }
    }

    fn key_of(&self, user: &str) -> String {
        format!("{}users/{user}.json", self.prefix)
    }

    async fn predecessor(&self) -> Result<&HashMap<String, UserState>, Error> {
        self.predecessor.get_or_try_init(|| async {
            let Some((text, _)) = self.objects.get(READING, &self.predecessor_key).await? else { return Ok(HashMap::new()) };
            if let Ok(state) = serde_json::from_slice::<PredecessorState>(&text) { Ok(state.users) } else {
                tracing::warn!(object = self.predecessor_key, "the predecessor's state cannot be understood and is left aside: its users are written to Vault once more");
                Ok(HashMap::new())
            }
        }).await
    }
}

impl States for StateObjects {
    async fn load(&self, user: &UserName) -> Result<Found, Error> {
        let key = self.key_of(user.as_str());
        // At the same time, so that the fallback costs no round trip of its own, not even the first time.
        let (own, predecessor) = tokio::join!(self.objects.get(READING, &key), self.predecessor());
        match own? {
            None => Ok(Found { state: predecessor?.get(user.as_str()).cloned(), ..Found::default() }),
            Some((text, etag)) => {
                let state = UserState::parse(&text).filter(|state| state.user_name == user.as_str());
                if state.is_none() {
                    tracing::warn!(
                        object = key,
                        user = user.as_str(),
                        "the state object cannot be understood and is taken as absent: the next write replaces it"
                    );
                }
                Ok(Found { damaged: state.is_none(), state, etag: Some(etag) })
            }
        }
    }

    async fn save(&self, state: &UserState, over: Option<&Etag>) -> Result<Saved, Error> {
        let text = serde_json::to_vec(state).expect("a state has only text, numbers and dates");
        self.objects.put("writing the state", &self.key_of(&state.user_name), text, over).await
    }
}
