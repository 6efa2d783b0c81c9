//! The configuration, read from the environment once: every variable, every default, every check.
//!
//! All problems are reported together, each with its variable; a secret's value never is. The source of the variables
//! is given, so tests never touch the process's environment.

mod reader;

use reqwest::{Certificate, Url};
use secrecy::SecretString;

use crate::error::Error;
use crate::keys::{ParameterNaming, UserName, VaultPath};

/// What is configured.
#[derive(Debug)]
pub struct Config {
    /// Vault, and where keys go in it.
    pub vault: VaultConfig,
    /// State and token in S3 (enhanced mode); `None` is the stateless basic mode.
    pub bucket: Option<BucketConfig>,
    /// How parameters are named.
    pub naming: ParameterNaming,
    /// The DynamoDB table of the roster, if there is one to ask.
    pub roster_table: Option<String>,
    /// What becomes of the key of a deleted user.
    pub on_user_deleted: OnUserDeleted,
    /// The token is renewed when less than this many hours are left.
    pub token_refresh_threshold_hours: u32,
    /// The only users that a sweep looks at, if given.
    pub users: Option<Vec<UserName>>,
    /// A sweep that completed less than this many hours ago is not repeated.
    pub sync_interval_hours: u32,
    /// How many calls a second a sweep may make to SSM.
    pub ssm_calls_per_second: u32,
    /// How many users are worked on at a time.
    pub concurrency: usize,
    /// The AWS Region, where the environment tells it.
    pub region: Option<String>,
    /// How much is logged.
    pub log_level: tracing::Level,
}

/// Vault, and where keys go in it.
#[derive(Debug)]
pub struct VaultConfig {
    /// The server, without a path.
    pub address: Url,
    /// The namespace (HashiCorp Vault Enterprise, OpenBao).
    pub namespace: Option<String>,
    /// The only authorities to trust, if given; else the system's.
    pub authorities: Option<Vec<Certificate>>,
    /// The mount of the KV version 2 engine.
    pub mount: String,
    /// The path below the mount under which each user has a secret.
    pub path_prefix: String,
    /// A fixed token; without it the token object in S3 is used.
    pub token: Option<SecretString>,
}

impl VaultConfig {
    /// Where a user's key belongs.
    pub fn path_of(&self, user: &UserName) -> VaultPath {
        VaultPath {
            mount: self.mount.clone(),
            path: format!("{}/{user}", self.path_prefix),
        }
    }
}

/// The bucket, and the names of the objects in it.
#[derive(Debug)]
pub struct BucketConfig {
    /// The bucket.
    pub name: String,
    /// The token object.
    pub token_key: String,
    /// What stands before the keys of our state objects.
    pub state_prefix: String,
    /// The legacy's state, read as a fallback and never written.
    pub legacy_key: String,
}

/// What becomes of the key of a deleted user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUserDeleted {
    /// Vault keeps it.
    Retain,
    /// Vault's latest version is deleted, recoverable.
    SoftDelete,
}

impl Config {
    /// Reads the configuration; `source` gives a variable's value. An empty value counts as none.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] with every problem.
    pub fn read(source: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut read = reader::Reader::new(&source);
        let token = read.text("VAULT_TOKEN");
        let bucket = read.bucket_name();
        if token.is_none() && bucket.is_none() {
            read.problem("S3_BUCKET_NAME", "is not set, and neither is VAULT_TOKEN; expected the bucket that holds the Vault token (enhanced mode) or the token itself (basic mode)");
        }
        let vault = VaultConfig {
            address: read.address(),
            namespace: read
                .text("VAULT_NAMESPACE")
                .and_then(|value| read.header("VAULT_NAMESPACE", value)),
            authorities: read.authorities(),
            mount: read.path("VAULT_MOUNT", "secret"),
            path_prefix: read.path("VAULT_PATH_PREFIX", "aws/iam-keys"),
            token: token
                .and_then(|value| read.header("VAULT_TOKEN", value))
                .map(SecretString::from),
        };
        let bucket = bucket.map(|name| BucketConfig {
            name,
            token_key: read.text_or("VAULT_TOKEN_S3_KEY", "vault-token.json"),
            state_prefix: read.object_prefix("SYNC_STATE_S3_PREFIX", "sync-state/"),
            legacy_key: read.text_or("SYNC_STATE_S3_KEY", "sync-state.json"),
        });
        let config = Self {
            vault,
            bucket,
            naming: read.naming(),
            roster_table: Some(read.text_or("IAM_USER_TABLE", "BCGOV_IAM_USER_TABLE"))
                .filter(|table| table != "-"),
            on_user_deleted: read.on_user_deleted(),
            token_refresh_threshold_hours: read.number(
                "TOKEN_REFRESH_THRESHOLD_HOURS",
                24,
                1..=8760,
            ),
            users: read.users(),
            sync_interval_hours: read.number("SYNC_INTERVAL_HOURS", 24, 1..=8760),
            ssm_calls_per_second: read.number("SSM_MAX_CALLS_PER_SECOND", 10, 1..=1000),
            concurrency: read.number("SYNC_CONCURRENCY", 16, 1..=256) as usize,
            region: read
                .text("AWS_REGION")
                .or_else(|| read.text("AWS_DEFAULT_REGION")),
            log_level: read.log_level(),
        };
        read.finish(config)
    }
}

/// How much is to be logged: `LOG_LEVEL`, else `AWS_LAMBDA_LOG_LEVEL`, else `info`; `None` where that is no level.
/// Apart from [`Config::read`] because the log must stand before the configuration's problems are told.
pub fn log_level(source: impl Fn(&str) -> Option<String>) -> Option<tracing::Level> {
    let value = ["LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"]
        .into_iter()
        .find_map(|name| source(name).filter(|v| !v.trim().is_empty()));
    match value
        .as_deref()
        .map(|value| value.trim().to_ascii_lowercase())
        .as_deref()
    {
        None => Some(tracing::Level::INFO),
        // Lambda's own word for the highest level.
        Some("fatal") => Some(tracing::Level::ERROR),
        Some(level @ ("trace" | "debug" | "info" | "warn" | "error")) => level.parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
