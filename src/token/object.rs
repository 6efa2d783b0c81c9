//! The token object, in the legacy's format: `{token, createdAt, expiresAt, renewable, ttl}`.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Lifetime;

/// A stored token. Only the token itself is believed; the rest is there for people and for the legacy.
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
    /// Reads the object's text; an `Err` says in words what is wrong, without the value.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let expected = r#"expected {"token": "…", "createdAt", "expiresAt", "renewable", "ttl"}"#;
        // serde would also take an array for a struct.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(format!("the token object is not one, {expected}"));
        }
        let stored: Stored = serde_json::from_slice(text).map_err(|error| {
            format!(
                "the token object is not one (line {}, column {}), {expected}",
                error.line(),
                error.column()
            )
        })?;
        let token = stored.token.expose_secret();
        // It goes into an HTTP header as it is.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "the token in the token object is empty or holds characters that no token has, {expected}"
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

    /// The object of a token that was never stored.
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

    /// The same token with a new lifetime.
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

    /// The object's text, a secret.
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
