//! A signed request that proves an AWS identity to Vault.

use secrecy::SecretString;

/// A request to `GetCallerIdentity` of STS, signed and never sent by us: Vault sends it, and learns
/// who signed it. A party that holds it can log in for 15 minutes, so its headers are secret.
pub struct LoginRequest {
    /// The role of Vault's auth method.
    pub role: String,
    /// The mount of Vault's auth method.
    pub mount: String,
    /// The URL of STS.
    pub url: String,
    /// The body.
    pub body: &'static str,
    /// The headers: a JSON object of lists.
    pub headers: SecretString,
}

/// The token of a login.
pub struct LoginToken {
    /// The token.
    pub token: SecretString,
    /// Its lifetime in seconds; 0 if it never expires.
    pub lease_seconds: u64,
}
