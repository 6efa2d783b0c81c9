//! When and where the keys of a user were last used, and how long the replaced one lives.

use jiff::Timestamp;
use serde::Serialize;

use super::Paragraph;
use crate::backends::LastUse;
use crate::error::Error;
use crate::snapshot::{KeyIds, ROTATION};
use crate::status::last_four;
use crate::time_format::{duration, relative};

/// The last uses of the keys that a user's parameter holds.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The current key; null if the parameter has none.
    pub current: Option<KeyUse>,
    /// The key that it replaced; null if the parameter has none.
    pub pending: Option<KeyUse>,
    /// Approximately when AWS deletes the replaced key: 48 h after its replacement.
    pub pending_deleted_at: Option<Timestamp>,
    /// Why the parameter's keys are unknown, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The last use of a key.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyUse {
    /// The last four characters of the key's id.
    pub access_key_id_ends_with: String,
    /// When the key was last used; null if it was not, or if that is unknown.
    pub last_used_at: Option<Timestamp>,
    /// The AWS service that was called.
    pub service: Option<String>,
    /// The Region that was called.
    pub region: Option<String>,
    /// Why the use is unknown, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The answer of IAM about a key.
pub(crate) type UseOfKey = Result<Option<LastUse>, Error>;

impl Usage {
    /// Returns the uses of the keys with these ids, each with IAM's answer.
    pub(crate) fn of(ids: &KeyIds, current: Option<UseOfKey>, pending: Option<UseOfKey>) -> Self {
        let pending = ids.pending.as_ref().zip(pending);
        let pending = pending.map(|(id, last)| KeyUse::of(id, last));
        Self {
            current: ids
                .current
                .as_ref()
                .zip(current)
                .map(|(id, last)| KeyUse::of(id, last)),
            pending_deleted_at: pending.as_ref().map(|_| ids.modified + ROTATION),
            pending,
            problem: None,
        }
    }

    /// Returns the usage of keys that are unknown.
    pub(crate) fn unknown(error: &Error) -> Self {
        Self {
            current: None,
            pending: None,
            pending_deleted_at: None,
            problem: Some(error.to_string()),
        }
    }

    /// Describes the usage.
    pub(crate) fn paragraphs(&self, now: Timestamp) -> Vec<Paragraph> {
        let both = self.current.as_ref().zip(self.pending.as_ref());
        // IAM usually refuses both keys for one reason, which is then written once.
        let common = both.and_then(|(current, pending)| {
            pending.problem.as_ref()?;
            current.problem.as_deref()
        });
        let text = match (&self.problem, &self.current, common) {
            (Some(problem), _, _) => format!("The use of the keys is unknown: {problem}."),
            (None, _, Some(problem)) => format!("The use of both keys is unknown: {problem}."),
            (None, Some(current), None) => current.sentence("current", now),
            (None, None, None) => "The parameter has no current key.".to_owned(),
        };
        let current = Paragraph {
            about: "key use",
            text,
        };
        let old = self.pending.as_ref().zip(self.pending_deleted_at);
        let old = old.map(|(pending, deleted_at)| {
            let sentence = match common {
                Some(_) => format!("The old key is …{}.", pending.access_key_id_ends_with),
                None => pending.sentence("old", now),
            };
            Paragraph {
                about: "old key",
                text: format!("{sentence} {}", deletion(deleted_at, now)),
            }
        });
        std::iter::once(current).chain(old).collect()
    }
}

/// Describes when AWS deletes the replaced key.
fn deletion(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    if left.is_positive() {
        format!("AWS deletes it in about {}.", duration(left))
    } else {
        format!("AWS was due to delete it about {} ago.", duration(left))
    }
}

impl KeyUse {
    fn of(id: &str, last: UseOfKey) -> Self {
        let (last, problem) = match last {
            Ok(last) => (last, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let last = last.as_ref();
        Self {
            access_key_id_ends_with: last_four(id),
            last_used_at: last.map(|last| last.at),
            service: last.and_then(|last| last.service.clone()),
            region: last.and_then(|last| last.region.clone()),
            problem,
        }
    }

    fn sentence(&self, which: &str, now: Timestamp) -> String {
        let key = format!("{which} key …{}", self.access_key_id_ends_with);
        let place = |word: &str, place: &Option<String>| {
            let place = place.as_ref();
            place.map_or(String::new(), |place| format!(" {word} {place}"))
        };
        match (&self.problem, self.last_used_at) {
            (Some(problem), _) => format!("The use of the {key} is unknown: {problem}."),
            (None, None) => format!("The {key} has not been used yet."),
            (None, Some(at)) => format!(
                "The {key} was last used {}{}{}.",
                relative(at, now),
                place("by", &self.service),
                place("in", &self.region)
            ),
        }
    }
}
