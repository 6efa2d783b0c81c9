//! The keys of a rehearsal, which AWS never issued.

use secrecy::SecretString;
use serde_json::json;

use crate::snapshot::KeyIds;

/// What the id of each key of a rehearsal begins with. The ids of AWS contain neither 0 nor 1, so
/// no key of AWS has such an id.
pub(super) const PREFIX: &str = "AKIA0REHEARSAL";

/// A key that passes the checks of the format, and that AWS never issued.
#[derive(Debug)]
pub(super) struct RehearsalKey {
    pub(super) id: String,
}

impl RehearsalKey {
    /// Creates a key with a random id, so that it is a rotation.
    pub(super) fn new() -> Self {
        Self {
            id: format!("{PREFIX}{:06}", fastrand::u32(..1_000_000)),
        }
    }

    /// Returns the parameter's value after the first put of a rotation, which has no current key.
    pub(super) fn first_value(&self) -> SecretString {
        json!({"pending_deletion": self.document()})
            .to_string()
            .into()
    }

    /// Returns the parameter's value after the second put.
    pub(super) fn second_value(&self) -> SecretString {
        json!({"current": self.document()}).to_string().into()
    }

    /// Returns whether a parameter holds this key and no other.
    pub(super) fn is_only_key_of(&self, ids: &KeyIds) -> bool {
        only_id(ids) == Some(self.id.as_str())
    }

    fn document(&self) -> serde_json::Value {
        let secret = format!("no-secret-of-{}-but-a-rehearsal", self.id);
        json!({"AccessKeyID": self.id, "SecretAccessKey": secret})
    }
}

/// Returns whether a key id is that of a rehearsal.
pub(super) fn is_of_rehearsal(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// Returns whether a parameter holds one key, which is that of a rehearsal.
pub(super) fn is_left_over(ids: &KeyIds) -> bool {
    only_id(ids).is_some_and(is_of_rehearsal)
}

/// Returns the id of the only key of a parameter.
fn only_id(ids: &KeyIds) -> Option<&str> {
    match (&ids.current, &ids.pending) {
        (Some(id), None) | (None, Some(id)) => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::snapshot::{ParameterReading, ParameterView, Revision};

    #[test]
    fn values_pass_the_checks_of_a_parameter() {
        let key = RehearsalKey::new();
        let revision = Revision {
            modified: Timestamp::UNIX_EPOCH,
            version: 1,
        };
        let view = |value| ParameterReading::parse(&value, revision).view;
        let first = view(key.first_value());
        assert!(
            matches!(first, ParameterView::WithoutCurrent { .. }),
            "{first:?}"
        );
        let ParameterView::Current(current) = view(key.second_value()) else {
            panic!("no key");
        };
        assert!(is_of_rehearsal(&current.id));
        assert!(!is_of_rehearsal("AKIAIOSFODNN7EXAMPLE"));
    }

    #[test]
    fn a_key_knows_its_parameter() {
        let (key, other) = (RehearsalKey::new(), "AKIAIOSFODNN7EXAMPLE");
        let ids = |value: &SecretString| KeyIds::parse(value, Timestamp::UNIX_EPOCH);
        for value in [key.first_value(), key.second_value()] {
            assert!(key.is_only_key_of(&ids(&value)));
            assert!(is_left_over(&ids(&value)));
        }
        let own = || Some(key.id.clone());
        for (current, pending) in [
            (None, None),
            (Some(other.to_owned()), None),
            (Some(other.to_owned()), own()),
            (own(), Some(other.to_owned())),
            (None, Some(other.to_owned())),
        ] {
            let modified = Timestamp::UNIX_EPOCH;
            let ids = KeyIds {
                current,
                pending,
                modified,
            };
            assert!(!key.is_only_key_of(&ids) && !is_left_over(&ids), "{ids:?}");
        }
    }
}
