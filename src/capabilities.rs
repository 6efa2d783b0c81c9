//! The capabilities of a token, read from Vault for sample paths without using them.

use std::collections::HashMap;

use secrecy::SecretString;

use crate::backends::diagnostics::Credentials;
use crate::config::{Config, OnUserDeleted, VaultConfig};
use crate::error::Error;
use crate::token::TokenIssue;

/// A user name that stands for all users.
const SAMPLE_USER: &str = "keysync-doctor";

/// The capabilities that the service needs, or must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each capability is granted or not, independently of the others"
)]
pub struct Capabilities {
    /// The token may create and update keys.
    pub writes: bool,
    /// The token may read keys.
    pub reads: bool,
    /// The token may read the metadata of a key.
    pub metadata: bool,
    /// The token may list the metadata of all keys in one call, if the server offers it.
    pub list_metadata: bool,
    /// The token may delete versions so that they can be restored.
    pub soft_deletes: bool,
    /// The token may destroy versions or metadata, or delete the latest version whatever it is.
    pub destroys: bool,
    /// The token may write secrets outside the prefix.
    pub elsewhere: bool,
    /// The token has the sudo capability on one of the paths.
    pub sudo: bool,
}

impl Capabilities {
    /// Reads the capabilities of a token.
    ///
    /// # Errors
    /// The errors of Vault.
    pub async fn of(
        vault: &impl Credentials,
        token: &SecretString,
        config: &VaultConfig,
    ) -> Result<Self, Error> {
        let VaultConfig {
            mount, path_prefix, ..
        } = config;
        let path = |kind: &str| format!("{mount}/{kind}/{path_prefix}/{SAMPLE_USER}");
        let [data, metadata, delete, destroy] = ["data", "metadata", "delete", "destroy"].map(path);
        // Vault checks a LIST with a slash at the end of the path.
        let list_metadata = format!("{mount}/detailed-metadata/{path_prefix}/");
        // Matched by a rule without the slash before its star, and by any wider rule.
        let outside = format!("{mount}/data/{path_prefix}-{SAMPLE_USER}/{SAMPLE_USER}");
        let paths = [
            &data,
            &metadata,
            &delete,
            &destroy,
            &list_metadata,
            &outside,
        ]
        .map(Clone::clone);
        let answer = vault.capabilities(token, &paths).await?;
        let may = |path: &str, capability: &str| allows(&answer, path, capability);
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
                    .any(|capability| may(&metadata, capability)),
            elsewhere: ["create", "update", "patch", "delete"]
                .iter()
                .any(|capability| may(&outside, capability)),
            sudo: paths.iter().any(|path| may(path, "sudo")),
        })
    }

    /// Returns the issues of these capabilities under this configuration.
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
        .filter_map(|(applies, issue)| applies.then_some(issue))
        .collect()
    }
}

fn allows(answer: &HashMap<String, Vec<String>>, path: &str, capability: &str) -> bool {
    answer
        .get(path)
        .is_some_and(|granted| granted.iter().any(|it| it == capability || it == "root"))
}
