//! The state object of a user: one record for each secret that holds the user's key.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::SecretRecord;
use crate::keys::{SecretLocation, UserName};

/// The largest state object that is no damage: each of its records costs a call to Vault.
const MAX_BYTES: usize = 1024 * 1024;

/// The largest number of records.
const MAX_RECORDS: usize = 500;

/// The state of a user, stored as one JSON object in S3.
///
/// With the default target only, the object is the record of that target, as version 0.1.0 wrote it.
/// With other targets it has the member `targets`, and beside it the members that version 0.1.0
/// requires, of the first record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserState {
    /// The records, one for each location.
    pub records: Vec<SecretRecord>,
}

/// A state object with the member `targets`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithTargets<R> {
    #[serde(flatten)]
    first: R,
    targets: Vec<R>,
}

#[derive(Deserialize)]
struct HasTargets {
    #[serde(default)]
    targets: Option<Vec<SecretRecord>>,
}

impl UserState {
    /// Parses a state object; `None` if it is damaged. serde alone would also accept an array.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > MAX_BYTES || !text.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let records = match serde_json::from_slice::<HasTargets>(text).ok()?.targets {
            Some(records) => records,
            None => vec![serde_json::from_slice(text).ok()?],
        };
        if records.len() > MAX_RECORDS {
            return None;
        }
        let is_first = |(n, record): (usize, &SecretRecord)| {
            !records[..n]
                .iter()
                .any(|before| before.is_of_same_place(record))
        };
        let has_no_duplicates = records.iter().enumerate().all(is_first);
        (has_no_duplicates && !records.is_empty()).then_some(Self { records })
    }

    /// Returns the record of the newest key, whatever secret holds it.
    pub fn newest(&self) -> Option<&SecretRecord> {
        self.records.iter().max_by_key(|record| record.revision())
    }

    /// Returns the JSON of the state object.
    ///
    /// # Panics
    /// Panics if there is no record: a state is written after a secret.
    pub fn to_json(&self) -> Vec<u8> {
        let json = match &self.records[..] {
            [record] if record.definition.is_none() => serde_json::to_vec(record),
            [first, ..] => serde_json::to_vec(&WithTargets {
                first: SecretRecord {
                    definition: None,
                    fields: Vec::new(),
                    ..first.clone()
                },
                targets: self.records.clone(),
            }),
            [] => panic!("a state has a record"),
        };
        json.expect("a state holds only text, numbers and dates")
    }

    /// Returns the record of the secret at `location`. For the `default` target that is the only
    /// record, wherever it is: the target was moved.
    pub fn record_of(&self, location: &SecretLocation, is_default: bool) -> Option<&SecretRecord> {
        // A record without a path is that of the legacy service, which had the default target only.
        let is_here = |record: &&SecretRecord| {
            record.is_at_place(location) && (is_default || record.vault_path.is_some())
        };
        let here = self.records.iter().find(is_here);
        let only = || match &self.records[..] {
            [record] if is_default && record.definition.is_none() => Some(record),
            _ => None,
        };
        here.or_else(only)
    }

    /// Returns the record of the same secret as `record`.
    pub fn record_of_same_place(&self, record: &SecretRecord) -> Option<&SecretRecord> {
        let mut records = self.records.iter();
        records.find(|known| known.is_of_same_place(record))
    }

    /// Returns the state with `record` in place of `replaced`, or added. A record without a path is
    /// dropped: once there is another record, it is about no target.
    #[must_use]
    pub fn with(mut self, replaced: Option<&SecretRecord>, record: &SecretRecord) -> Self {
        let mut records = self.records.iter_mut();
        match records.find(|known| Some(&**known) == replaced) {
            Some(known) => *known = record.clone(),
            None => self.records.push(record.clone()),
        }
        self.records
            .retain(|known| known.vault_path.is_some() || known == record);
        self
    }

    /// Returns whether each record can be this user's.
    pub fn is_plausible(&self, user: &UserName, now: Timestamp, max_skew: SignedDuration) -> bool {
        let mut records = self.records.iter();
        records.all(|record| record.is_plausible(user, now, max_skew))
    }
}
