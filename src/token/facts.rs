//! What a token is, apart from itself: facts to show, and the issues that speak against using it. Pure.

use jiff::Timestamp;

use super::lifetime::Warning;
use super::{Lifetime, TokenStatus, TokenView};

/// What Vault says of a token.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Whether it is a batch token, which nothing can prolong.
    pub batch: bool,
    /// Whether it dies after so many uses.
    pub use_limited: bool,
    /// Whether it outlives the token that it was made with.
    pub orphan: bool,
    /// The names of its policies.
    pub policies: Vec<String>,
}

/// What speaks against a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenIssue {
    /// It may do everything.
    #[error("it is a root token, which may do everything in Vault")]
    Root,
    /// It would soon be used up.
    #[error("it dies after a number of uses")]
    UseLimited,
    /// The service could not do its work with it.
    #[error("its policies do not let it both create and update keys below the prefix")]
    CannotWrite,
    /// Nothing can prolong it.
    #[error("it is a batch token, which cannot be renewed")]
    Batch,
    /// Its life is too short for this service.
    #[error("{0}")]
    Lifetime(Warning),
    /// Whoever made it can take it along.
    #[error("it is no orphan, so it dies with the token that it was made with")]
    Child,
    /// In basic mode there is nothing else to compare with.
    #[error("it may not read keys, so that without a bucket every sync writes a new version")]
    CannotRead,
    /// It could give keys away.
    #[error("it may read keys, which the service has no need of")]
    ReadsKeys,
    /// Drift is not seen.
    #[error(
        "it may not read the metadata of keys, so that drift in Vault is neither seen nor repaired"
    )]
    MetadataHidden,
    /// A removed user's key would stay.
    #[error("it may not soft-delete keys, which ON_USER_DELETED=soft-delete asks for")]
    CannotDelete,
    /// It could harm others.
    #[error("it may write beside the prefix, where other applications' secrets are")]
    WritesElsewhere,
    /// It could lose keys for good.
    #[error("it may destroy keys or their metadata for good")]
    Destroys,
    /// It may do what is kept for administrators.
    #[error("it has sudo")]
    Sudo,
    /// Nobody can tell what it may do.
    #[error("Vault does not let it ask for its own capabilities, so they were not checked")]
    CapabilitiesUnknown,
}

impl TokenIssue {
    /// Whether such a token must not be used at all.
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::Root | Self::UseLimited | Self::CannotWrite)
    }

    /// What is wrong, and what to do.
    pub fn advice(self) -> String {
        match self {
            Self::Lifetime(warning) => warning.to_string(),
            issue => format!("{issue}: {}", issue.remedy()),
        }
    }

    /// What to do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Root => "use a token of the policy in infra/vault instead, and revoke this one",
            Self::UseLimited => "make it without -use-limit",
            Self::CannotWrite => {
                "allow create and update on <mount>/data/<prefix>/*, and check VAULT_MOUNT and VAULT_PATH_PREFIX"
            }
            Self::Batch | Self::Lifetime(_) => "make a periodic one, as docs/vault.md says",
            Self::Child => "make it with -orphan, or through a token role with orphan=true",
            Self::CannotRead => "set S3_BUCKET_NAME, or allow read on <mount>/data/<prefix>/*",
            Self::ReadsKeys => "take read on <mount>/data/<prefix>/* away",
            Self::MetadataHidden => "allow read on <mount>/metadata/<prefix>/*",
            Self::CannotDelete => "allow update on <mount>/delete/<prefix>/*",
            Self::WritesElsewhere => "narrow its policies to <mount>/data/<prefix>/*",
            Self::Destroys => {
                "take <mount>/destroy/<prefix>/* away, delete on <mount>/data/<prefix>/*, and update and delete on <mount>/metadata/<prefix>/*"
            }
            Self::Sudo => "take sudo away",
            Self::CapabilitiesUnknown => {
                "allow update on sys/capabilities-self, as the policy default does"
            }
        }
    }
}

impl TokenFacts {
    /// What is wrong with the token, its capabilities apart.
    pub fn issues(&self, now: Timestamp) -> Vec<TokenIssue> {
        if self.policies.iter().any(|policy| policy == "root") {
            return vec![TokenIssue::Root];
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

    /// What to show of it, with these warnings.
    pub fn view(self, now: Timestamp, warnings: Vec<String>) -> TokenView {
        TokenView {
            kind: if self.batch { "batch" } else { "service" },
            orphan: self.orphan,
            policies: self.policies,
            created_at: self.lifetime.created_at,
            status: TokenStatus::of(&self.lifetime, now, warnings),
        }
    }
}
