//! The least IAM policy.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
#[cfg(feature = "cli")]
use crate::keys::UserName;

const STATEMENTS: &str = include_str!("../../infra/shared/permissions.json");

#[cfg(feature = "cli")]
const OF_REHEARSAL: &str = include_str!("../../infra/shared/rehearsal-permissions.json");

/// A statement of `permissions.json`.
#[derive(Debug, Deserialize)]
struct Statement {
    sid: String,
    requires: Option<String>,
    /// Placeholders whose texts are left out of lists if they are not used.
    #[serde(default)]
    optional: Vec<String>,
    effect: Option<String>,
    actions: Vec<String>,
    resources: Vec<String>,
    condition: Option<Value>,
}

/// The statements that only the queues of a deployment need. They do not name a queue.
const OF_QUEUES: &[&str] = &["UseKeyForQueues"];

/// An IAM policy in the format of IAM, and the statements that it leaves out.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct IamPolicy {
    version: &'static str,
    statement: Vec<IamStatement>,
    /// The `Sid`s of the statements that only a deployment can complete.
    #[serde(skip)]
    pub left_out: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
struct IamStatement {
    sid: String,
    effect: String,
    action: Vec<String>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

impl IamPolicy {
    /// Creates the least policy of a host with this configuration: for one account or any, and with
    /// the bucket's KMS key, if given.
    pub fn of(config: &Config, account: Option<&str>, kms_key: Option<&str>) -> Self {
        let known = placeholders(config, account, kms_key);
        Self::filled(STATEMENTS, &known, config, kms_key)
    }

    /// Creates the least policy of a host that rehearses with this user, and asks this function why
    /// a stage fails, if it is given by its name or ARN.
    #[cfg(feature = "cli")]
    pub fn of_rehearsal(
        config: &Config,
        account: Option<&str>,
        kms_key: Option<&str>,
        user: &UserName,
        function: Option<&str>,
    ) -> Self {
        let mut known = placeholders(config, account, kms_key);
        known.push(("RehearsalUser", user.to_string()));
        let region = config.region.as_deref().unwrap_or("*");
        let account = account.unwrap_or("*");
        known.extend(function.map(|function| {
            let arn = if function.starts_with("arn:") {
                function.to_owned()
            } else {
                format!("arn:aws:lambda:{region}:{account}:function:{function}")
            };
            ("FunctionArn", arn)
        }));
        Self::filled(OF_REHEARSAL, &known, config, kms_key)
    }

    fn filled(
        statements: &str,
        known: &[(&'static str, String)],
        config: &Config,
        kms_key: Option<&str>,
    ) -> Self {
        let statements: Vec<Statement> =
            serde_json::from_str(statements).expect("a test reads the same text");
        let mut left_out = Vec::new();
        let unused = unused(config, kms_key);
        // A login needs no stored token.
        let absent = config
            .vault
            .login
            .iter()
            .map(|_| "TokenKey")
            .collect::<Vec<_>>();
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
                optional,
                effect,
                actions,
                resources,
                condition,
            } = statement;
            let optional = optional.iter().map(String::as_str);
            let absent = optional
                .filter(|name| absent.contains(name))
                .collect::<Vec<_>>();
            let is_present = |text: &str| {
                let mut absent = absent.iter();
                absent.all(|name| !text.contains(&format!("${{{name}}}")))
            };
            let resource = resources.iter().filter(|resource| is_present(resource));
            let resource = resource.map(|resource| fill(resource)).collect::<Vec<_>>();
            let condition = condition.map(|condition| filled(condition, &fill, &is_present));
            let has_all = requires
                .as_ref()
                .is_none_or(|required| known.iter().any(|(name, _)| name == required));
            let condition_text = condition.as_ref().map(ToString::to_string);
            let mut texts = resource.iter().chain(&condition_text);
            let is_unused = unused.iter().any(|name| {
                let placeholder = format!("${{{name}}}");
                requires.as_deref() == Some(*name)
                    || texts.clone().any(|text| text.contains(&placeholder))
            });
            if is_unused {
                return None;
            }
            let is_complete = has_all && !texts.any(|text| text.contains("${"));
            if !is_complete || OF_QUEUES.contains(&&*sid) {
                left_out.push(sid);
                return None;
            }
            let effect = effect.unwrap_or_else(|| "Allow".to_owned());
            Some(IamStatement {
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

/// Fills the placeholders in all texts of a condition. A list keeps only the texts that are
/// present.
fn filled(
    condition: Value,
    fill: &impl Fn(&str) -> String,
    is_present: &impl Fn(&str) -> bool,
) -> Value {
    match condition {
        Value::String(text) => Value::String(fill(&text)),
        Value::Array(items) => items
            .into_iter()
            .filter(|item| item.as_str().is_none_or(is_present))
            .map(|item| filled(item, fill, is_present))
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, filled(value, fill, is_present)))
            .collect(),
        other => other,
    }
}

/// Returns the placeholders of what this configuration does not use. Their statements are not
/// needed.
fn unused(config: &Config, kms_key: Option<&str>) -> Vec<&'static str> {
    [
        ("BucketArn", config.bucket.is_none()),
        ("TableName", config.roster_table.is_none()),
        ("KmsKeyArn", kms_key.is_none()),
        // Only a deployment names the keys that it used before.
        ("EarlierKeyArns", true),
    ]
    .into_iter()
    .filter_map(|(name, is_unused)| is_unused.then_some(name))
    .collect()
}

/// Returns the values of the placeholders that are described in `infra/shared/README.md`.
fn placeholders(
    config: &Config,
    account: Option<&str>,
    kms_key: Option<&str>,
) -> Vec<(&'static str, String)> {
    let naming = &config.naming;
    // The key's Region is the bucket's; a condition of the key contains it.
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
        // The bucket behind an access point is unknown.
        if !bucket.name.starts_with("arn:") {
            known.push(("BucketArn", format!("arn:aws:s3:::{}", bucket.name)));
        }
        known.push(("StatePrefix", bucket.state_prefix.clone()));
        known.push(("TokenKey", bucket.token_key.clone()));
        known.push(("LegacyStateKey", bucket.legacy_key.clone()));
        known.push(("TargetsKey", bucket.targets_key.clone()));
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
