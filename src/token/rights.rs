//! What a token may do, asked of Vault on paths that stand for all, and nothing of it tried.

use std::collections::HashMap;

use secrecy::SecretString;

use super::Flaw;
use crate::config::{Config, OnUserDeleted, VaultConfig};
use crate::error::Error;
use crate::stores::inspection::Credentials;

/// Stands for any user.
const SOMEBODY: &str = "keysync-doctor";

/// The rights that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a right is there or not, each by itself")]
pub struct Rights {
    /// Keys may be created and updated.
    pub writes: bool,
    /// Keys may be read.
    pub reads: bool,
    /// The versions of a key may be read.
    pub metadata: bool,
    /// The versions of all keys may be listed in one call, where the server offers it.
    pub survey: bool,
    /// Versions may be deleted so that they can be brought back.
    pub soft_deletes: bool,
    /// Versions may be lost: destroyed, or whatever is the latest one deleted.
    pub destroys: bool,
    /// Secrets beside ours may be written.
    pub elsewhere: bool,
    /// Rights of an administrator.
    pub sudo: bool,
}

impl Rights {
    /// Asks for the rights of a token.
    ///
    /// # Errors
    /// Those of Vault.
    pub async fn of(vault: &impl Credentials, token: &SecretString, config: &VaultConfig) -> Result<Self, Error> {
        let VaultConfig { mount, path_prefix, .. } = config;
        let path = |kind: &str| format!("{mount}/{kind}/{path_prefix}/{SOMEBODY}");
        let [data, metadata, delete, destroy] = ["data", "metadata", "delete", "destroy"].map(path);
        // A LIST is checked with a slash at its end.
        let survey = format!("{mount}/detailed-metadata/{path_prefix}/");
        // Caught by a rule that forgot the slash before its star, as by any that is wider.
        let beside = format!("{mount}/data/{path_prefix}-{SOMEBODY}/{SOMEBODY}");
        let paths = [&data, &metadata, &delete, &destroy, &survey, &beside].map(Clone::clone);
        let answer = vault.capabilities(token, &paths).await?;
        let may = |path: &str, right: &str| allows(&answer, path, right);
        Ok(Self {
            writes: may(&data, "create") && may(&data, "update"),
            reads: may(&data, "read"),
            metadata: may(&metadata, "read"),
            survey: may(&survey, "list"),
            soft_deletes: may(&delete, "update"),
            destroys: may(&destroy, "update")
                || may(&data, "delete")
                || ["create", "update", "patch", "delete"].iter().any(|right| may(&metadata, right)),
            elsewhere: ["create", "update", "patch", "delete"].iter().any(|right| may(&beside, right)),
            sudo: paths.iter().any(|path| may(path, "sudo")),
        })
    }

    /// What is wrong with these rights under this configuration.
    pub fn flaws(self, config: &Config) -> Vec<Flaw> {
        let basic = config.bucket.is_none();
        let deletes = config.on_user_deleted == OnUserDeleted::SoftDelete;
        [
            (!self.writes, Flaw::CannotWrite),
            (basic && !self.reads, Flaw::CannotRead),
            (!basic && self.reads, Flaw::ReadsKeys),
            (!self.metadata, Flaw::MetadataHidden),
            (deletes && !self.soft_deletes, Flaw::CannotDelete),
            (self.elsewhere, Flaw::WritesElsewhere),
            (self.destroys, Flaw::Destroys),
            (self.sudo, Flaw::Sudo),
        ]
        .into_iter()
        .filter_map(|(is_so, flaw)| is_so.then_some(flaw))
        .collect()
    }
}

fn allows(answer: &HashMap<String, Vec<String>>, path: &str, right: &str) -> bool {
    answer.get(path).is_some_and(|rights| rights.iter().any(|has| has == right || has == "root"))
}
