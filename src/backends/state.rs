//! The recorded state: one object per user, and the legacy's single object as a fallback.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_s3::Client;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::diagnostics::{Probe, Probed};
use super::objects::Objects;
use super::{Etag, Found, Page, PutResult, Runs, States};
use crate::config::BucketConfig;
use crate::error::Error;
use crate::keys::UserName;
use crate::snapshot::{ReconcileRecord, UserState};

const READING: &str = "reading the state";

/// How much the clocks of Parameter Store and ours may differ.
const CLOCKS: SignedDuration = SignedDuration::from_hours(1);

/// How long it is believed that the legacy left nothing: its state may be copied into the bucket after we have started.
const NOTHING_LEFT: SignedDuration = SignedDuration::from_mins(1);

/// How long it is not tried again to read what it left: everybody would wait for the same failure.
const UNREADABLE: SignedDuration = SignedDuration::from_secs(10);

const LAST_RUN: &str = "last-run.json";

/// The object that a conditional write is tried on. It is overwritten, never deleted: the function may not delete.
const PROBE: &str = "doctor.json";

/// How often the probe is begun again because another one writes at the same time.
const PROBES: u32 = 5;

/// The version of an empty object, which none of ours ever has.
const NEVER: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";

/// State objects in a bucket.
#[derive(Debug)]
pub struct StateObjects {
    objects: Objects,
    prefix: String,
    legacy_key: String,
    /// The legacy's states, or why they could not be read, and when that was: once, if there are any, because nobody
    /// writes them any more.
    legacy: Mutex<Option<(Timestamp, Result<Legacy, Error>)>>,
}

type Legacy = Arc<HashMap<String, UserState>>;

#[derive(Deserialize)]
struct LegacyState {
    users: HashMap<String, serde_json::Value>,
}

impl StateObjects {
    /// The objects of `bucket`.
    pub fn new(client: Client, bucket: &BucketConfig) -> Self {
        Self {
            objects: Objects::new(client, &bucket.name),
            prefix: bucket.state_prefix.clone(),
            legacy_key: bucket.legacy_key.clone(),
            legacy: Mutex::default(),
        }
    }

    fn key_of(&self, user: &str) -> String {
        format!("{}users/{user}.json", self.prefix)
    }

    /// The legacy's states; that there are none is believed for `patience`.
    async fn legacy(&self, patience: SignedDuration) -> Result<Legacy, Error> {
        let mut known = self.legacy.lock().await;
        if let Some((at, states)) = &*known {
            let age = Timestamp::now().duration_since(*at);
            match states {
                Ok(states) if !states.is_empty() || age < patience => return Ok(states.clone()),
                Err(error) if age < UNREADABLE => return Err(error.clone()),
                _ => {}
            }
        }
        let read = self.load_legacy().await.map(Arc::new);
        *known = Some((Timestamp::now(), read.clone()));
        read
    }

    async fn load_legacy(&self) -> Result<HashMap<String, UserState>, Error> {
        let object = &self.legacy_key;
        let Some((text, _)) = self.objects.get(READING, object).await? else {
            return Ok(HashMap::new());
        };
        let Ok(state) = serde_json::from_slice::<LegacyState>(&text) else {
            tracing::warn!(
                object,
                "the legacy's state cannot be understood: its users are written once more"
            );
            return Ok(HashMap::new());
        };
        // User by user, so that a damaged one spoils no other.
        let users = state.users.into_iter();
        Ok(users
            .filter_map(|(user, state)| Some((user, UserState::deserialize(state).ok()?)))
            .collect())
    }
}

