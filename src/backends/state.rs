//! The recorded state: one object per user, with the single object of the legacy service as a
//! fallback.

mod probe;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_s3::Client;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::objects::{Object, Objects};
use super::{Etag, Page, PutResult, ReconcileRecords, States, StoredState};
use crate::config::BucketConfig;
use crate::deadlines::MAX_CLOCK_SKEW;
use crate::error::Error;
use crate::keys::UserName;
use crate::snapshot::{ReconcileRecord, SecretRecord, UserState};

const READING: &str = "reading the state";

/// How long an absent legacy state is cached. It may be copied into the bucket after the start.
const LEGACY_ABSENT_TTL: SignedDuration = SignedDuration::from_mins(1);

/// How long a failed read of the legacy state is cached, so that not every user waits for it.
const LEGACY_FAILURE_TTL: SignedDuration = SignedDuration::from_secs(10);

const RECONCILE_RECORD: &str = "last-run.json";

/// State objects in a bucket.
#[derive(Debug)]
pub struct StateObjects {
    objects: Objects,
    prefix: String,
    legacy_key: String,
    /// The legacy states, or the error of reading them, and the time of the read. A state that
    /// exists is read once, because the legacy service no longer writes.
    legacy: Mutex<Option<(Timestamp, Result<Legacy, Error>)>>,
}

/// The legacy states, and when their object was written.
type Legacy = Arc<(HashMap<String, SecretRecord>, Option<Timestamp>)>;

#[derive(Deserialize)]
struct LegacyState {
    users: HashMap<String, serde_json::Value>,
}

impl StateObjects {
    /// Creates an adapter for the state objects of `bucket`.
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

    /// Returns the legacy states. An empty result is reused until it is older than `max_age`.
    async fn legacy(&self, max_age: SignedDuration) -> Result<Legacy, Error> {
        let mut cached = self.legacy.lock().await;
        if let Some((at, states)) = &*cached {
            let age = Timestamp::now().duration_since(*at).abs();
            match states {
                Ok(states) if !states.0.is_empty() || age < max_age => return Ok(states.clone()),
                Err(error) if age < LEGACY_FAILURE_TTL => return Err(error.clone()),
                _ => {}
            }
        }
        let read = self.load_legacy().await.map(Arc::new);
        *cached = Some((Timestamp::now(), read.clone()));
        read
    }

    async fn load_legacy(
        &self,
    ) -> Result<(HashMap<String, SecretRecord>, Option<Timestamp>), Error> {
        let object = &self.legacy_key;
        let Some(Object { text, modified, .. }) = self.objects.get(READING, object).await? else {
            return Ok((HashMap::new(), None));
        };
        let Ok(state) = serde_json::from_slice::<LegacyState>(&text) else {
            tracing::warn!(
                object,
                "the legacy state is damaged; the keys of its users are written again"
            );
            return Ok((HashMap::new(), None));
        };
        // Each user is parsed separately, so that a damaged entry affects no other.
        let users = state.users.into_iter();
        let users = users
            .filter_map(|(user, state)| Some((user, SecretRecord::deserialize(state).ok()?)))
            .collect();
        Ok((users, modified))
    }
}

/// Returns whether a state can be the user's. If the clock of this process is behind, the object
/// may have been written later than it shows.
fn is_plausible(state: &UserState, user: &UserName, written_at: Option<Timestamp>) -> bool {
    let now = Timestamp::now();
    let now = written_at.map_or(now, |written_at| now.max(written_at));
    state.is_plausible(user, now, MAX_CLOCK_SKEW)
}

impl States for StateObjects {
    async fn load(&self, user: &UserName) -> Result<StoredState, Error> {
        let key = self.key_of(user.as_str());
        // Concurrently, so that the fallback never costs a round trip of its own.
        let (own, legacy) = tokio::join!(
            self.objects.get(READING, &key),
            self.legacy(SignedDuration::MAX)
        );
        match own? {
            None => {
                let legacy = match legacy? {
                    none if none.0.is_empty() => self.legacy(LEGACY_ABSENT_TTL).await?,
                    states => states,
                };
                let (states, written_at) = &*legacy;
                let record = states.get(user.as_str()).cloned();
                let state = record.map(|record| UserState {
                    records: vec![record],
                });
                Ok(StoredState {
                    state: state.filter(|state| is_plausible(state, user, *written_at)),
                    ..StoredState::default()
                })
            }
            Some(Object {
                text,
                etag,
                modified,
            }) => {
                let state =
                    UserState::parse(&text).filter(|state| is_plausible(state, user, modified));
                if state.is_none() {
                    tracing::warn!(
                        object = key,
                        user = user.as_str(),
                        "the state object is damaged and counts as absent; the next write replaces it"
                    );
                }
                Ok(StoredState {
                    damaged: state.is_none(),
                    state,
                    etag: Some(etag),
                })
            }
        }
    }

    async fn save(
        &self,
        user: &UserName,
        state: &UserState,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let text = state.to_json();
        self.objects
            .put(
                "writing the state",
                &self.key_of(user.as_str()),
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
                .extend(self.legacy(SignedDuration::ZERO).await?.0.keys().cloned());
        }
        Ok(page)
    }
}

impl ReconcileRecords for StateObjects {
    async fn load_record(&self) -> Result<(Option<ReconcileRecord>, Option<Etag>), Error> {
        let key = format!("{}{RECONCILE_RECORD}", self.prefix);
        let Some(Object { text, etag, .. }) = self
            .objects
            .get("reading the reconcile record", &key)
            .await?
        else {
            return Ok((None, None));
        };
        let run = serde_json::from_slice(&text).ok();
        if run.is_none() {
            tracing::warn!(
                object = key,
                "the reconcile record is damaged and counts as absent"
            );
        }
        Ok((run, Some(etag)))
    }

    async fn save_record(
        &self,
        run: &ReconcileRecord,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        let text = serde_json::to_vec(run).expect("a record holds only text, numbers and dates");
        let key = format!("{}{RECONCILE_RECORD}", self.prefix);
        self.objects
            .put("writing the reconcile record", &key, text, if_match)
            .await
    }
}
