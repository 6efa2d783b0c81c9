//! The names and the secret of a user: user name, parameter name, Vault path, access key and its
//! fingerprint.
//!
//! Strings that could be confused have a type of their own, which is checked once, where the string
//! enters. No I/O. A secret is exposed only by [`AccessKey::secret`].

mod namespace;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

pub(crate) use namespace::{full_path, relative_namespace};

/// The longest name of an IAM user
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub(crate) const MAX_USER_NAME_LENGTH: usize = 64;

/// The name of an IAM user: 1 to 64 of `A-Z a-z 0-9 + = , . @ _ -`. The names `.` and `..` are
/// invalid, because they would leave the user's Vault path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// The reason why a text is not a user name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// The text is empty.
    #[error("a user name is empty; expected 1 to 64 characters")]
    Empty,
    /// The text has this many characters.
    #[error("a user name has {0} characters; expected at most 64")]
    TooLong(usize),
    /// The text contains this character.
    #[error("a user name contains {0:?}; expected only A-Z a-z 0-9 + = , . @ _ -")]
    Character(char),
    /// The text is `.` or `..`.
    #[error("a user name is . or .., which would leave its Vault path")]
    Dots,
}

impl UserName {
    /// Parses a name by the rules of IAM and of Vault paths.
    pub fn parse(text: &str) -> Result<Self, UserNameError> {
        match text {
            "" => Err(UserNameError::Empty),
            "." | ".." => Err(UserNameError::Dots),
            _ => match text
                .chars()
                .find(|c| !c.is_ascii_alphanumeric() && !"+=,.@_-".contains(*c))
            {
                Some(bad) => Err(UserNameError::Character(bad)),
                None if text.len() > MAX_USER_NAME_LENGTH => {
                    Err(UserNameError::TooLong(text.len()))
                }
                None => Ok(Self(text.to_owned())),
            },
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full name of an SSM parameter, with its leading slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterName(String);

impl ParameterName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The naming of parameters: `<prefix><user><suffix>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterNaming {
    /// The part before the user's name, such as `/iam_users/`.
    pub prefix: String,
    /// The part after the user's name, such as `_keys`.
    pub suffix: String,
}

impl ParameterNaming {
    /// Returns the user whose key a parameter holds, or the reason why it belongs to no user.
    ///
    /// Removes exactly one suffix: `/iam_users/x_keys_keys` belongs to the user `x_keys`.
    pub fn user_of(&self, parameter: &str) -> Result<UserName, String> {
        let user = parameter
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.strip_suffix(&self.suffix))
            .ok_or_else(|| {
                format!(
                    "the parameter's name is not {}<user>{}",
                    self.prefix, self.suffix
                )
            })?;
        UserName::parse(user)
            .map_err(|error| format!("the parameter's name contains no user name: {error}"))
    }

    /// Returns the parameter of a user. Returns `None` if no parameter name can hold the user's
    /// name: SSM allows only `A-Z a-z 0-9 . - _ /`.
    pub fn parameter_of(&self, user: &UserName) -> Option<ParameterName> {
        let nameable = user
            .0
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
        nameable.then(|| ParameterName(format!("{}{user}{}", self.prefix, self.suffix)))
    }
}

/// The location of a secret in Vault: the namespace, the KV mount and the path below it. It is
/// displayed without the namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultPath {
    /// The namespace, if it is not the root namespace.
    pub namespace: Option<String>,
    /// The mount of the KV version 2 engine, such as `secret`.
    pub mount: String,
    /// The path below the mount, such as `aws/iam-keys/alice`.
    pub path: String,
}

impl VaultPath {
    /// Returns the folder that the secret is in, and its name there.
    pub fn split(&self) -> (Self, &str) {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let folder = Self {
            path: folder.to_owned(),
            ..self.clone()
        };
        (folder, name)
    }

    /// Returns the folder that the secret is in.
    pub fn folder(&self) -> Self {
        self.split().0
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}

/// Where a secret is: a path on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretLocation {
    /// The server's address, without a slash at the end.
    pub address: String,
    /// The namespace, the mount and the path below it.
    pub path: VaultPath,
}

/// Returns whether a text has the form of an access key id.
pub(crate) fn is_key_id(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// An access key. Its secret is wiped on drop and hidden from `Debug`.
#[derive(Debug)]
pub struct AccessKey {
    /// The access key id. It is not a secret, but is shown by its last four characters only.
    pub id: String,
    secret: SecretString,
}

impl AccessKey {
    /// Creates a key from the two members of a parameter or a secret. An error describes the
    /// problem without the value.
    ///
    /// An id has 16 to 128 characters `A-Z0-9` (the [IAM reference] states the lengths). A secret
    /// has at least 20 printable characters and is not an id. Placeholders such as `TODO`, `null`
    /// and `****`, and swapped members, are therefore no keys.
    ///
    /// [IAM reference]: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
    pub fn new(id: String, secret: SecretString) -> Result<Self, &'static str> {
        if !is_key_id(&id) {
            return Err("the access key id is not 16 to 128 characters A-Z0-9");
        }
        let text = secret.expose_secret();
        let is_secret = text.len() >= 20
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && text.bytes().any(|byte| byte.is_ascii_alphanumeric());
        if !is_secret {
            return Err("the secret access key is not at least 20 printable characters");
        }
        if is_key_id(text) {
            return Err("the secret access key is an access key id");
        }
        Ok(Self { id, secret })
    }

    /// Returns the secret, for the adapter that writes it to Vault.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Returns the key's fingerprint. The hashed text `{"accessKeyId":"…","secretAccessKey":"…"}`
    /// is that of the legacy service, so that its state stays valid.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(br#"{"accessKeyId":"#);
        hash.update(json_text(&self.id));
        hash.update(br#","secretAccessKey":"#);
        hash.update(json_text(self.secret.expose_secret()));
        hash.update(b"}");
        Fingerprint(base16ct::lower::encode_string(&hash.finalize()))
    }
}

/// Returns `text` as a JSON string, wiped on drop because it may be a secret.
fn json_text(text: &str) -> zeroize::Zeroizing<Vec<u8>> {
    // The capacity fits the worst case, every byte as \u00xx, so that no copy stays behind when the
    // buffer grows.
    let mut out = zeroize::Zeroizing::new(Vec::with_capacity(6 * text.len() + 2));
    serde_json::to_writer(&mut *out, text)
        .expect("a string is always valid JSON, and a Vec takes every byte");
    out
}

/// The lower-case hexadecimal SHA-256 of a key; identifies a key without containing it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

#[cfg(test)]
mod tests;