impl States for StateObjects {
    async fn load(&self, user: &UserName) -> Result<Found, Error> {
        let key = self.key_of(user.as_str());
        // At the same time, so that the fallback costs no round trip of its own, not even the first time.
        let (own, legacy) = tokio::join!(
            self.objects.get(READING, &key),
            self.legacy(SignedDuration::MAX)
        );
        match own? {
            None => {
                let legacy = match legacy? {
                    none if none.is_empty() => self.legacy(NOTHING_LEFT).await?,
                    states => states,
                };
                Ok(Found {
                    state: legacy.get(user.as_str()).cloned(),
                    ..Found::default()
                })
            }
            Some((text, etag)) => {
                let state = UserState::parse(&text).filter(|state| {
                    // A date to come would make every key look old, for ever.
                    let to_come = state
                        .revision()
                        .is_some_and(|revision| revision.modified > Timestamp::now() + CLOCKS);
                    state.user_name == user.as_str() && !to_come
                });
                if state.is_none() {
                    tracing::warn!(
                        object = key,
                        user = user.as_str(),
                        "the state object cannot be understood and is taken as absent: the next write replaces it"
                    );
                }
                Ok(Found {
                    damaged: state.is_none(),
                    state,
                    etag: Some(etag),
                })
            }
        }
    }

    async fn save(&self, state: &UserState, if_match: Option<&Etag>) -> Result<PutResult, Error> {
        let text = serde_json::to_vec(state).expect("a state has only text, numbers and dates");
        self.objects
            .put(
                "writing the state",
                &self.key_of(&state.user_name),
                text,
                if_match,
            )
            .await
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        let prefix = format!("{}users/", self.prefix);
        let first = from.is_none();
        let mut page = self
            .objects
            .list("listing the states", &prefix, from)
            .await?;
        let name = |key: String| {
            key.strip_prefix(&prefix)?
                .strip_suffix(".json")
                .map(str::to_owned)
        };
        page.items = page.items.into_iter().filter_map(name).collect();
        if first {
            page.items
                .extend(self.legacy(SignedDuration::ZERO).await?.keys().cloned());
        }
        Ok(page)
    }
}

impl Runs for StateObjects {
    async fn load_run(&self) -> Result<(Option<ReconcileRecord>, Option<Etag>), Error> {
        let key = format!("{}{LAST_RUN}", self.prefix);
        let Some((text, etag)) = self
            .objects
            .get("reading the record of the last sweep", &key)
            .await?
        else {
            return Ok((None, None));
        };
        let run = serde_json::from_slice(&text).ok();
        if run.is_none() {
            tracing::warn!(
                object = key,
                "the record of the last sweep cannot be understood and is taken as absent"
            );
        }
        Ok((run, Some(etag)))
    }

    async fn save_run(
        &self,
        run: &ReconcileRecord,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let text = serde_json::to_vec(run).expect("a record has only text, numbers and dates");
        let key = format!("{}{LAST_RUN}", self.prefix);
        self.objects
            .put("writing the record of the last sweep", &key, text, if_match)
            .await
    }
}

impl Probe for StateObjects {
    async fn probe(&self) -> Result<Probed, Error> {
        const OPERATION: &str = "trying a conditional write on";
        let key = format!("{}{PROBE}", self.prefix);
        let text = || format!(r#"{{"checkedAt":"{}"}}"#, Timestamp::now()).into_bytes();
        for _ in 0..PROBES {
            let if_match = self
                .objects
                .get(OPERATION, &key)
                .await?
                .map(|(_, etag)| etag);
            let (saved, encryption) = self
                .objects
                .put_telling(OPERATION, &key, text(), if_match.as_ref())
                .await?;
            if saved == PutResult::PreconditionFailed {
                continue;
            }
            let mut conditions_hold = true;
            for if_match in [None, Some(Etag(NEVER.to_owned()))] {
                conditions_hold &= self
                    .objects
                    .put(OPERATION, &key, text(), if_match.as_ref())
                    .await?
                    == PutResult::PreconditionFailed;
            }
            return Ok(Probed {
                conditions_hold,
                encryption,
            });
        }
        Err(Error::Contended {
            subject: key,
            attempts: PROBES,
        })
    }
}
