//! The configuration: every environment variable with its default and its check.
//!
//! All problems are reported together, each with its variable and never with a secret's value. The
//! source of the variables is an argument, so tests do not touch the process environment.

mod authorities;
mod aws;
mod login;
mod reader;
mod resources;
mod urls;

use std::path::PathBuf;

use reqwest::Url;
use secrecy::SecretString;

use crate::error::Error;
use crate::keys::{ParameterNaming, SecretLocation, UserName, VaultPath};

pub use authorities::Authorities;
pub use aws::{AwsConfig, AwsCredentials, Endpoints};
#[cfg(feature = "cli")]
pub use aws::{NO_REGION, is_region};
pub use login::AwsLogin;
#[cfg(feature = "cli")]
pub use urls::aws_endpoint;

/// The configuration.
#[derive(Debug)]
pub struct Config {
    /// The Vault server and the paths of the keys.
    pub vault: VaultConfig,
    /// The bucket of state and token (enhanced mode); `None` in the stateless basic mode.
    pub bucket: Option<BucketConfig>,
    /// The naming of parameters.
    pub naming: ParameterNaming,
    /// The DynamoDB table of the roster; `None` if it is switched off.
    pub roster_table: Option<String>,
    /// What to do with the key of a deleted user.
    pub on_user_deleted: OnUserDeleted,
    /// The remaining hours below which the token is renewed.
    pub token_refresh_threshold_hours: u32,
    /// The only users to reconcile, if given.
    pub users: Option<Vec<UserName>>,
    /// The hours that must pass after a complete reconcile run before the next one.
    pub sync_interval_hours: u32,
    /// The limit of SSM calls per second of a reconcile run.
    pub ssm_calls_per_second: u32,
    /// The file of the targets document; without it, the object of the bucket is used.
    pub targets_file: Option<PathBuf>,
    /// The limit of Vault calls per second, if there is one.
    pub vault_calls_per_second: Option<u32>,
    /// The number of users processed concurrently.
    pub concurrency: usize,
    /// The AWS Region, if the environment or the AWS profile names one.
    pub region: Option<String>,
    /// How AWS is reached.
    pub aws: AwsConfig,
    /// The log level.
    pub log_level: tracing::Level,
}

/// The Vault server and the paths of the keys.
#[derive(Debug)]
pub struct VaultConfig {
    /// The server's address, without a path.
    pub address: Url,
    /// The namespace (HashiCorp Vault Enterprise, OpenBao).
    pub namespace: Option<String>,
    /// The only trusted authorities, if given; otherwise those of the system are trusted.
    pub authorities: Option<Authorities>,
    /// The mount of the KV version 2 engine.
    pub mount: String,
    /// The path below the mount under which each user has a secret.
    pub path_prefix: String,
    /// A given token; without it the token object in S3 is used.
    pub token: Option<SecretString>,
    /// The login with the AWS identity, in place of any other token.
    pub login: Option<AwsLogin>,
}

impl VaultConfig {
    /// Returns the server's address without a slash at the end.
    pub fn address_text(&self) -> &str {
        self.address.as_str().trim_end_matches('/')
    }

    /// Returns the folder of all keys, with the server and the namespace.
    pub fn folder(&self) -> String {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        let address = self.address_text();
        let parts = [address, namespace, &self.mount, &self.path_prefix];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("/")
    }

    /// Returns the location of a user's key without a targets document.
    pub fn location_of(&self, user: &UserName) -> SecretLocation {
        SecretLocation {
            address: self.address_text().to_owned(),
            path: VaultPath {
                namespace: self.namespace.clone(),
                mount: self.mount.clone(),
                path: format!("{}/{user}", self.path_prefix),
            },
        }
    }
}

/// The bucket and the names of its objects.
#[derive(Debug)]
pub struct BucketConfig {
    /// The bucket's name, or the ARN of an access point.
    pub name: String,
    /// The key of the token object.
    pub token_key: String,
    /// The prefix of our state objects.
    pub state_prefix: String,
    /// The key of the targets document.
    pub targets_key: String,
    /// The key of the legacy state, which is read as a fallback and never written.
    pub legacy_key: String,
}

/// What a targets document refers to and inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetDefaults {
    /// The naming of parameters.
    pub naming: ParameterNaming,
    /// The namespace of targets without one.
    pub namespace: Option<String>,
}

impl TargetDefaults {
    /// Returns those of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            naming: config.naming.clone(),
            namespace: config.vault.namespace.clone(),
        }
    }

    /// Reads these variables only, to check a document without the rest of a configuration.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] with all problems.
    pub fn read(source: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut read = reader::Reader::new(&source);
        let defaults = Self {
            naming: read.naming(),
            namespace: read.namespace(),
        };
        read.finish(defaults)
    }
}

/// What to do with the key of a deleted user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUserDeleted {
    /// Keep it in Vault.
    Retain,
    /// Delete the latest version in Vault so that it can be restored.
    SoftDelete,
}

impl Config {
    /// Reads the configuration. `source` returns a variable's value; white space around it is
    /// ignored, and an empty value counts as unset.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] with all problems.
    pub fn read(source: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut read = reader::Reader::new(&source);
        let (token, login) = (read.text("VAULT_TOKEN"), read.login());
        let bucket = read.bucket_name();
        if token.is_none() && bucket.is_none() && !read.logs_in() {
            read.problem("S3_BUCKET_NAME", "is not set, and neither is VAULT_TOKEN; expected the bucket that holds the Vault token (enhanced mode) or the token itself (basic mode)");
        }
        let host_authorities = read.host_authorities();
        let vault = VaultConfig {
            address: read.address(),
            namespace: read.namespace(),
            authorities: read
                .authorities(Some("VAULT_CACERT_BYTES"), "VAULT_CACERT")
                .or_else(|| host_authorities.clone()),
            mount: read.path("VAULT_MOUNT", "secret"),
            path_prefix: read.path("VAULT_PATH_PREFIX", "aws/iam-keys"),
            token: token
                .and_then(|value| read.header("VAULT_TOKEN", value))
                .map(SecretString::from),
            login,
        };
        let bucket = bucket.map(|name| read.objects(name));
        let config = Self {
            vault,
            bucket,
            naming: read.naming(),
            roster_table: read.roster_table(),
            on_user_deleted: read.on_user_deleted(),
            token_refresh_threshold_hours: read.number(
                "TOKEN_REFRESH_THRESHOLD_HOURS",
                24,
                1..=8760,
            ),
            targets_file: read.text("TARGETS_FILE").map(PathBuf::from),
            users: read.users(),
            sync_interval_hours: read.number("SYNC_INTERVAL_HOURS", 24, 1..=8760),
            ssm_calls_per_second: read.number("SSM_MAX_CALLS_PER_SECOND", 10, 1..=1000),
            vault_calls_per_second: read.limit("VAULT_MAX_CALLS_PER_SECOND", 1..=1000),
            concurrency: read.number("SYNC_CONCURRENCY", 16, 1..=256) as usize,
            region: read.region(),
            aws: read.aws(host_authorities.as_ref()),
            log_level: read.log_level(),
        };
        read.finish(config)
    }
}

/// Returns the log level: `LOG_LEVEL`, else `AWS_LAMBDA_LOG_LEVEL`, else `info`. Returns `None` if
/// the value is not a level.
///
/// It is separate from [`Config::read`], because logging starts before configuration problems are
/// reported.
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
        // Lambda's name for the highest level.
        Some("fatal") => Some(tracing::Level::ERROR),
        Some(level @ ("trace" | "debug" | "info" | "warn" | "error")) => level.parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
