//! The capabilities of a token on the paths of the targets, read from Vault without using them.

mod sample;

use std::collections::HashMap;

use secrecy::SecretString;

use crate::backends::diagnostics::Credentials;
use crate::config::{Config, OnUserDeleted};
use crate::error::Error;
use crate::keys::VaultPath;
use crate::targets::Targets;
use crate::token::TokenIssue;
use sample::{Sample, samples};

/// The number of targets whose capabilities are read in one call.
const PER_CALL: usize = 100;

/// The number of targets that are checked, so that the answer takes seconds.
const MAX_CHECKED: usize = 500;

/// The capabilities that the service needs, or must not have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each capability is granted or not, independently of the others"
)]
pub struct Capabilities {
    /// The targets whose keys the token may not write. Among them `{userName}` stands for the users
    /// that the targets document does not name.
    pub unwritable: Vec<VaultPath>,
    /// The token may read keys of any target.
    pub reads: bool,
    /// In basic mode, keys are read for comparison; false if a document names the targets.
    pub compares: bool,
    /// The token may read the metadata of all keys.
    pub metadata: bool,
    /// The token may mark all keys; `None` if they get no mark.
    pub marks: Option<bool>,
    /// The token may list the metadata of folders in one call, if the server offers it.
    pub list_metadata: bool,
    /// The token may delete versions so that they can be restored.
    pub soft_deletes: bool,
    /// The token may destroy versions or metadata, or delete the latest version whatever it is.
    pub destroys: bool,
    /// The token may write secrets outside the prefix; false if a document names the targets.
    pub elsewhere: bool,
    /// The token has the sudo capability on one of the paths.
    pub sudo: bool,
    /// The number of targets that were not checked.
    pub unchecked: usize,
}

impl Capabilities {
    /// Reads the capabilities of a token on the paths of all targets.
    ///
    /// # Errors
    /// The errors of Vault.
    pub async fn of(
        vault: &impl Credentials,
        token: &SecretString,
        targets: &Targets,
    ) -> Result<Self, Error> {
        let mut found = Self {
            unwritable: Vec::new(),
            reads: false,
            compares: !targets.are_of_document(),
            metadata: true,
            marks: None,
            list_metadata: true,
            soft_deletes: true,
            destroys: false,
            elsewhere: false,
            sudo: false,
            unchecked: 0,
        };
        let all = samples(targets);
        found.unchecked = all
            .values()
            .map(Vec::len)
            .sum::<usize>()
            .saturating_sub(MAX_CHECKED);
        let mut left = MAX_CHECKED;
        for (namespace, samples) in all {
            let samples = &samples[..samples.len().min(left)];
            left -= samples.len();
            for samples in samples.chunks(PER_CALL) {
                let paths = samples.iter().flat_map(Sample::paths).collect::<Vec<_>>();
                let granted = vault.capabilities(token, namespace.as_deref(), &paths);
                let granted = granted.await?;
                for sample in samples {
                    found.add(sample, &granted);
                }
            }
        }
        Ok(found)
    }

    fn add(&mut self, sample: &Sample, granted: &HashMap<String, Vec<String>>) {
        let may = |path: &str, capability: &str| {
            let of_path = granted.get(path);
            of_path.is_some_and(|it| it.iter().any(|it| it == capability || it == "root"))
        };
        let may_any = |path: &str, any: &[&str]| any.iter().any(|capability| may(path, capability));
        let Sample { data, metadata, .. } = sample;
        let patches = !sample.merges || may(data, "patch");
        if !(may(data, "create") && may(data, "update") && patches) {
            self.unwritable.push(sample.target.clone());
        }
        self.reads |= may(data, "read");
        self.metadata &= may(metadata, "read");
        if sample.is_marked {
            self.marks = Some(self.marks.unwrap_or(true) && may(metadata, "patch"));
        }
        self.list_metadata &= may(&sample.folder, "list");
        self.soft_deletes &= sample.merges || may(&sample.delete, "update");
        // A mark needs patch on metadata, which can also change what Vault deletes by itself.
        let destructive: &[_] = if sample.is_marked {
            &["delete"]
        } else {
            &["create", "update", "patch", "delete"]
        };
        self.destroys |=
            may(&sample.destroy, "update") || may(data, "delete") || may_any(metadata, destructive);
        let outside = sample.outside.as_ref();
        self.elsewhere |=
            outside.is_some_and(|path| may_any(path, &["create", "update", "patch", "delete"]));
        self.sudo |= sample.paths().iter().any(|path| may(path, "sudo"));
    }

    /// Returns the issues of these capabilities under this configuration.
    pub fn issues(&self, config: &Config) -> Vec<TokenIssue> {
        let basic = config.bucket.is_none();
        let deletes = config.on_user_deleted == OnUserDeleted::SoftDelete;
        let compares = basic && self.compares;
        [
            (!self.unwritable.is_empty(), TokenIssue::CannotWrite),
            (compares && !self.reads, TokenIssue::CannotRead),
            (!compares && self.reads, TokenIssue::ReadsKeys),
            (!self.metadata, TokenIssue::MetadataHidden),
            (self.marks == Some(false), TokenIssue::CannotMark),
            (deletes && !self.soft_deletes, TokenIssue::CannotDelete),
            (self.elsewhere, TokenIssue::WritesElsewhere),
            (self.destroys, TokenIssue::Destroys),
            (self.sudo, TokenIssue::Sudo),
        ]
        .into_iter()
        .filter_map(|(applies, issue)| applies.then_some(issue))
        .collect()
    }
}
