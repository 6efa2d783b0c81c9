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
        if let Some(problem) = &self.problem {
            let text = format!("The use of the keys is unknown: {problem}.");
            return vec![Paragraph {
                about: "key use",
                text,
            }];
        }
        let Some(current) = &self.current else {
            let none = "The parameter has no current key whose use could be shown.".to_owned();
            let none = Paragraph {
                about: "key use",
                text: none,
            };
            return std::iter::once(none).chain(self.old(now)).collect();
        };
        // Both answers of IAM usually fail for one reason, which is said once.
        let same = self.pending.as_ref();
        let same = same.filter(|pending| pending.problem.is_some() && current.problem.is_some());
        let text = match (&current.problem, same) {
            (Some(problem), Some(_)) => format!("The use of both keys is unknown: {problem}."),
            _ => format!("The current key {}.", current.sentence(now)),
        };
        let current = Paragraph {
            about: "key use",
            text,
        };
        std::iter::once(current).chain(self.old(now)).collect()
    }

    fn old(&self, now: Timestamp) -> Option<Paragraph> {
        let pending = self.pending.as_ref()?;
        let at = self.pending_deleted_at?;
        let left = at.duration_since(now);
        let deleted = if left.is_positive() {
            format!("deleted in about {}", duration(left))
        } else {
            format!("due to be deleted {} ago", duration(left))
        };
        let both_unknown = pending.problem.is_some()
            && self
                .current
                .as_ref()
                .is_some_and(|current| current.problem.is_some());
        let text = if both_unknown {
            let id = &pending.access_key_id_ends_with;
            format!("The old key …{id} is {deleted}.")
        } else {
            format!("The old key {}; {deleted}.", pending.sentence(now))
        };
        Some(Paragraph {
            about: "old key",
            text,
        })
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

    fn sentence(&self, now: Timestamp) -> String {
        let id = &self.access_key_id_ends_with;
        let place = |word: &str, place: &Option<String>| {
            let place = place.as_ref();
            place.map_or(String::new(), |place| format!(" {word} {place}"))
        };
        match (&self.problem, self.last_used_at) {
            (Some(problem), _) => format!("…{id} has an unknown use: {problem}"),
            (None, None) => format!("…{id} has not been used yet"),
            (None, Some(at)) => format!(
                "…{id} was last used {}{}{}",
                relative(at, now),
                place("by", &self.service),
                place("in", &self.region)
            ),
        }
    }
}
