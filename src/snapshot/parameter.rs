//! The parameter of one user: parsed once, with the secret kept apart from what may be shown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::keys::{AccessKey, Fingerprint};

/// The result of reading a parameter: what may be shown, and beside it the key.
#[derive(Debug)]
pub struct ParameterReading {
    /// What the parameter holds, without the secret.
    pub view: ParameterView,
    /// The current key; `Some` exactly if the view is [`ParameterView::Current`].
    pub key: Option<AccessKey>,
}

impl ParameterReading {
    /// Parses the value that the platform writes:
    /// `{"current": {"AccessKeyID": …, "SecretAccessKey": …}, "pending_deletion": {…}}`.
    ///
    /// `current` may be missing or null. Other members alone are malformed. `pending_deletion` is never read, so it is never published.
    pub fn parse(value: &SecretString, revision: Revision) -> Self {
        match current_key(value.expose_secret()) {
            Ok(Some(key)) => {
                let (id, fingerprint) = (key.id.clone(), key.fingerprint());
                let view = ParameterView::Current(CurrentKey {
                    id,
                    fingerprint,
                    revision,
                });
                Self {
                    view,
                    key: Some(key),
                }
            }
            Ok(None) => ParameterView::WithoutCurrent { revision }.into(),
            Err(problem) => ParameterView::Malformed { revision, problem }.into(),
        }
    }
}

/// A reading without a key.
impl From<ParameterView> for ParameterReading {
    fn from(view: ParameterView) -> Self {
        Self { view, key: None }
    }
}

/// What Parameter Store holds for a user, without the secret.
#[derive(Clone, Debug)]
pub enum ParameterView {
    /// A key to publish.
    Current(CurrentKey),
    /// A parameter between the two puts of a rotation: it has no `current`.
    WithoutCurrent {
        /// The revision that was read.
        revision: Revision,
    },
    /// A parameter that does not have the platform's format.
    Malformed {
        /// The revision that was read.
        revision: Revision,
        /// What is wrong with the value, without the value.
        problem: String,
    },
    /// The parameter does not exist.
    Absent,
    /// The user name contains a character that parameter names do not allow.
    Unnameable,
    /// The parameter could not be read, so nothing is known.
    Unreadable(Error),
}

impl ParameterView {
    /// Returns the revision that was read, if a parameter was.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Current(CurrentKey { revision, .. })
            | Self::WithoutCurrent { revision }
            | Self::Malformed { revision, .. } => Some(*revision),
            Self::Absent | Self::Unnameable | Self::Unreadable(_) => None,
        }
    }
}

/// The current key of a parameter, identified but not held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentKey {
    /// The access key id.
    pub id: String,
    /// The fingerprint of the key.
    pub fingerprint: Fingerprint,
    /// The revision of the parameter that holds it.
    pub revision: Revision,
}

/// The revision of a parameter. Later revisions compare greater: by time first, because the
/// version restarts at 1 when a parameter is deleted and created again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// `LastModifiedDate` of the parameter.
    pub modified: Timestamp,
    /// `Version` of the parameter.
    pub version: i64,
}

const EXPECTED: &str = r#"expected {"current": {"AccessKeyID": "…", "SecretAccessKey": "…"}, …}"#;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    current: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct KeyDocument {
    #[serde(rename = "AccessKeyID")]
    id: String,
    #[serde(rename = "SecretAccessKey")]
    secret: SecretString,
}

fn current_key(value: &str) -> Result<Option<AccessKey>, String> {
    let document: Document<'_> = object(value, "the value")?;
    let Some(current) = document.current else {
        // Between the two puts of a rotation, the other key remains, or none.
        let members: BTreeMap<Cow<'_, str>, &RawValue> = object(value, "the value")?;
        let is_known = |name| members.contains_key(name);
        return if members.is_empty() || is_known("current") || is_known("pending_deletion") {
            Ok(None)
        } else {
            let found = r#"the value has neither "current" nor "pending_deletion""#;
            Err(format!(
                "{found}, but {} other members, {EXPECTED}",
                members.len()
            ))
        };
    };
    let KeyDocument { id, secret } = object(current.get(), "its member \"current\"")?;
    AccessKey::new(id, secret).map(Some).map_err(str::to_owned)
}

/// Parses a JSON object. serde alone would also accept an array, and its error text quotes input.
fn object<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, String> {
    if !text.trim_start().starts_with('{') {
        return Err(format!("{what} is not a JSON object, {EXPECTED}"));
    }
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let problem = if error.is_data() {
            "does not have the right members"
        } else {
            "is not JSON"
        };
        format!("{what} {problem} (line {line}, column {column}), {EXPECTED}")
    })
}
