//! The secret that a plan is about, and the mark that its metadata carries.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::keys::{SecretLocation, UserName};

/// The tool that a mark of this service names.
const MANAGED_BY: &str = "nr-iam-key-sync";

/// The key of the tool's name in `custom_metadata`.
const MANAGED_BY_KEY: &str = "managed-by";

/// The key of the version that this service wrote.
const VAULT_VERSION_KEY: &str = "vault_version";

/// The key of the user whose key was written.
const USER_KEY: &str = "iam_user";

/// The key of the definition of the fields. In basic mode, no state records it.
const DEFINITION_KEY: &str = "definition";

/// A secret in which a key is published, without its templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetView {
    /// Where the secret is. Of a user without a parameter: where it is recorded.
    pub location: SecretLocation,
    /// The fingerprint of the fields' definition; `None` for the target without a document.
    pub definition: Option<String>,
    /// The names of the fields; empty for the target without a document.
    pub fields: Vec<String>,
    /// Whether fields of others in the same secret are kept.
    pub merge: bool,
    /// Whether the secret has the form of a target without a document.
    pub has_default_form: bool,
    /// Whether the fields are those of a target without any `fields`, as other tools write them.
    pub has_default_fields: bool,
}

impl TargetView {
    /// Returns whether this is the only target of a user, without a document.
    pub fn is_default(&self) -> bool {
        self.definition.is_none()
    }

    /// Returns whether a secret with fields of this definition is as the target defines it.
    pub fn is_defined_by(&self, definition: Option<&str>) -> bool {
        match definition {
            Some(definition) => self.definition.as_deref() == Some(definition),
            None => self.has_default_form,
        }
    }
}

/// Whether a user has a target.
#[derive(Clone, Debug)]
pub enum Assignment {
    /// The targets document, or the configuration, names the target.
    Named,
    /// No target is named for the user.
    Untargeted,
    /// The target was named before: its secret is recorded at this path, namespace included.
    Removed(String),
    /// The target was named before, and the secret at this path, namespace included, is now that of
    /// another user.
    Reassigned(String),
    /// The targets document could not be read, or was refused.
    Unreadable(Error),
}

/// What the `custom_metadata` of a secret shows about who wrote it, and what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The tool that manages the secret.
    pub managed_by: Option<String>,
    /// The version of the parameter whose key was written.
    pub parameter_version: Option<i64>,
    /// The version of the secret that was written then.
    pub vault_version: Option<u64>,
    /// The definition of the fields that were written then, in basic mode.
    pub definition: Option<String>,
    /// Whether this service wrote the key of another user.
    pub is_of_other_user: bool,
}

impl Mark {
    /// Reads a mark of a secret of this user, given the configured key of the parameter's version.
    pub fn read(
        custom: &BTreeMap<String, String>,
        version_key: Option<&str>,
        user: &UserName,
    ) -> Self {
        let of_user = custom.get(USER_KEY).map(String::as_str);
        let is_ours = custom
            .get(MANAGED_BY_KEY)
            .is_some_and(|tool| tool == MANAGED_BY);
        let number = |key: &str| custom.get(key).and_then(|text| text.parse().ok());
        Self {
            managed_by: custom.get(MANAGED_BY_KEY).cloned(),
            parameter_version: version_key.and_then(number),
            vault_version: number(VAULT_VERSION_KEY).and_then(|version| version.try_into().ok()),
            definition: custom.get(DEFINITION_KEY).cloned(),
            is_of_other_user: (is_ours || of_user.is_some()) && of_user != Some(user.as_str()),
        }
    }

    /// Returns the entries of a mark of this service.
    pub fn entries(
        version_key: &str,
        parameter_version: i64,
        vault_version: u64,
        definition: Option<&str>,
        user: &UserName,
    ) -> BTreeMap<String, String> {
        let definition = definition.map(|definition| (DEFINITION_KEY, definition.to_owned()));
        let entries = [
            (MANAGED_BY_KEY, MANAGED_BY.to_owned()),
            (version_key, parameter_version.to_string()),
            (VAULT_VERSION_KEY, vault_version.to_string()),
            (USER_KEY, user.to_string()),
        ];
        let entries = entries.into_iter().chain(definition);
        entries
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Returns whether the secret at `found` holds the key of this version of the parameter, written
    /// by this service as the target defines it.
    pub fn proves(&self, parameter_version: i64, found: u64, target: &TargetView) -> bool {
        self.other_tool().is_none()
            && !self.is_of_other_user
            && self.parameter_version == Some(parameter_version)
            && self.vault_version == Some(found)
            && target.is_defined_by(self.definition.as_deref())
    }

    /// Returns the other tool that manages the secret, if there is one.
    pub fn other_tool(&self) -> Option<&str> {
        self.managed_by
            .as_deref()
            .filter(|tool| *tool != MANAGED_BY)
    }
}
