//! The least policy for the Vault token.

mod targets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Config, OnUserDeleted};

const RULES: &str = include_str!("../../infra/shared/vault-policy.json");

/// A rule of `vault-policy.json`.
#[derive(Debug, Deserialize)]
struct Rule {
    path: String,
    capabilities: Vec<String>,
    when: Option<String>,
    why: String,
}

/// A policy for the Vault token.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct VaultPolicy {
    #[serde(skip)]
    mode: &'static str,
    /// The token's capabilities by path, in the JSON format of Vault.
    path: BTreeMap<String, PathRule>,
    /// What the policy does not grant.
    #[serde(skip)]
    notes: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct PathRule {
    capabilities: Vec<String>,
    #[serde(skip)]
    reasons: Vec<String>,
}

impl VaultPolicy {
    /// Creates the least policy for this configuration.
    pub fn of(config: &Config) -> Self {
        let rules: Vec<Rule> = serde_json::from_str(RULES).expect("a test reads the same text");
        let mode = mode(config);
        let deletes = config.on_user_deleted == OnUserDeleted::SoftDelete;
        let needed = |rule: &Rule| match rule.when.as_deref() {
            None => true,
            Some("soft-delete") => deletes,
            Some(when) => when == mode,
        };
        let mut path = BTreeMap::<String, PathRule>::new();
        for rule in rules.into_iter().filter(needed) {
            let name = rule
                .path
                .replace("${Mount}", &config.vault.mount)
                .replace("${Prefix}", &config.vault.path_prefix);
            let of_path = path.entry(name).or_default();
            of_path.capabilities.extend(rule.capabilities);
            of_path.reasons.push(rule.why);
        }
        Self {
            mode,
            path,
            notes: Vec::new(),
        }
    }

    /// Formats the policy as HCL, with the reason of each rule.
    pub fn to_hcl(&self) -> String {
        let rules = self.path.iter().map(|(path, rule)| {
            let reasons = rule
                .reasons
                .iter()
                .map(|why| comment(why))
                .collect::<String>();
            let capabilities = rule
                .capabilities
                .iter()
                .map(|word| format!("{word:?}"))
                .collect::<Vec<_>>()
                .join(", ");
            // A JSON text is one of HCL too.
            let path = serde_json::Value::from(path.as_str());
            format!("{reasons}path {path} {{\n  capabilities = [{capabilities}]\n}}\n")
        });
        let notes = self.notes.iter().map(|note| comment(note));
        let notes = notes.collect::<String>();
        let mode = format!("# For the {} mode of keysync.\n{notes}", self.mode);
        [mode]
            .into_iter()
            .chain(rules)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn mode(config: &Config) -> &'static str {
    if config.bucket.is_some() {
        "enhanced"
    } else {
        "basic"
    }
}

/// Formats a comment in lines that fit a terminal.
fn comment(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split(' ') {
        let line = lines
            .last_mut()
            .expect("there is a first line, and no line is removed");
        if line.len() + 1 + word.len() > 80 {
            lines.push(format!("# {word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}
