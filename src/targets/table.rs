//! The resolved targets of a document, as `keysync targets check` shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Target, Targets};
use crate::config::TargetDefaults;
use crate::error::DocumentProblem;
use crate::keys::UserName;

/// The result of a check: the problems of a refused document, or the targets of an accepted one.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TargetsCheck {
    /// All problems; none if the document is accepted.
    pub problems: Vec<DocumentProblem>,
    /// Where the document is stored, if it is; absent also if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The key of the version mark in `custom_metadata`; absent if secrets get no mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// The targets, by user; last that of the users without an entry.
    pub targets: Vec<TargetRow>,
}

/// The result of storing a targets document.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImportedTargets {
    /// Whether it was stored; false if it was stored before.
    pub is_stored: bool,
    /// What the document means.
    #[serde(flatten)]
    pub check: TargetsCheck,
}

/// A target with all values that it inherits.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TargetRow {
    /// The user; absent for the target of the users without an entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The namespace, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The mount.
    pub mount: String,
    /// The path below the mount; `{userName}` stands for a user without an entry.
    pub path: String,
    /// Whether fields of others in the same secret are kept.
    pub merge: bool,
    /// The fields that are written and their templates, with Region and role filled in.
    pub fields: BTreeMap<String, String>,
    /// The fields that are left out, because they use a value that is null or absent.
    pub left_out: Vec<String>,
}

/// Checks a targets document.
pub fn check_targets(document: &[u8], defaults: &TargetDefaults) -> TargetsCheck {
    match Targets::parse(document, defaults) {
        Err(problems) => TargetsCheck {
            problems,
            document: None,
            metadata: None,
            targets: Vec::new(),
        },
        Ok(targets) => TargetsCheck::of(&targets, None),
    }
}

impl TargetsCheck {
    /// Returns the targets of all users, or of one.
    pub(crate) fn of(targets: &Targets, user: Option<&UserName>) -> Self {
        let rows = if let Some(user) = user {
            let of_user = targets.for_user(user);
            let rows = of_user.iter().map(|target| row(Some(user), target));
            rows.collect()
        } else {
            let named = targets.named();
            let named = named.map(|(user, target)| row(Some(user), target));
            let others = targets.others().map(|target| row(None, target));
            named.chain(others).collect()
        };
        Self {
            problems: Vec::new(),
            document: None,
            metadata: targets.version_mark().map(str::to_owned),
            targets: rows,
        }
    }
}

fn row(user: Option<&UserName>, target: &Target) -> TargetRow {
    let fields = target.fields();
    let fields = fields.map(|(name, template)| (name.to_owned(), template.to_string()));
    let fields = fields.collect::<BTreeMap<_, _>>();
    let left_out = target
        .fields
        .keys()
        .filter(|name| !fields.contains_key(*name));
    TargetRow {
        user: user.map(ToString::to_string),
        namespace: target.location.namespace.clone(),
        mount: target.location.mount.clone(),
        path: target.location.path.clone(),
        merge: target.merge,
        left_out: left_out.cloned().collect(),
        fields,
    }
}
