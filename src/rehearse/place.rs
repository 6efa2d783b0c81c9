//! Where the function wrote the key, by the state: it can have other settings than this process.
//! Pure.

use super::stage::Stage;
use crate::snapshot::{SecretRecord, Snapshot};

const SETTINGS: &str = "settings";

/// The place of a key in the state.
#[derive(Debug)]
pub(super) enum Place {
    /// The state does not record the key.
    Unknown,
    /// The state records the key at the user's secrets only.
    Here,
    /// The state records the key at another place than the user's secrets have here.
    Elsewhere(Stage),
}

impl Place {
    /// Finds the key with this id.
    pub(super) fn of(id: &str, records: &[SecretRecord], secrets: &[Snapshot]) -> Self {
        let of_key = records.iter();
        let of_key = of_key.filter(|record| record.access_key_id.as_deref() == Some(id));
        let of_key = of_key.collect::<Vec<_>>();
        let is_here = |record: &SecretRecord| {
            let mut secrets = secrets.iter();
            secrets.any(|secret| record.is_at(&secret.target.location))
        };
        match of_key.iter().find(|record| !is_here(record)) {
            Some(record) => Self::Elsewhere(differs(record)),
            None if of_key.is_empty() => Self::Unknown,
            None => Self::Here,
        }
    }
}

fn differs(record: &SecretRecord) -> Stage {
    let path = record.vault_path.as_deref().unwrap_or("an unknown path");
    let address = record.vault_address.as_deref();
    let address = address.unwrap_or("an unknown server");
    let namespace = record.vault_namespace.as_ref();
    let namespace = namespace.map_or(String::new(), |name| format!(" (namespace {name})"));
    let detail = format!(
        "the function wrote {path} at {address}{namespace}; VAULT_ADDR, VAULT_NAMESPACE, \
         VAULT_MOUNT, VAULT_PATH_PREFIX or the targets document differ here"
    );
    Stage::fail(SETTINGS, detail, "set here what the function has")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{AccessKey, UserName};
    use crate::testing::results;

    #[test]
    fn the_place_of_a_key_is_compared_with_the_secrets() {
        let key = AccessKey::new(
            "AKIA0REHEARSAL000007".to_owned(),
            "secret-of-the-test-key".into(),
        );
        let (key, user) = (key.unwrap(), UserName::parse("u").unwrap());
        let record = |path: &str| SecretRecord::of_secret(&user, &key, 1, &results::location(path));
        let secrets = [results::snapshot(None)];
        let here = record("aws/iam-keys/alice");
        let of = |id: &str, records: &[SecretRecord]| Place::of(id, records, &secrets);
        assert!(matches!(of(&key.id, &[]), Place::Unknown));
        assert!(matches!(of("OTHER", &[record("x")]), Place::Unknown));
        assert!(matches!(
            of(&key.id, std::slice::from_ref(&here)),
            Place::Here
        ));
        let other_server = SecretRecord {
            vault_address: Some("https://other.example.org".to_owned()),
            vault_namespace: Some("team".to_owned()),
            ..here.clone()
        };
        for (elsewhere, expected) in [
            (record("x/u"), "wrote secret/x/u at https://vault.example"),
            (
                other_server,
                "at https://other.example.org (namespace team)",
            ),
        ] {
            let Place::Elsewhere(stage) = of(&key.id, &[here.clone(), elsewhere]) else {
                panic!("not found: {expected}");
            };
            assert!(stage.detail.contains(expected), "{stage:?}");
        }
    }
}
