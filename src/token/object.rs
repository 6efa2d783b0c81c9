//! The token object in the legacy format: `{token, createdAt, expiresAt, renewable, ttl}`.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Lifetime;

/// A stored token. Only the token itself is trusted; the other members inform operators and the
/// legacy service.
#[derive(Clone, Debug)]
pub struct TokenObject {
    /// The token.
    pub token: SecretString,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    renewable: bool,
    ttl: u64,
}

impl PartialEq for TokenObject {
    fn eq(&self, other: &Self) -> bool {
        let facts = |object: &Self| {
            (
                object.created_at,
                object.expires_at,
                object.renewable,
                object.ttl,
            )
        };
        self.token.expose_secret() == other.token.expose_secret() && facts(self) == facts(other)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    token: SecretString,
    #[serde(default)]
    created_at: Value,
    #[serde(default)]
    expires_at: Value,
    #[serde(default)]
    renewable: Value,
    #[serde(default)]
    ttl: Value,
}

impl TokenObject {
    /// Parses the object's text. An error describes the problem without any value.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let expected = r#"expected {"token": "…", "createdAt", "expiresAt", "renewable", "ttl"}"#;
        // serde would also take an array for a struct.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(format!("the token object is invalid, {expected}"));
        }
        let stored: Stored = serde_json::from_slice(text).map_err(|error| {
            format!(
                "the token object is invalid (line {}, column {}), {expected}",
                error.line(),
                error.column()
            )
        })?;
        let token = stored.token.expose_secret();
        // The token is sent unchanged in an HTTP header.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "the token in the token object is empty or contains a character that no token has, {expected}"
            ));
        }
        let time = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        Ok(Self {
            created_at: time(&stored.created_at),
            expires_at: time(&stored.expires_at),
            renewable: stored.renewable.as_bool().unwrap_or(false),
            ttl: stored.ttl.as_u64().unwrap_or(0),
            token: stored.token,
        })
    }

    /// Creates the object for a token that was not stored before.
    pub fn new(token: SecretString, lifetime: &Lifetime) -> Self {
        Self {
            token,
            created_at: None,
            expires_at: None,
            renewable: false,
            ttl: 0,
        }
        .renewed(lifetime)
    }

    /// Returns the same token with a new lifetime.
    #[must_use]
    pub fn renewed(&self, lifetime: &Lifetime) -> Self {
        Self {
            token: self.token.clone(),
            created_at: self.created_at.or(Some(lifetime.created_at)),
            expires_at: lifetime.expires_at(),
            renewable: lifetime.renewable,
            ttl: lifetime.ttl_seconds.unwrap_or(0),
        }
    }

    /// Serializes the object. The text is a secret.
    pub fn to_json(&self) -> Vec<u8> {
        json!({
            "token": self.token.expose_secret(),
            "createdAt": self.created_at,
            "expiresAt": self.expires_at,
            "renewable": self.renewable,
            "ttl": self.ttl,
        })
        .to_string()
        .into_bytes()
    }
}

#[cfg(test)]
mod tests;
