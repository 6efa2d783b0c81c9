//! Targets: where in Vault, and in which form, the key of each user is published.
//!
//! A [`Targets`] is a document that was accepted as a whole, with all defaults filled in. Pure: no
//! I/O, and the time is an argument.

mod check;
mod document;
mod fields;
mod json;
mod named;
mod reader;
mod ses;
mod table;
mod template;

pub use fields::SecretFields;
pub use table::{ImportedTargets, TargetRow, TargetsCheck, check_targets};
pub use template::ResolvedTemplate;
#[cfg(any(test, fuzzing))]
pub use template::{Template, Values};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::config::{TargetDefaults, VaultConfig};
use crate::error::DocumentProblem;
use crate::keys::{AccessKey, UserName, VaultPath};
pub use check::{USER, is_path};
use fields::{DEFAULT_FIELDS, Fields, WITHOUT_DOCUMENT};
use named::{url_of, user_in};

/// The size of the largest document in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The maximum number of targets of a user.
pub const MAX_TARGETS_PER_USER: usize = 50;

/// The maximum number of targets of a document.
pub const MAX_TARGETS: usize = 20_000;

/// The number of hexadecimal digits of a definition.
const DEFINITION_LENGTH: usize = 16;

/// The targets of all users.
#[derive(Clone, Debug)]
pub struct Targets {
    named: BTreeMap<UserName, Vec<Target>>,
    others: Option<Target>,
    version_mark: Option<String>,
}

impl Targets {
    /// Parses a targets document.
    ///
    /// # Errors
    /// All problems of the document, in its order as far as possible. It is refused as a whole.
    pub fn parse(document: &[u8], defaults: &TargetDefaults) -> Result<Self, Vec<DocumentProblem>> {
        document::parse(document, defaults)
    }

    /// Returns the targets if there is no document: one for each user, without a mark.
    pub fn without_document(config: &VaultConfig) -> Self {
        Self {
            named: BTreeMap::new(),
            others: Some(Target {
                location: VaultPath {
                    namespace: config.namespace.clone(),
                    mount: config.mount.clone(),
                    path: format!("{}/{USER}", config.path_prefix),
                },
                fields: Arc::new(WITHOUT_DOCUMENT.clone()),
                merge: false,
                is_of_document: false,
                region: None,
                role_arn: None,
            }),
            version_mark: None,
        }
    }

    /// Returns whether a document names the targets.
    pub fn are_of_document(&self) -> bool {
        self.others
            .as_ref()
            .is_none_or(|others| others.is_of_document)
    }

    /// Returns whether the document has an entry for the user.
    pub fn names(&self, user: &UserName) -> bool {
        self.named.contains_key(user)
    }

    /// Returns the targets of a user. A user without one is untargeted.
    pub fn for_user(&self, user: &UserName) -> Vec<Target> {
        match self.named.get(user) {
            Some(targets) => targets.clone(),
            None => self.others.iter().map(|target| target.of(user)).collect(),
        }
    }

    /// Returns all targets of the users that the document names.
    pub fn named(&self) -> impl Iterator<Item = (&UserName, &Target)> {
        let users = self.named.iter();
        users.flat_map(|(user, targets)| targets.iter().map(move |target| (user, target)))
    }

    /// Returns the target of all other users, if they have one. `{userName}` stands for the user
    /// in its path.
    pub fn others(&self) -> Option<&Target> {
        self.others.as_ref()
    }

    /// Returns whether the secret is one of another user than this one.
    pub fn is_of_another(&self, user: &UserName, path: &VaultPath) -> bool {
        let mut named = self.named();
        let is_named = named.any(|(owner, target)| owner != user && target.location == *path);
        let of_others = || {
            let others = self.others()?;
            let owner = user_in(&url_of(path), &url_of(&others.location))?;
            (owner != *user && !self.named.contains_key(&owner)).then_some(owner)
        };
        is_named || of_others().is_some()
    }

    /// Returns the mounts of all targets, each with its namespace.
    pub fn mounts(&self) -> BTreeSet<(Option<&str>, &str)> {
        let named = self.named().map(|(_, target)| target);
        let locations = named.chain(self.others()).map(|target| &target.location);
        let mounts = locations.map(|path| (path.namespace.as_deref(), path.mount.as_str()));
        mounts.collect()
    }

    /// Returns the key of the version mark in `custom_metadata`; `None` if secrets get no mark.
    pub fn version_mark(&self) -> Option<&str> {
        self.version_mark.as_deref()
    }
}

/// A secret that a key is published in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where the secret is.
    pub location: VaultPath,
    /// Whether fields of others in the same secret are kept.
    pub merge: bool,
    /// Whether a targets document defines it.
    pub is_of_document: bool,
    fields: Arc<Fields>,
    region: Option<Arc<str>>,
    role_arn: Option<Arc<str>>,
}

impl Target {
    fn of(&self, user: &UserName) -> Self {
        let mut target = self.clone();
        target.location.path = target.location.path.replace(USER, user.as_str());
        target
    }

    /// Returns the fields that are written. A field that uses an absent value is left out.
    pub fn fields(&self) -> impl Iterator<Item = (&str, ResolvedTemplate)> {
        let (region, role_arn) = self.values();
        self.fields.iter().filter_map(move |(name, template)| {
            Some((name.as_str(), template.resolve(region, role_arn)?))
        })
    }

    /// Returns the length of all values in bytes, without those of a key.
    fn length(&self) -> usize {
        let (region, role_arn) = self.values();
        let templates = self.fields.values();
        templates
            .map(|template| template.length(region, role_arn))
            .sum()
    }

    /// Renders the fields with a key, at a time.
    pub fn render(&self, key: &AccessKey, user: &UserName, time: Timestamp) -> SecretFields {
        fields::render(&self.fields, self.values(), key, user, time)
    }

    /// Returns a fingerprint of what is written apart from the key: of the fields that are written,
    /// with the Region and the role that they use. It does not change from release to release.
    pub fn definition(&self) -> String {
        let fields = self.fields();
        let fields = fields.map(|(name, template)| (name, template.to_string()));
        let text = serde_json::to_vec(&fields.collect::<BTreeMap<_, _>>());
        let hash = Sha256::digest(text.expect("texts are always valid JSON"));
        base16ct::lower::encode_string(&hash)[..DEFINITION_LENGTH].to_owned()
    }

    /// Returns whether the secret is written as without a targets document.
    pub fn has_default_form(&self) -> bool {
        *self.fields == *WITHOUT_DOCUMENT && !self.merge
    }

    /// Returns whether the fields are those of a target without any `fields`.
    pub fn has_default_fields(&self) -> bool {
        *self.fields == *DEFAULT_FIELDS
    }

    fn values(&self) -> (Option<&str>, Option<&str>) {
        (self.region.as_deref(), self.role_arn.as_deref())
    }
}

/// The maximum number of characters that a message quotes. A secret access key is longer.
const MAX_QUOTED: usize = 16;

/// Quotes a text of the document, with control characters escaped. A longer text is cut off,
/// because it may be a secret in the wrong place.
fn quote(text: &str) -> String {
    let end = text.char_indices().nth(MAX_QUOTED).map(|(index, _)| index);
    match end {
        None => format!("{text:?}"),
        Some(end) => format!("{:?}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests;
