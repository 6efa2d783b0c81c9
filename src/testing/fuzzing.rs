//! Properties that hold for every input: one function per parser, which panics if its property does
//! not hold. Compiled for tests and for fuzzing (`fuzz/`) only.

mod targets;

pub use targets::{targets, template};

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::Config;
use crate::keys::{ParameterNaming, UserName, VaultPath};
use crate::snapshot::{ParameterReading, ReconcileRecord, Revision, UserState};
use crate::token::TokenObject;
use crate::trigger::{self, Body, Change, Trigger};

/// The secret in the corpora, in every place that can hold one.
const SENTINEL: &str = "SENTINEL0secret";

/// The longest message about an input.
const MAX_MESSAGE_LENGTH: usize = 2000;

/// A property of any input.
pub type Property = fn(&[u8]);

/// All properties, by the name of their fuzz target.
pub const ALL: [(&str, Property); 9] = [
    ("payload", payload),
    ("parameter", parameter),
    ("state", state),
    ("last_run", last_run),
    ("token", token),
    ("names", names),
    ("configuration", configuration),
    ("targets", targets),
    ("template", template),
];

fn naming() -> ParameterNaming {
    ParameterNaming {
        prefix: "/iam_users/".to_owned(),
        suffix: "_keys".to_owned(),
    }
}

/// A Lambda payload names only valid users, and messages do not quote it at length.
pub fn payload(data: &[u8]) {
    let Ok(payload) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let _ = trigger::is_doctor_request(&payload);
    let check = |Change { user, .. }: &Change| assert_valid_user(user);
    match trigger::parse(payload, &naming()) {
        Ok(Trigger::Change(change)) => check(&change),
        Ok(Trigger::Batch(records)) => {
            for record in &records {
                match &record.body {
                    Body::Change(change) => check(change),
                    Body::Ignored(reason) | Body::Bad(reason) => {
                        assert!(reason.len() <= MAX_MESSAGE_LENGTH);
                    }
                }
            }
        }
        Ok(Trigger::Sync(order)) => order.users.iter().for_each(assert_valid_user),
        Ok(Trigger::Reconcile(order)) => order.users.iter().flatten().for_each(assert_valid_user),
        Ok(Trigger::RefreshToken | Trigger::Doctor) => {}
        Ok(Trigger::Ignored(reason)) => assert!(reason.len() <= MAX_MESSAGE_LENGTH),
        Err(error) => assert!(error.to_string().len() <= MAX_MESSAGE_LENGTH),
    }
}

/// A parameter's value gives a complete key, or a problem that does not contain the value.
pub fn parameter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let parameter = ParameterReading::parse(
        &text.into(),
        Revision {
            modified: Timestamp::UNIX_EPOCH,
            version: 1,
        },
    );
    let shown = format!("{parameter:?}");
    match &parameter.key {
        Some(key) => {
            // The id is not a secret, but the sentinel may stand in its place.
            assert!(
                key.id.contains(SENTINEL) || !shown.contains(SENTINEL),
                "a key shows its secret"
            );
            // Members that are not read may hold what `Value` refuses, such as the number 1e999.
            let document: BTreeMap<String, &RawValue> =
                serde_json::from_str(text).expect("a value with a key is JSON");
            let current: BTreeMap<String, &RawValue> =
                serde_json::from_str(document["current"].get()).expect("its key is JSON");
            let id: String =
                serde_json::from_str(current["AccessKeyID"].get()).expect("its id is a string");
            assert_eq!(id, key.id);
        }
        None => assert!(!shown.contains(SENTINEL), "a problem quotes the value"),
    }
}

/// A parsed state stays the same when it is written and parsed again.
pub fn state(data: &[u8]) {
    let Some(state) = UserState::parse(data) else {
        return;
    };
    assert_eq!(UserState::parse(&state.to_json()), Some(state));
}

/// So does the record of a reconcile run.
pub fn last_run(data: &[u8]) {
    let Ok(run) = serde_json::from_slice::<ReconcileRecord>(data) else {
        return;
    };
    let text = serde_json::to_vec(&run).expect("a record is JSON");
    assert_eq!(
        serde_json::from_slice::<ReconcileRecord>(&text).ok(),
        Some(run)
    );
}

/// So does the token object, whose token is shown nowhere.
pub fn token(data: &[u8]) {
    match TokenObject::parse(data) {
        Ok(object) => {
            assert!(
                !format!("{object:?}").contains(SENTINEL),
                "a token is shown"
            );
            assert_eq!(TokenObject::parse(&object.to_json()), Ok(object));
        }
        Err(problem) => assert!(!problem.contains(SENTINEL), "a problem quotes the token"),
    }
}

/// Two users have different parameters and paths, and an invalid name has none.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let users = text
        .splitn(2, '\n')
        .filter_map(|name| UserName::parse(name).ok())
        .collect::<Vec<_>>();
    users.iter().for_each(assert_valid_user);
    if let [one, other] = users.as_slice() {
        assert_eq!(
            one == other,
            url_of(one) == url_of(other),
            "two users share a path"
        );
    }
    if let Ok(user) = naming().user_of(text) {
        assert_valid_user(&user);
    }
}

/// Neither a configuration nor its problems show the token. Each line of the input is a variable.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let variables = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect::<Vec<_>>();
    let read = Config::read(|name| {
        // No file is read.
        let variable = variables
            .iter()
            .find(|(known, _)| *known == name && name != "VAULT_CACERT");
        variable.map(|(_, value)| (*value).to_owned())
    });
    let secret = variables
        .iter()
        .any(|(name, value)| *name == "VAULT_TOKEN" && value.contains(SENTINEL));
    let elsewhere = variables
        .iter()
        .any(|(name, value)| *name != "VAULT_TOKEN" && value.contains(SENTINEL));
    if secret && !elsewhere {
        assert!(
            !format!("{read:?}").contains(SENTINEL),
            "the token is shown"
        );
        assert!(
            !read.is_err_and(|error| error.to_string().contains(SENTINEL)),
            "a problem quotes the token"
        );
    }
}

/// Asserts the properties of a user whose name was accepted.
fn assert_valid_user(user: &UserName) {
    assert_eq!(UserName::parse(user.as_str()).as_ref(), Ok(user));
    if let Some(name) = naming().parameter_of(user) {
        assert_eq!(
            naming().user_of(name.as_str()).as_ref(),
            Ok(user),
            "the parameter is another's"
        );
    }
    let path = url_of(user);
    assert_eq!(
        path,
        format!("/v1/secret/data/aws/iam-keys/{user}"),
        "the path is not the user's"
    );
}

/// Returns the path that a client requests, after URL normalization.
fn url_of(user: &UserName) -> String {
    let path = VaultPath {
        namespace: None,
        mount: "secret".to_owned(),
        path: format!("aws/iam-keys/{user}"),
    };
    let url = format!(
        "https://vault.example.org/v1/{}/data/{}",
        path.mount, path.path
    );
    let url = Url::parse(&url).expect("a user's path makes a URL");
    assert!(url.query().is_none() && url.fragment().is_none());
    url.path().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeds and findings of fuzzing.
    #[test]
    fn every_corpus_input_passes() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (target, property) in ALL {
            let inputs = std::fs::read_dir(corpus.join(target))
                .unwrap()
                .collect::<Vec<_>>();
            assert!(!inputs.is_empty(), "{target} has no corpus");
            for file in inputs {
                property(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }

    #[test]
    fn every_documented_payload_passes() {
        for file in
            std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events"))
                .unwrap()
        {
            payload(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}
