//! What a token may do, asked of Vault on paths that stand for all, and nothing of it tried.

use std::collections::HashMap;

use secrecy::SecretString;

use crate::backends::diagnostics::Credentials;
use crate::config::{Config, OnUserDeleted, VaultConfig};
use crate::error::Error;
use crate::token::TokenIssue;

/// Stands for any user.
const SOMEBODY: &str = "keysync-doctor";

/// The capabilities that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a right is there or not, each by itself"
)]
pub struct Capabilities {
    /// Keys may be created and updated.
    pub writes: bool,
    /// Keys may be read.
    pub reads: bool,
    /// The versions of a key may be read.
    pub metadata: bool,
    /// The versions of all keys may be listed in one call, where the server offers it.
    pub list_metadata: bool,
    /// Versions may be deleted so that they can be brought back.
    pub soft_deletes: bool,
    /// Versions may be lost: destroyed, or whatever is the latest one deleted.
    pub destroys: bool,
    /// Secrets beside ours may be written.
    pub elsewhere: bool,
    /// Capabilities of an administrator.
    pub sudo: bool,
}

impl Capabilities {
    /// Asks for the capabilities of a token.
    ///
    /// # Errors
    /// Those of Vault.
    pub async fn of(
        vault: &impl Credentials,
        token: &SecretString,
        config: &VaultConfig,
    ) -> Result<Self, Error> {
        let VaultConfig {
            mount, path_prefix, ..
        } = config;
        let path = |kind: &str| format!("{mount}/{kind}/{path_prefix}/{SOMEBODY}");
        let [data, metadata, delete, destroy] = ["data", "metadata", "delete", "destroy"].map(path);
        // A LIST is checked with a slash at its end.
        let list_metadata = format!("{mount}/detailed-metadata/{path_prefix}/");
        // Caught by a rule that forgot the slash before its star, as by any that is wider.
        let beside = format!("{mount}/data/{path_prefix}-{SOMEBODY}/{SOMEBODY}");
        let paths =
            [&data, &metadata, &delete, &destroy, &list_metadata, &beside].map(Clone::clone);
        let answer = vault.capabilities(token, &paths).await?;
        let may = |path: &str, right: &str| allows(&answer, path, right);
        Ok(Self {
            writes: may(&data, "create") && may(&data, "update"),
            reads: may(&data, "read"),
            metadata: may(&metadata, "read"),
            list_metadata: may(&list_metadata, "list"),
            soft_deletes: may(&delete, "update"),
            destroys: may(&destroy, "update")
                || may(&data, "delete")
                || ["create", "update", "patch", "delete"]
                    .iter()
                    .any(|right| may(&metadata, right)),
            elsewhere: ["create", "update", "patch", "delete"]
                .iter()
                .any(|right| may(&beside, right)),
            sudo: paths.iter().any(|path| may(path, "sudo")),
        })
    }

    /// What is wrong with these capabilities under this configuration.
    pub fn issues(self, config: &Config) -> Vec<TokenIssue> {
        let basic = config.bucket.is_none();
        let deletes = config.on_user_deleted == OnUserDeleted::SoftDelete;
        [
            (!self.writes, TokenIssue::CannotWrite),
            (basic && !self.reads, TokenIssue::CannotRead),
            (!basic && self.reads, TokenIssue::ReadsKeys),
            (!self.metadata, TokenIssue::MetadataHidden),
            (deletes && !self.soft_deletes, TokenIssue::CannotDelete),
            (self.elsewhere, TokenIssue::WritesElsewhere),
            (self.destroys, TokenIssue::Destroys),
            (self.sudo, TokenIssue::Sudo),
        ]
        .into_iter()
        .filter_map(|(is_so, issue)| is_so.then_some(issue))
        .collect()
    }
}

fn allows(answer: &HashMap<String, Vec<String>>, path: &str, right: &str) -> bool {
    answer
        .get(path)
        .is_some_and(|capabilities| capabilities.iter().any(|has| has == right || has == "root"))
}
