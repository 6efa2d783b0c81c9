//! One check per kind of variable. Problems are collected, so that all are reported together.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

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

    /// Returns whether a problem of this variable was found.
    pub(super) fn has_problem(&self, variable: &str) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.variable == variable)
    }

    fn require(&mut self, valid: bool, variable: &'static str, problem: &str) {
        if !valid {
            self.problem(variable, problem);
        }
    }

    /// Returns the value without surrounding white space; `None` if it is empty.
    pub(super) fn text(&mut self, variable: &'static str) -> Option<String> {
        let value = (self.source)(variable)?;
        if value.contains(char::REPLACEMENT_CHARACTER) {
            if !self.has_problem(variable) {
                self.problem(variable, "is not UTF-8 text");
            }
            return None;
        }
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn text_or(&mut self, variable: &'static str, default: &str) -> String {
        self.text(variable).unwrap_or_else(|| default.to_owned())
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&mut self, variable: &'static str) -> Option<bool> {
        let value = self.text(variable)?.to_ascii_lowercase();
        let flag = value.parse().ok();
        self.require(flag.is_some(), variable, "is neither true nor false");
        flag
    }

    pub(super) fn number(
        &mut self,
        variable: &'static str,
        default: u32,
        allowed: RangeInclusive<u32>,
    ) -> u32 {
        self.limit(variable, allowed).unwrap_or(default)
    }

    /// Reads a number without a default.
    pub(super) fn limit(
        &mut self,
        variable: &'static str,
        allowed: RangeInclusive<u32>,
    ) -> Option<u32> {
        let number = self.text(variable)?.parse().ok();
        let number = number.filter(|number| allowed.contains(number));
        let (min, max) = allowed.into_inner();
        let problem = format!("is not a valid number; expected a whole number from {min} to {max}");
        self.require(number.is_some(), variable, &problem);
        number
    }

    /// Reads the name of a bucket, or the ARN of an access point.
    pub(super) fn bucket_name(&mut self) -> Option<String> {
        let name = self.text("S3_BUCKET_NAME")?;
        let is_access_point = name.starts_with("arn:") && name.contains(":accesspoint");
        let valid = is_access_point && name.chars().all(|c| c.is_ascii_graphic())
            || is_resource_name(&name);
        let problem = "is not the name of a bucket; expected a name such as my-bucket, without s3://, or the ARN of an access point";
        self.require(valid, "S3_BUCKET_NAME", problem);
        Some(name)
    }

    /// Reads the DynamoDB table of the roster; `-` switches it off.
    pub(super) fn roster_table(&mut self) -> Option<String> {
        let table = self.text_or("IAM_USER_TABLE", "BCGOV_IAM_USER_TABLE");
        if table == "-" {
            return None;
        }
        let arn = table
            .strip_prefix("arn:")
            .and_then(|arn| arn.split_once(":table/"));
        let valid = is_resource_name(arn.map_or(table.as_str(), |(_, name)| name));
        let problem = "is not the name or ARN of a DynamoDB table; expected 1 to 255 characters A-Z a-z 0-9 . - _, or - to switch the roster off";
        self.require(valid, "IAM_USER_TABLE", problem);
        Some(table)
    }

    /// Reads the key of an object.
    fn object_key(&mut self, variable: &'static str, default: &str) -> String {
        let key = self.text_or(variable, default);
        let problem = "is not the key of an object; expected one such as vault-token.json, without a bucket and without a slash at its ends";
        let ends = key.starts_with('/') || key.ends_with('/');
        self.require(is_object_key(&key) && !ends, variable, problem);
        key
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
        let valid = is_object_key(&prefix) && prefix.ends_with('/') && !prefix.starts_with('/');
        let problem = "is not a prefix with a slash at its end only, such as sync-state/";
        self.require(valid, variable, problem);
        prefix
    }

    /// Reads the objects of the bucket. The token must not overwrite a state.
    pub(super) fn objects(&mut self, name: String) -> BucketConfig {
        let bucket = BucketConfig {
            name,
            token_key: self.object_key("VAULT_TOKEN_S3_KEY", "vault-token.json"),
            state_prefix: self.object_prefix("SYNC_STATE_S3_PREFIX", "sync-state/"),
            legacy_key: self.object_key("SYNC_STATE_S3_KEY", "sync-state.json"),
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
            Ok(users) if users.is_empty() => {
                let problem = "names no user; expected user names separated by commas, or no value for all users";
                self.problem("IAM_USER_LIST", problem);
                None
            }
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

/// Returns whether a text can be the name of a bucket or of a table.
fn is_resource_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (1..=255).contains(&text.len()) && text.chars().all(legal)
}

/// Returns whether a text can be the key of an object, or its beginning.
fn is_object_key(text: &str) -> bool {
    text.len() <= 1024 && !text.contains("://") && !text.chars().any(char::is_control)
}
