//! What Vault reports about a token, and the issues that speak against using it. Pure.

use jiff::Timestamp;

use super::lifetime::Warning;
use super::{Lifetime, TokenStatus, TokenView};

/// The properties of a token as Vault reports them.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each property is independent of the others"
)]
pub struct TokenFacts {
    /// The token's lifetime.
    pub lifetime: Lifetime,
    /// True for a batch token, which cannot be renewed.
    pub batch: bool,
    /// True if the token expires after a number of uses.
    pub use_limited: bool,
    /// True if the token stays valid when its parent token is revoked.
    pub orphan: bool,
    /// The names of its policies.
    pub policies: Vec<String>,
    /// Its namespace; `None` for the root namespace.
    pub namespace: Option<String>,
    /// True if its namespace is neither the configured one nor above it.
    pub is_of_other_namespace: bool,
    /// The client addresses that it is bound to; empty for any.
    pub bound_cidrs: Vec<String>,
}

/// A reason not to use a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenIssue {
    /// The token has all capabilities.
    #[error("it is a root token, which has all capabilities in Vault")]
    Root,
    /// The token has no capability in the configured namespace.
    #[error("it belongs to another namespace than VAULT_NAMESPACE")]
    OtherNamespace,
    /// The token expires after a few calls.
    #[error("it expires after a limited number of uses")]
    UseLimited,
    /// The service cannot write keys with the token.
    #[error("its policies do not allow writing keys: create and update, and patch to merge fields")]
    CannotWrite,
    /// The token cannot be renewed.
    #[error("it is a batch token, which cannot be renewed")]
    Batch,
    /// The token's lifetime is unsuitable.
    #[error("{0}")]
    Lifetime(Warning),
    /// The token is revoked together with its parent.
    #[error("it is not an orphan, so it is revoked together with its parent token")]
    Child,
    /// Basic mode compares keys and cannot read them.
    #[error("it may not read keys; without a bucket every sync then writes a new version")]
    CannotRead,
    /// The token can disclose keys.
    #[error("it may read keys, which the service does not need")]
    ReadsKeys,
    /// Drift is not detected.
    #[error(
        "it may not read the metadata of keys, so drift in Vault is neither detected nor repaired"
    )]
    MetadataHidden,
    /// Secrets get no mark.
    #[error(
        "it may not mark secrets with the version of the parameter, which people and tools read"
    )]
    CannotMark,
    /// The key of a deleted user would stay.
    #[error("it may not soft-delete keys, which ON_USER_DELETED=soft-delete requires")]
    CannotDelete,
    /// The token can change secrets of other applications.
    #[error("it may write outside the prefix, where other applications keep secrets")]
    WritesElsewhere,
    /// The token can destroy keys permanently.
    #[error("it may permanently destroy keys or their metadata")]
    Destroys,
    /// The token has capabilities reserved for administrators.
    #[error("it has the sudo capability")]
    Sudo,
    /// The token's capabilities cannot be read.
    #[error("it may not read its own capabilities, so they were not checked")]
    CapabilitiesUnknown,
}

impl TokenIssue {
    /// Returns true if a token with this issue must not be used.
    pub fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::Root | Self::OtherNamespace | Self::UseLimited | Self::CannotWrite
        )
    }

    /// Returns true if the token's capabilities do not matter with this issue.
    pub fn is_about_identity(self) -> bool {
        matches!(self, Self::Root | Self::OtherNamespace)
    }

    /// Returns the issue and its remedy in one line.
    pub fn advice(self) -> String {
        match self {
            Self::Lifetime(warning) => warning.to_string(),
            issue => format!("{issue}: {}", issue.remedy()),
        }
    }

    /// Returns the remedy.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Root => {
                "store a token with the policy that `keysync policy vault` prints, and revoke this \
                 one"
            }
            Self::OtherNamespace => "set VAULT_NAMESPACE to the namespace that created it",
            Self::UseLimited => "create it without `-use-limit`",
            Self::CannotWrite => {
                "allow what `keysync policy vault` prints (with a targets document: \
                 `--targets FILE`), and check VAULT_NAMESPACE and the document, or VAULT_MOUNT and \
                 VAULT_PATH_PREFIX"
            }
            Self::Batch | Self::Lifetime(_) => {
                "create a periodic token as described in docs/vault.md"
            }
            Self::Child => "create it with -orphan, or through a token role with orphan=true",
            Self::CannotRead => "set S3_BUCKET_NAME, or allow read on <mount>/data/<path>",
            Self::ReadsKeys => "remove read on <mount>/data/<path>",
            Self::MetadataHidden => "allow read on <mount>/metadata/<path>",
            Self::CannotMark => {
                "allow patch on <mount>/metadata/<path>, or set \"metadata\": null in the targets \
                 document"
            }
            Self::CannotDelete => "allow update on <mount>/delete/<path>",
            Self::WritesElsewhere => "narrow its policies to <mount>/data/<prefix>/*",
            Self::Destroys => {
                "remove <mount>/destroy/<path>, delete on <mount>/data/<path>, and update and delete \
                 on <mount>/metadata/<path>"
            }
            Self::Sudo => "remove sudo",
            Self::CapabilitiesUnknown => {
                "allow update on sys/capabilities-self, as the default policy does"
            }
        }
    }
}

impl TokenFacts {
    /// Returns the issues, except those of the capabilities.
    pub fn issues(&self, now: Timestamp) -> Vec<TokenIssue> {
        if self.policies.iter().any(|policy| policy == "root") {
            return vec![TokenIssue::Root];
        }
        if self.is_of_other_namespace {
            return vec![TokenIssue::OtherNamespace];
        }
        let mut issues = self
            .lifetime
            .warnings(now)
            .into_iter()
            .map(TokenIssue::Lifetime)
            .collect::<Vec<_>>();
        issues.extend(self.use_limited.then_some(TokenIssue::UseLimited));
        issues.extend(self.batch.then_some(TokenIssue::Batch));
        issues.extend((!self.orphan).then_some(TokenIssue::Child));
        issues
    }

    /// Returns the issues of the token of a login, which may be a batch token, a child, and
    /// short-lived.
    pub fn issues_of_login(&self) -> Vec<TokenIssue> {
        if self.policies.iter().any(|policy| policy == "root") {
            return vec![TokenIssue::Root];
        }
        if self.is_of_other_namespace {
            return vec![TokenIssue::OtherNamespace];
        }
        let use_limited = self.use_limited.then_some(TokenIssue::UseLimited);
        use_limited.into_iter().collect()
    }

    /// Returns the public view of the token, with these warnings.
    pub fn view(self, now: Timestamp, warnings: Vec<String>) -> TokenView {
        TokenView {
            kind: if self.batch { "batch" } else { "service" },
            orphan: self.orphan,
            policies: self.policies,
            namespace: self.namespace,
            bound_cidrs: self.bound_cidrs,
            created_at: self.lifetime.created_at,
            status: TokenStatus::of(&self.lifetime, now, warnings),
        }
    }
}
