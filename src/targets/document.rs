//! Parses a targets document, with all of its problems.

use std::sync::Arc;

use super::check;
use super::fields::{self, DEFAULT_FIELDS, Fields};
use super::json::Node;
use super::named::Named;
use super::reader::{DOCUMENT, Object, Reader};
use super::{MAX_BYTES, MAX_TARGETS, Target, Targets, quote};
use crate::config::TargetDefaults;
use crate::error::DocumentProblem;
use crate::keys::{ParameterNaming, UserName, VaultPath};

const DOCUMENT_MEMBERS: [&str; 8] = [
    "region",
    "roleArn",
    "metadata",
    "namespace",
    "merge",
    "fields",
    "others",
    "parameters",
];
const PARAMETER_MEMBERS: [&str; 2] = ["name", "targets"];
const TARGET_MEMBERS: [&str; 7] = [
    "mount",
    "path",
    "namespace",
    "region",
    "roleArn",
    "fields",
    "merge",
];

/// The key of the version mark, unless the document states another or none.
const VERSION_MARK: &str = "aws_parameter_version";

/// The maximum length of all values of a target in bytes, without those of a key.
const MAX_LENGTH: usize = 64 * 1024;

/// What targets inherit.
struct Inherited {
    namespace: Option<Arc<str>>,
    region: Option<Arc<str>>,
    role_arn: Option<Arc<str>>,
    fields: Option<Arc<Fields>>,
    merge: bool,
}

/// Parses a document.
pub(super) fn parse(
    text: &[u8],
    defaults: &TargetDefaults,
) -> Result<Targets, Vec<DocumentProblem>> {
    let mut reader = Reader::default();
    let targets = read(&mut reader, text, defaults);
    match targets {
        Some(targets) if reader.problems.is_empty() => Ok(targets),
        _ => Err(reader.into_problems()),
    }
}

fn read(reader: &mut Reader, text: &[u8], defaults: &TargetDefaults) -> Option<Targets> {
    if text.len() > MAX_BYTES {
        let problem = format!("is too large; expected at most {MAX_BYTES} bytes");
        reader.problem(DOCUMENT, problem);
        return None;
    }
    if text.starts_with(b"\xef\xbb\xbf") {
        let problem = "is not JSON, because it begins with a byte order mark; expected one object";
        reader.problem(DOCUMENT, problem);
        return None;
    }
    let node = match serde_json::from_slice::<Node>(text) {
        Ok(node) => node,
        Err(error) => {
            reader.problem(
                DOCUMENT,
                format!("is not JSON ({error}); expected one object"),
            );
            return None;
        }
    };
    let document = reader.object("", &node, &DOCUMENT_MEMBERS)?;
    let inherited = Inherited::read(reader, document, defaults);
    let version_mark = reader
        .setting(document, "metadata", check::metadata_key)
        .over(Some(&VERSION_MARK.into()));
    let others = match document.get("others") {
        None | Some(Node::Null) => None,
        Some(node) => read_target(reader, "others", node, &inherited, check::path_of_others),
    };
    let entries = match (document.get("parameters"), document.get("others")) {
        (None | Some(Node::Null), Some(Node::Object(_))) => &[],
        (Some(Node::List(entries)), Some(Node::Object(_))) => entries.as_slice(),
        _ => reader.list(document, "parameters", "parameters with targets"),
    };
    let mut named = Named::default();
    for (index, node) in entries.iter().enumerate() {
        let place = format!("parameters[{index}]");
        read_parameter(reader, &place, node, defaults, &inherited, &mut named);
    }
    if named.count > MAX_TARGETS {
        let problem = format!(
            "has {} targets; expected at most {MAX_TARGETS}",
            named.count
        );
        reader.problem("parameters", problem);
    }
    if let Some(others) = &others {
        named.compare_with_others(reader, others, &defaults.naming);
    }
    Some(Targets {
        named: named.targets,
        others,
        version_mark: version_mark.map(|key| key.to_string()),
    })
}

