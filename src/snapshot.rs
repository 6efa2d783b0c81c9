//! What was seen of one user, as plain data: the parameter, our recorded state, Vault, the roster. And the record of the
//! last sweep.
//!
//! The input of [`plan`](crate::plan). Must not do: I/O, or keep a secret longer than the snapshot lives.

mod reconcile_record;
mod state;

pub use reconcile_record::ReconcileRecord;
pub use state::{Resolution, UserState};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::keys::{AccessKey, Fingerprint, VaultPath};

/// How often the platform rotates a key. For as long again it keeps the replaced one, then deletes it.
pub const ROTATION: SignedDuration = SignedDuration::from_hours(48);

/// All that a plan for one user is made from.
#[derive(Debug)]
pub struct Snapshot {
    /// What Parameter Store holds.
    pub parameter: Parameter,
    /// What we recorded at the last write; `None` without a usable state object.
    pub state: Option<UserState>,
    /// What Vault's metadata says.
    pub vault: VaultView,
    /// Whether the platform's roster lists the user.
    pub roster: RosterView,
    /// Where the user's key belongs in Vault.
    pub path: VaultPath,
    /// Whether an event told that the parameter was deleted.
    pub told_deleted: bool,
}

/// What Parameter Store holds for a user.
#[derive(Debug)]
pub enum Parameter {
    /// A key to publish.
    Current(CurrentKey),
    /// A parameter between the two puts of a rotation: it has no `current`.
    WithoutCurrent {
        /// Which revision of the parameter that is.
        revision: Revision,
    },
    /// A parameter that does not hold what the platform writes.
    Malformed {
        /// Which revision of the parameter that is.
        revision: Revision,
        /// What is wrong with it, without its value.
        problem: String,
    },
    /// No such parameter.
    Absent,
    /// The user's name holds a character that no parameter name can hold.
    Unnameable,
    /// The parameter could not be read, so nothing is known of it.
    Unreadable(Error),
}

impl Parameter {
    /// Reads the value that the platform writes:
    /// `{"current": {"AccessKeyID": …, "SecretAccessKey": …}, "pending_deletion": {…}}`.
    ///
    /// `current` may be missing or null; `pending_deletion` is never looked at, so that it can never be published.
    pub fn parse(value: &SecretString, revision: Revision) -> Self {
        match current_key(value.expose_secret()) {
            Ok(Some(key)) => Self::Current(CurrentKey {
                fingerprint: key.fingerprint(),
                key,
                revision,
            }),
            Ok(None) => Self::WithoutCurrent { revision },
            Err(problem) => Self::Malformed { revision, problem },
        }
    }

    /// Which revision of the parameter was read, if there is one.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Current(CurrentKey { revision, .. })
            | Self::WithoutCurrent { revision }
            | Self::Malformed { revision, .. } => Some(*revision),
            Self::Absent | Self::Unnameable | Self::Unreadable(_) => None,
        }
    }
}

/// The key that a parameter holds now.
#[derive(Debug)]
pub struct CurrentKey {
    /// The key.
    pub key: AccessKey,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Which revision of the parameter holds it.
    pub revision: Revision,
}

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
        return Ok(None);
    };
    let KeyDocument { id, secret } = object(current.get(), "its member \"current\"")?;
    AccessKey::new(id, secret).map(Some).map_err(str::to_owned)
}

/// Parses a JSON object. serde would also take an array for a struct, and its own error text quotes the input.
fn object<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, String> {
    let expected = r#"expected {"current": {"AccessKeyID": "…", "SecretAccessKey": "…"}, …}"#;
    if !text.trim_start().starts_with('{') {
        return Err(format!("{what} is not a JSON object, {expected}"));
    }
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let fault = if error.is_data() {
            "does not have the right members"
        } else {
            "is not JSON"
        };
        format!("{what} {fault} (line {line}, column {column}), {expected}")
    })
}

/// Which revision of a parameter was read. Later revisions compare greater: by time first, because the version
/// restarts at 1 when a parameter is deleted and made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// `LastModifiedDate` of the parameter.
    pub modified: Timestamp,
    /// `Version` of the parameter.
    pub version: i64,
}

/// What Vault's metadata says of a user's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultView {
    /// Not asked: the recorded version is taken for the current one, and check-and-set proves it.
    NotRead,
    /// There is no such secret.
    Absent,
    /// There is one.
    At {
        /// Its current version.
        version: u64,
        /// Whether the current version can be read; `false` when it is deleted or destroyed.
        readable: bool,
    },
    /// The token may not read metadata.
    Hidden {
        /// The check-and-set that Vault refused, which is all that is known.
        refused: Option<Cas>,
    },
}

/// The guard of a write to Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cas {
    /// The secret must be at this version; 0: there must be none.
    Version(u64),
    /// No guard: the token may not learn the version.
    Unchecked,
}

/// What the platform's roster says of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterView {
    /// Not asked, switched off, missing, or closed to us. One that gives no answer fails the user instead.
    Unknown,
    /// The user is on the roster.
    Listed,
    /// The user is not on the roster.
    NotListed,
}

#[cfg(test)]
mod tests;
