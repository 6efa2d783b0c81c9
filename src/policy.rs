//! The smallest permissions for a configuration, from `infra/shared`, where both stacks take them from too.
//!
//! Pure. Leaves out what only a deployment knows, such as the queue before the function.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Config, OnUserDeleted};

const VAULT: &str = include_str!("../infra/shared/vault-policy.json");
const IAM: &str = include_str!("../infra/shared/permissions.json");

/// A rule of a Vault policy.
#[derive(Debug, Deserialize)]
struct Rule {
    path: String,
    capabilities: Vec<String>,
    when: Option<String>,
    why: String,
}

/// A policy for the Vault token.
#[derive(Debug, Serialize)]
pub struct VaultPolicy {
    #[serde(skip)]
    mode: &'static str,
    /// What the token may do, by path, as Vault reads it in JSON.
    path: BTreeMap<String, Capabilities>,
    #[serde(skip)]
    why: Vec<(String, String)>,
}

#[derive(Debug, Default, Serialize)]
struct Capabilities {
    capabilities: Vec<String>,
}

impl VaultPolicy {
    /// The smallest for this configuration.
    pub fn of(config: &Config) -> Self {
        let rules: Vec<Rule> = serde_json::from_str(VAULT).expect("a test reads the same text");
        let mode = if config.bucket.is_some() {
            "enhanced"
        } else {
            "basic"
        };
        let deletes = config.on_user_deleted == OnUserDeleted::SoftDelete;
        let needed = |rule: &Rule| match rule.when.as_deref() {
            None => true,
            Some("soft-delete") => deletes,
            Some(when) => when == mode,
        };
        let mut policy = Self {
            mode,
            path: BTreeMap::new(),
            why: Vec::new(),
        };
        for rule in rules.into_iter().filter(needed) {
            let vault = &config.vault;
            let path = rule
                .path
                .replace("${Mount}", &vault.mount)
                .replace("${Prefix}", &vault.path_prefix);
            policy
                .path
                .entry(path.clone())
                .or_default()
                .capabilities
                .extend(rule.capabilities);
            policy.why.push((path, rule.why));
        }
        policy
    }

    /// The policy in HCL, each rule with its reason.
    pub fn to_hcl(&self) -> String {
        let rules = self.path.iter().map(|(path, rule)| {
            let why = self.why.iter().filter(|(of, _)| of == path);
            let why = why.map(|(_, why)| comment(why)).collect::<String>();
            let capabilities = rule
                .capabilities
                .iter()
                .map(|word| format!("{word:?}"))
                .collect::<Vec<_>>()
                .join(", ");
            format!("{why}path {path:?} {{\n  capabilities = [{capabilities}]\n}}\n")
        });
        let mode = format!("# For the {} mode of keysync.\n", self.mode);
        [mode]
            .into_iter()
            .chain(rules)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A comment of lines that fit a terminal.
fn comment(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split(' ') {
        let line = lines
            .last_mut()
            .expect("there is a first line, and lines are only added");
        if line.len() + 1 + word.len() > 80 {
            lines.push(format!("# {word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// A statement of `permissions.json`.
#[derive(Debug, Deserialize)]
struct Statement {
    sid: String,
    requires: Option<String>,
    effect: Option<String>,
    actions: Vec<String>,
    resources: Vec<String>,
    condition: Option<Value>,
}

/// An IAM policy as IAM reads it, and what it leaves out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IamPolicy {
    version: &'static str,
    statement: Vec<Allowed>,
    /// The statements that only a deployment can fill in, by their `Sid`.
    #[serde(skip)]
    pub left_out: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Allowed {
    sid: String,
    effect: String,
    action: Vec<String>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

impl IamPolicy {
    /// The smallest for this configuration, in this account, or in any; with this KMS key, if the bucket has one.
    pub fn of(config: &Config, account: Option<&str>, kms_key: Option<&str>) -> Self {
        let statements: Vec<Statement> =
            serde_json::from_str(IAM).expect("a test reads the same text");
        let mut left_out = Vec::new();
        let known = placeholders(config, account, kms_key);
        let fill = |text: &str| {
            let fill = |text: String, (name, value): &(&str, String)| {
                text.replace(&format!("${{{name}}}"), value)
            };
            known.iter().fold(text.to_owned(), fill)
        };
        let statement = statements.into_iter().filter_map(|statement| {
            let Statement {
                sid,
                requires,
                effect,
                actions,
                resources,
                condition,
            } = statement;
            let resource = resources
                .iter()
                .map(|resource| fill(resource))
                .collect::<Vec<_>>();
            let condition = condition.map(|condition| filled(condition, &fill));
            let has_all =
                requires.is_none_or(|required| known.iter().any(|(name, _)| *name == required));
            let told = condition.as_ref().map(ToString::to_string);
            if !has_all || resource.iter().chain(&told).any(|text| text.contains("${")) {
                left_out.push(sid);
                return None;
            }
            let effect = effect.unwrap_or_else(|| "Allow".to_owned());
            Some(Allowed {
                sid,
                effect,
                action: actions,
                resource,
                condition,
            })
        });
        Self {
            version: "2012-10-17",
            statement: statement.collect(),
            left_out,
        }
    }
}

/// A condition with each of its texts filled.
fn filled(condition: Value, fill: &impl Fn(&str) -> String) -> Value {
    match condition {
        Value::String(text) => Value::String(fill(&text)),
        Value::Array(items) => items.into_iter().map(|item| filled(item, fill)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, filled(value, fill)))
            .collect(),
        other => other,
    }
}

/// The placeholders that the configuration fills, see `infra/shared/README.md`.
fn placeholders(
    config: &Config,
    account: Option<&str>,
    kms_key: Option<&str>,
) -> Vec<(&'static str, String)> {
    let naming = &config.naming;
    // The key's Region is the bucket's: a condition of the key names it.
    let region = kms_key
        .and_then(|key| key.split(':').nth(3))
        .or(config.region.as_deref());
    let mut known = vec![
        ("Partition", "aws".to_owned()),
        ("Region", region.unwrap_or("*").to_owned()),
        ("Account", account.unwrap_or("*").to_owned()),
        ("ParameterPrefix", naming.prefix.clone()),
        ("ParameterSuffix", naming.suffix.clone()),
        (
            "ParameterPath",
            naming.prefix.trim_end_matches('/').to_owned(),
        ),
    ];
    if let Some(bucket) = &config.bucket {
        // The bucket behind an access point is not known.
        if !bucket.name.starts_with("arn:") {
            known.push(("BucketArn", format!("arn:aws:s3:::{}", bucket.name)));
        }
        known.push(("StatePrefix", bucket.state_prefix.clone()));
        known.push(("TokenKey", bucket.token_key.clone()));
        known.push(("LegacyStateKey", bucket.legacy_key.clone()));
    }
    known.extend(kms_key.map(|key| ("KmsKeyArn", key.to_owned())));
    known.extend(
        config
            .roster_table
            .clone()
            .map(|table| ("TableName", table)),
    );
    known
}

#[cfg(test)]
mod tests;
