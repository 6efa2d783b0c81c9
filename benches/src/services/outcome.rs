//! What the fakes hold after an invocation.

use super::{Data, PARAMETER_PREFIX, PARAMETER_SUFFIX, Services, lock};

impl Services {
    /// Returns the current version of a secret in Vault, or 0 if it does not exist.
    pub fn vault_version(&self, secret: &str) -> u64 {
        lock(&self.data).version(secret)
    }

    /// Returns true if the current key of the user is in a secret, whatever its fields are called.
    pub fn has_key(&self, secret: &str, user: &str) -> bool {
        lock(&self.data).has_key(secret, user).unwrap_or_default()
    }

    /// Returns true if all parameters have been read since the last calls were taken.
    pub fn all_parameters_were_read(&self) -> bool {
        let data = lock(&self.data);
        data.parameters.values().all(|parameter| parameter.was_read)
    }

    /// Returns the failures that the fakes have seen, one a line.
    pub fn failures(&self) -> Vec<String> {
        let unserved = lock(&self.data).unserved.clone();
        let unserved = unserved
            .iter()
            .map(|request| format!("the fakes do not serve {request}"));
        let handshake = self.wire.failed_handshake();
        let handshake = handshake.map(|problem| format!("a TLS handshake failed: {problem}"));
        unserved.chain(handshake).collect()
    }
}

impl Data {
    fn has_key(&self, secret: &str, user: &str) -> Option<bool> {
        let name = format!("{PARAMETER_PREFIX}{user}{PARAMETER_SUFFIX}");
        let parameter = self.parameters.get(&name)?;
        let fields = serde_json::to_string(&self.secrets.get(secret)?.fields).ok()?;
        Some(
            fields.contains(&parameter.access_key_id)
                && fields.contains(&parameter.secret_access_key),
        )
    }
}
