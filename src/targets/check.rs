//! The rules for the texts of a document. A problem states what is wrong and what was expected.

/// The length of the longest path segment in bytes.
const MAX_SEGMENT_LENGTH: usize = 255;

/// The length of the longest mount and of the longest path in bytes.
const MAX_PATH_LENGTH: usize = 512;

/// The length of the longest Region in bytes.
const MAX_REGION_LENGTH: usize = 64;

/// The length of the longest role in bytes
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
const MAX_ROLE_LENGTH: usize = 2048;

/// The length of the longest key of `custom_metadata` in bytes
/// (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#create-update-metadata>).
const MAX_METADATA_KEY_LENGTH: usize = 128;

/// The placeholder in the path of `others`.
pub const USER: &str = "{userName}";

/// The result of a check.
pub(super) type Check = Result<(), &'static str>;

/// Returns whether a text can be a path below a mount.
pub fn is_path(text: &str) -> bool {
    path(text).is_ok()
}

/// Checks a mount, or a path below it.
pub(super) fn path(text: &str) -> Check {
    if text.starts_with('/') || text.ends_with('/') {
        return Err("has a slash at an end; expected segments between single slashes");
    }
    if text.len() > MAX_PATH_LENGTH {
        return Err("is too long; expected at most 512 bytes");
    }
    text.split('/').try_for_each(segment)
}

fn segment(segment: &str) -> Check {
    match segment {
        "" => Err("has an empty segment; expected segments between single slashes"),
        "." | ".." => Err("has the segment . or ..; expected a path without them"),
        "+" => Err("has the segment +, which is a wildcard in a Vault policy; expected a name"),
        _ if segment.len() > MAX_SEGMENT_LENGTH => {
            Err("has a segment that is too long; expected at most 255 bytes")
        }
        _ if segment.contains(is_unprintable) => {
            Err("has a control character; expected printable text")
        }
        _ if segment.trim() != segment => {
            Err("has white space at an end of a segment; expected names without it")
        }
        _ if segment.contains(['{', '}']) => {
            Err("has a brace; expected none, except for {userName} in others.path")
        }
        _ if segment.contains('*') => {
            Err("has a *, which is a wildcard in a Vault policy; expected a path without it")
        }
        _ => Ok(()),
    }
}

/// Checks the path of `others`, with the longest user name in its place.
pub(super) fn path_of_others(text: &str) -> Check {
    if text.contains(USER) {
        path(&text.replace(USER, &"u".repeat(crate::keys::MAX_USER_NAME_LENGTH)))
    } else {
        Err("does not contain {userName}; expected a path of its own for each user")
    }
}

/// Checks a namespace. It is sent in an HTTP header.
pub(super) fn namespace(text: &str) -> Check {
    let sendable = |c: char| c.is_ascii_graphic() && !is_quote(c);
    if text.trim_matches('/') == "root" {
        return Err("is the root namespace; expected null for it");
    }
    if text.chars().all(sendable) {
        path(text.trim_matches('/'))
    } else {
        Err(
            "has white space, a quote or a character that is not ASCII; expected a namespace such \
             as platform-services",
        )
    }
}

/// Checks a Region.
pub(super) fn region(text: &str) -> Check {
    if text.is_empty() || !text.chars().all(is_plain) {
        Err("has white space, a quote or a brace; expected a Region such as ca-central-1")
    } else if text.len() > MAX_REGION_LENGTH {
        Err("is too long; expected a Region such as ca-central-1")
    } else {
        Ok(())
    }
}

/// Checks a role.
pub(super) fn role_arn(text: &str) -> Check {
    if !text.chars().all(is_plain) {
        Err(
            "has white space, a quote or a brace; expected an ARN such as \
             arn:aws:iam::123456789012:role/NAME",
        )
    } else if text.len() > MAX_ROLE_LENGTH {
        Err("is too long; expected at most 2048 bytes")
    } else {
        Ok(())
    }
}

/// Checks the key of the version mark.
pub(super) fn metadata_key(text: &str) -> Check {
    if !text.chars().all(is_plain) {
        Err("has white space, a quote or a brace; expected a key such as aws_parameter_version")
    } else if text.len() > MAX_METADATA_KEY_LENGTH {
        Err("is too long; expected at most 128 bytes")
    } else if ["managed-by", "vault_version", "iam_user", "definition"].contains(&text) {
        Err("is the key of another mark; expected a key such as aws_parameter_version")
    } else {
        Ok(())
    }
}

/// Returns whether a character can stand in a value that is put into configuration files.
fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !is_quote(c) && !"{}".contains(c)
}

/// Returns whether a character is not shown, or changes how others are.
fn is_unprintable(c: char) -> bool {
    let is_format = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || is_format
}

fn is_quote(c: char) -> bool {
    "\"'`".contains(c)
}
