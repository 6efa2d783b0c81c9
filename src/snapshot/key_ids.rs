//! The ids of both keys of a parameter. Its secrets are skipped.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::keys::is_key_id;

/// The ids of the keys of a parameter, as far as it holds any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyIds {
    /// The id of the current key.
    pub current: Option<String>,
    /// The id of the key that the current one replaced, which AWS deletes after a while.
    pub pending: Option<String>,
    /// `LastModifiedDate` of the parameter: when the key was replaced.
    pub modified: Timestamp,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    current: Option<Key>,
    #[serde(default)]
    pending_deletion: Option<Key>,
}

#[derive(Deserialize)]
struct Key {
    /// Of any type, because a wrong type must not hide the other key.
    #[serde(rename = "AccessKeyID", default)]
    id: Value,
}

impl Key {
    fn into_id(self) -> Option<String> {
        match self.id {
            Value::String(id) if is_key_id(&id) => Some(id),
            _ => None,
        }
    }
}

impl KeyIds {
    /// Parses the value of a parameter that was put at `modified`. A key of another form has no id.
    pub fn parse(value: &SecretString, modified: Timestamp) -> Self {
        let document = serde_json::from_str::<Document>(value.expose_secret());
        let (current, pending) = document.map_or((None, None), |document| {
            (document.current, document.pending_deletion)
        });
        Self {
            current: current.and_then(Key::into_id),
            pending: pending.and_then(Key::into_id),
            modified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_both_members() {
        let key = |id: &str| format!(r#"{{"AccessKeyID": "{id}", "SecretAccessKey": "s"}}"#);
        let (new, old) = ("AKIA00000000NEW2", "AKIA00000000OLD1");
        for (text, current, pending) in [
            (
                format!(
                    r#"{{"current": {}, "pending_deletion": {}}}"#,
                    key(new),
                    key(old)
                ),
                Some(new),
                Some(old),
            ),
            (
                format!(r#"{{"current": null, "pending_deletion": {}}}"#, key(old)),
                None,
                Some(old),
            ),
            (format!(r#"{{"current": {}}}"#, key(new)), Some(new), None),
            (
                format!(
                    r#"{{"current": {{"AccessKeyID": 7}}, "pending_deletion": {}}}"#,
                    key(old)
                ),
                None,
                Some(old),
            ),
            (format!(r#"{{"current": {}}}"#, key("TODO")), None, None),
            ("no JSON".to_owned(), None, None),
        ] {
            let ids = KeyIds::parse(&text.clone().into(), Timestamp::UNIX_EPOCH);
            assert_eq!(
                (ids.current.as_deref(), ids.pending.as_deref()),
                (current, pending),
                "{text}"
            );
        }
    }
}