impl Inherited {
    fn read(reader: &mut Reader, document: Object<'_>, defaults: &TargetDefaults) -> Self {
        let namespace = reader.setting(document, "namespace", check::namespace);
        Self {
            namespace: namespace.over(defaults.namespace.as_deref().map(Arc::from).as_ref()),
            region: reader.setting(document, "region", check::region).over(None),
            role_arn: reader
                .setting(document, "roleArn", check::role_arn)
                .over(None),
            fields: fields::read(reader, document).over(Some(&Arc::new(DEFAULT_FIELDS.clone()))),
            merge: reader.merge(document).unwrap_or(true),
        }
    }
}

/// Reads an entry of `parameters`.
fn read_parameter(
    reader: &mut Reader,
    place: &str,
    node: &Node,
    defaults: &TargetDefaults,
    inherited: &Inherited,
    named: &mut Named,
) {
    let Some(entry) = reader.object(place, node, &PARAMETER_MEMBERS) else {
        return;
    };
    let user = reader.text(entry, "name").and_then(|name| {
        let user = user_of(name, &defaults.naming);
        user.map_err(|problem| reader.problem(entry.place_of("name"), problem))
            .ok()
    });
    for (index, node) in reader.list(entry, "targets", "targets").iter().enumerate() {
        let place = format!("{place}.targets[{index}]");
        let target = read_target(reader, &place, node, inherited, check::path);
        if let (Some(user), Some(target)) = (&user, target) {
            named.insert(reader, place, user, target);
        }
    }
}

/// Returns the user of a parameter, or why the name is that of none.
fn user_of(name: &str, naming: &ParameterNaming) -> Result<UserName, String> {
    let ParameterNaming { prefix, suffix } = naming;
    let expected = format!("expected {prefix}USER{suffix}");
    let Some(rest) = name.strip_prefix(prefix.as_str()) else {
        let problem = format!("does not begin with {prefix}; {expected}");
        return Err(format!("{problem}, or another SSM_PARAMETER_PREFIX"));
    };
    if !rest.ends_with(suffix.as_str()) {
        let problem = format!("does not end with {suffix}; {expected}");
        return Err(format!("{problem}, or another SSM_PARAMETER_SUFFIX"));
    }
    let user = naming
        .user_of(name)
        .map_err(|problem| format!("is not that of a user ({problem}); {expected}"))?;
    match naming.parameter_of(&user) {
        Some(_) => Ok(user),
        None => Err(format!(
            "has a character that Parameter Store does not allow; expected A-Z a-z 0-9 . - _ in \
             the name of the user {}",
            quote(user.as_str())
        )),
    }
}

/// Reads a target.
fn read_target(
    reader: &mut Reader,
    place: &str,
    node: &Node,
    inherited: &Inherited,
    check_path: fn(&str) -> check::Check,
) -> Option<Target> {
    let object = reader.object(place, node, &TARGET_MEMBERS)?;
    let mount = reader.checked(object, "mount", check::path);
    let path = reader.checked(object, "path", check_path);
    let namespace = reader
        .setting(object, "namespace", check::namespace)
        .over(inherited.namespace.as_ref());
    let region = reader.setting(object, "region", check::region);
    let role_arn = reader.setting(object, "roleArn", check::role_arn);
    let fields = fields::read(reader, object);
    let merge = reader.merge(object).unwrap_or(inherited.merge);
    let Some(fields) = fields.over(inherited.fields.as_ref()) else {
        let problem = "is null, so no field would be written; expected names and templates";
        reader.problem(object.place_of("fields"), problem);
        return None;
    };
    let target = Target {
        is_of_document: true,
        location: VaultPath {
            namespace: namespace.map(|name| name.trim_matches('/').to_owned()),
            mount: mount?.to_owned(),
            path: path?.to_owned(),
        },
        fields,
        merge,
        region: region.over(inherited.region.as_ref()),
        role_arn: role_arn.over(inherited.role_arn.as_ref()),
    };
    if target.length() > MAX_LENGTH {
        let problem = "have values that are too long; expected at most 65536 bytes in all";
        reader.problem(object.place_of("fields"), problem);
    }
    // If all templates are refused, their own problems are reported.
    if target.fields().next().is_none() && !target.fields.is_empty() {
        let problem = "all use a value that is null or absent, so no field would be written; \
            expected a field whose values are known";
        reader.problem(object.place_of("fields"), problem);
    }
    Some(target)
}
