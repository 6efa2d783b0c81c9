//! One check per kind of variable. Problems are collected, so that all are reported together.

use std::collections::BTreeSet;

use reqwest::Certificate;

use super::{BucketConfig, OnUserDeleted};
use crate::error::{Error, Problem};
use crate::keys::{ParameterNaming, UserName};

/// Reads variables and collects the problems.
pub(super) struct Reader<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            source,
            problems: Vec::new(),
        }
    }

    /// Returns `config`, or an error with all problems.
    pub(super) fn finish<T>(self, config: T) -> Result<T, Error> {
        if self.problems.is_empty() {
            Ok(config)
        } else {
            Err(Error::BadConfiguration(self.problems))
        }
    }

    pub(super) fn problem(&mut self, variable: &'static str, problem: impl Into<String>) {
        self.problems.push(Problem {
            variable,
            problem: problem.into(),
        });
    }

    fn require(&mut self, valid: bool, variable: &'static str, problem: &str) {
        if !valid {
            self.problem(variable, problem);
        }
    }

    pub(super) fn text(&self, variable: &str) -> Option<String> {
        (self.source)(variable)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn text_or(&self, variable: &str, default: &str) -> String {
        self.text(variable).unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn number(
        &mut self,
        variable: &'static str,
        default: u32,
        allowed: std::ops::RangeInclusive<u32>,
    ) -> u32 {
        match self.text(variable).map(|value| value.parse()) {
            None => default,
            Some(Ok(number)) if allowed.contains(&number) => number,
            Some(_) => {
                let (min, max) = allowed.into_inner();
                self.problem(
                    variable,
                    format!("is not a valid number; expected a whole number from {min} to {max}"),
                );
                default
            }
        }
    }

    /// Reads the name of a bucket, or the ARN of an access point.
    pub(super) fn bucket_name(&mut self) -> Option<String> {
        let name = self.text("S3_BUCKET_NAME")?;
        let valid = (!name.contains(['/', ':']) || name.starts_with("arn:"))
            && !name.contains(char::is_whitespace);
        let problem =
            "is not the name of a bucket; expected a name such as my-bucket, without s3://";
        self.require(valid, "S3_BUCKET_NAME", problem);
        Some(name)
    }

    /// Returns a value that is sent unchanged in an HTTP header.
    pub(super) fn header(&mut self, variable: &'static str, value: String) -> Option<String> {
        let valid = value.bytes().all(|byte| byte.is_ascii_graphic());
        self.require(
            valid,
            variable,
            "contains a character that cannot be sent in an HTTP header; expected visible ASCII \
             characters without spaces",
        );
        valid.then_some(value)
    }

    /// Reads the namespace, without slashes at its ends.
    pub(super) fn namespace(&mut self) -> Option<String> {
        let value = self.text("VAULT_NAMESPACE")?;
        let value = value.trim_matches('/').to_owned();
        self.header("VAULT_NAMESPACE", value)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn ca_certificates(&mut self) -> Option<Vec<Certificate>> {
        let (variable, pem) = match (self.text("VAULT_CACERT_BYTES"), self.text("VAULT_CACERT")) {
            (Some(pem), _) => ("VAULT_CACERT_BYTES", pem.into_bytes()),
            (None, Some(path)) => match std::fs::read(&path) {
                Ok(pem) => ("VAULT_CACERT", pem),
                Err(error) => {
                    let problem =
                        format!("cannot be read ({error}); expected a file of PEM certificates");
                    self.problem("VAULT_CACERT", problem);
                    return None;
                }
            },
            (None, None) => return None,
        };
        let ca_certificates = Certificate::from_pem_bundle(&pem)
            .ok()
            .filter(|ca_certificates| !ca_certificates.is_empty());
        let problem = "contains no certificate; expected PEM text with -----BEGIN CERTIFICATE-----";
        self.require(ca_certificates.is_some(), variable, problem);
        ca_certificates
    }

    /// Reads a mount or path in Vault, without slashes at its ends.
    pub(super) fn path(&mut self, variable: &'static str, default: &str) -> String {
        let value = self.text_or(variable, default).trim_matches('/').to_owned();
        let plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let problem =
            "is not a Vault path; expected segments of A-Z a-z 0-9 - _ . between single slashes";
        self.require(value.split('/').all(plain), variable, problem);
        value
    }

    pub(super) fn naming(&mut self) -> ParameterNaming {
        let prefix = self.text_or("SSM_PARAMETER_PREFIX", "/iam_users/");
        let suffix = self.text_or("SSM_PARAMETER_SUFFIX", "_keys");
        let legal = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-_/".contains(c))
        };
        let valid = prefix.starts_with('/')
            && prefix.ends_with('/')
            && prefix.len() >= 3
            && !prefix.contains("//")
            && legal(&prefix);
        let problem = "is not a path with a slash at both ends, such as /iam_users/";
        self.require(valid, "SSM_PARAMETER_PREFIX", problem);
        let valid = !suffix.contains('/') && legal(&suffix);
        let problem = "is not a suffix of A-Z a-z 0-9 . - _, such as _keys";
        self.require(valid, "SSM_PARAMETER_SUFFIX", problem);
        ParameterNaming { prefix, suffix }
    }

    /// Reads the prefix of a group of objects.
    pub(super) fn object_prefix(&mut self, variable: &'static str, default: &str) -> String {
        let prefix = self.text_or(variable, default);
        let valid = prefix.ends_with('/') && !prefix.starts_with('/');
        let problem = "is not a prefix with a slash at its end only, such as sync-state/";
        self.require(valid, variable, problem);
        prefix
    }

    /// Reads the objects of the bucket. The token must not overwrite a state.
    pub(super) fn objects(&mut self, name: String) -> BucketConfig {
        let bucket = BucketConfig {
            name,
            token_key: self.text_or("VAULT_TOKEN_S3_KEY", "vault-token.json"),
            state_prefix: self.object_prefix("SYNC_STATE_S3_PREFIX", "sync-state/"),
            legacy_key: self.text_or("SYNC_STATE_S3_KEY", "sync-state.json"),
        };
        let apart = !bucket.token_key.starts_with(&bucket.state_prefix)
            && bucket.token_key != bucket.legacy_key;
        let problem = "names an object of the state, expected a key that is not below SYNC_STATE_S3_PREFIX and is not SYNC_STATE_S3_KEY";
        self.require(apart, "VAULT_TOKEN_S3_KEY", problem);
        bucket
    }

    pub(super) fn users(&mut self) -> Option<Vec<UserName>> {
        let list = self.text("IAM_USER_LIST")?;
        let names = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(UserName::parse);
        match names.collect::<Result<BTreeSet<_>, _>>() {
            Ok(users) if users.is_empty() => None,
            Ok(users) => Some(users.into_iter().collect()),
            Err(error) => {
                let problem = format!("is not a comma-separated list of user names: {error}");
                self.problem("IAM_USER_LIST", problem);
                None
            }
        }
    }

    pub(super) fn on_user_deleted(&mut self) -> OnUserDeleted {
        match self.text_or("ON_USER_DELETED", "retain").as_str() {
            "retain" => OnUserDeleted::Retain,
            "soft-delete" => OnUserDeleted::SoftDelete,
            _ => {
                self.problem(
                    "ON_USER_DELETED",
                    "is not a known action; expected retain or soft-delete",
                );
                OnUserDeleted::Retain
            }
        }
    }

    pub(super) fn log_level(&mut self) -> tracing::Level {
        let variable = if self.text("LOG_LEVEL").is_some() {
            "LOG_LEVEL"
        } else {
            "AWS_LAMBDA_LOG_LEVEL"
        };
        if let Some(level) = super::log_level(self.source) {
            level
        } else {
            self.problem(
                variable,
                "is not a log level; expected trace, debug, info, warn or error",
            );
            tracing::Level::INFO
        }
    }
}
