//! One check per kind of variable. Problems are collected, so that all are reported together.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::OnUserDeleted;
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

    pub(super) fn require(&mut self, valid: bool, variable: &'static str, problem: &str) {
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
