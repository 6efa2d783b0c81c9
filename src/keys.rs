//! The names and the secret of one user: user, parameter, Vault path, access key, fingerprint.
//!
//! Every string that could be mistaken for another has a type of its own here, and is checked once, where it enters.
//! Must not do: any I/O, or give out a secret except through [`AccessKey::secret`].

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Longest name of an IAM user
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const USER_NAME_MAX: usize = 64;

/// The name of an IAM user: 1 to 64 of `A-Z a-z 0-9 + = , . @ _ -`, but neither `.` nor `..`, which would leave the
/// Vault path that belongs to the user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// Why a text is not a user name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// The text is empty.
    #[error("a user name is empty, expected 1 to 64 characters")]
    Empty,
    /// The text has this many characters.
    #[error("a user name of {0} characters, expected at most 64")]
    TooLong(usize),
    /// The text holds this character.
    #[error("a user name holds {0:?}, expected only A-Z a-z 0-9 + = , . @ _ -")]
    Character(char),
    /// The text is `.` or `..`.
    #[error("a user name of dots alone would leave its Vault path")]
    Dots,
}

impl UserName {
    /// Checks `text` against the rules of IAM and of Vault paths.
    pub fn parse(text: &str) -> Result<Self, UserNameError> {
        match text {
            "" => Err(UserNameError::Empty),
            "." | ".." => Err(UserNameError::Dots),
            _ => match text
                .chars()
                .find(|c| !c.is_ascii_alphanumeric() && !"+=,.@_-".contains(*c))
            {
                Some(bad) => Err(UserNameError::Character(bad)),
                None if text.len() > USER_NAME_MAX => Err(UserNameError::TooLong(text.len())),
                None => Ok(Self(text.to_owned())),
            },
        }
    }

    /// The name as text.
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
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How parameters are named: `<prefix><user><suffix>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterNaming {
    /// What stands before the user's name, such as `/iam_users/`.
    pub prefix: String,
    /// What stands behind the user's name, such as `_keys`.
    pub suffix: String,
}

impl ParameterNaming {
    /// The user whose keys a parameter of this name holds; an `Err` says in words why it is nobody's.
    ///
    /// Exactly one suffix is taken off: `/iam_users/x_keys_keys` belongs to the user `x_keys`.
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
            .map_err(|error| format!("the parameter's name holds no user: {error}"))
    }

    /// The parameter of a user; `None` where the user's name holds a character that no parameter name can hold
    /// (SSM allows only `A-Z a-z 0-9 . - _ /`).
    pub fn parameter_of(&self, user: &UserName) -> Option<ParameterName> {
        let nameable = user
            .0
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
        nameable.then(|| ParameterName(format!("{}{user}{}", self.prefix, self.suffix)))
    }
}

/// Where a user's key lives in Vault: the KV mount and the path below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultPath {
    /// The mount of the KV version 2 engine, such as `secret`.
    pub mount: String,
    /// The path below the mount, such as `aws/iam-keys/alice`.
    pub path: String,
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}

/// An access key. Its secret is wiped on drop and shows in no `Debug` output.
#[derive(Debug)]
pub struct AccessKey {
    /// The access key id; not a secret, but shown to people by its last four characters only.
    pub id: String,
    secret: SecretString,
}

impl AccessKey {
    /// Takes the two halves of a key as they stand in a parameter or in Vault; an `Err` says in words what is wrong,
    /// without the value.
    pub fn new(id: String, secret: SecretString) -> Result<Self, &'static str> {
        // Most secrets have a `+` or a `/`, and no id has: two members that were swapped are mostly noticed.
        let is_id = !id.is_empty()
            && id.len() <= 128
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let secret_text = secret.expose_secret();
        let is_secret =
            !secret_text.is_empty() && secret_text.bytes().all(|byte| byte.is_ascii_graphic());
        match (is_id, is_secret) {
            (true, true) => Ok(Self { id, secret }),
            (false, _) => Err("the access key id is empty or holds characters that no key has"),
            (true, false) => {
                Err("the secret access key is empty or holds characters that no key has")
            }
        }
    }

    /// The secret, for the adapter that writes it to Vault.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The key's fingerprint. The text that is hashed, `{"accessKeyId":"…","secretAccessKey":"…"}`, is the
    /// legacy's, so that its state stays valid.
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

/// `text` between quotes, as JSON writes it; wiped on drop because it may be a secret.
fn json_text(text: &str) -> zeroize::Zeroizing<Vec<u8>> {
    // Capacity for the worst case, every byte as \u00xx, so that no half-written copy is left behind by growing.
    let mut out = zeroize::Zeroizing::new(Vec::with_capacity(6 * text.len() + 2));
    serde_json::to_writer(&mut *out, text)
        .expect("a string is always valid JSON, and a Vec takes every byte");
    out
}

/// Lower-case hex SHA-256 of a key: tells keys apart without holding one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

#[cfg(test)]
mod tests;
