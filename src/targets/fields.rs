//! The fields of a secret: their templates, and what they render.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use secrecy::SecretString;

use super::json::Node;
use super::reader::{Object, Reader, Setting};
use super::template::{Template, Values};
use crate::keys::{AccessKey, UserName};

/// The maximum number of fields of a target.
const MAX_FIELDS: usize = 64;

/// The maximum length of all names and templates of a target in bytes.
const MAX_FIELDS_LENGTH: usize = 16 * 1024;

/// Field names and their templates.
pub type Fields = BTreeMap<String, Template>;

/// The fields of a target without any `fields`, those of the AWS environment variables.
pub(super) static DEFAULT_FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    parse([
        ("AWS_ACCESS_KEY_ID", "{accessKeyId}"),
        ("AWS_SECRET_ACCESS_KEY", "{secretAccessKey}"),
        ("AWS_DEFAULT_REGION", "{region}"),
        ("AWS_ROLE_ARN", "{roleArn}"),
    ])
});

/// The fields of a secret if there is no targets document.
pub(super) static WITHOUT_DOCUMENT: LazyLock<Fields> = LazyLock::new(|| {
    parse([
        ("accessKeyId", "{accessKeyId}"),
        ("secretAccessKey", "{secretAccessKey}"),
        ("userName", "{userName}"),
        ("syncedAt", "{syncedAt}"),
    ])
});

fn parse(fields: [(&str, &str); 4]) -> Fields {
    let parse = |text| Template::parse(text).expect("a test renders each of them");
    fields
        .map(|(name, text)| (name.to_owned(), parse(text)))
        .into()
}

/// Reads the fields of an object.
pub(super) fn read(reader: &mut Reader, object: Object<'_>) -> Setting<Arc<Fields>> {
    let place = object.place_of("fields");
    let members = match object.get("fields") {
        None => return Setting::Inherited,
        Some(Node::Null) => return Setting::None,
        Some(node) => match reader.any_object(&place, node) {
            None => return Setting::Inherited,
            Some(fields) => fields,
        },
    };
    let mut fields = Fields::new();
    let mut length = 0;
    for (name, node) in members.members {
        length += name.len();
        if name.is_empty() {
            let problem = "is the empty string; expected the name of a field";
            reader.problem(members.place_of(name), problem);
        }
        let template = match node {
            Node::Text(text) => {
                length += text.len();
                Template::parse(text)
            }
            other => Err(format!(
                "is {}; expected a template, which is a string",
                other.kind()
            )),
        };
        match template {
            Ok(template) => _ = fields.insert(name.clone(), template),
            Err(problem) => reader.problem(members.place_of(name), problem),
        }
    }
    if members.members.len() > MAX_FIELDS {
        let count = members.members.len();
        reader.problem(
            &place,
            format!("has {count} fields; expected at most {MAX_FIELDS}"),
        );
    }
    if length > MAX_FIELDS_LENGTH {
        let problem = "has names and templates that are too long; expected at most 16384 bytes";
        reader.problem(&place, problem);
    }
    if members.members.is_empty() {
        Setting::Inherited
    } else {
        Setting::Own(Arc::new(fields))
    }
}

/// The rendered fields of a secret. The values are wiped on drop and hidden from `Debug`.
#[derive(Debug, Default)]
pub struct SecretFields(BTreeMap<String, SecretString>);

impl SecretFields {
    /// Returns names and values, for the adapter that writes them to Vault.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the value of a field.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }
}

/// Renders the fields whose values the Region and the role supply.
pub(super) fn render(
    fields: &Fields,
    (region, role_arn): (Option<&str>, Option<&str>),
    key: &AccessKey,
    user: &UserName,
    time: Timestamp,
) -> SecretFields {
    let values = Values {
        key,
        user,
        synced_at: &time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    };
    let rendered = fields.iter().filter_map(|(name, template)| {
        let template = template.resolve(region, role_arn)?;
        Some((name.clone(), template.render(&values)))
    });
    SecretFields(rendered.collect())
}
