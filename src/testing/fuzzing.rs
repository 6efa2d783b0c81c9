//! What holds for every input, however hostile: one function for each thing that is parsed. Built for tests and for fuzzing
//! only (`fuzz/`); each panics when its property does not hold.

use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;

use crate::config::Config;
use crate::keys::{ParameterNaming, UserName, VaultPath};
use crate::snapshot::{ParameterReading, ReconcileRecord, Revision, UserState};
use crate::token::TokenObject;
use crate::trigger::{self, Body, Change, Trigger};

/// A secret that the corpora hold, wherever one could stand.
const SENTINEL: &str = "SENTINEL0secret";

/// The longest text that is said about an input.
const SAID_AT_MOST: usize = 2000;

/// A check of any input.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target.
pub const ALL: [(&str, Check); 7] = [
    ("payload", payload),
    ("parameter", parameter),
    ("state", state),
    ("last_run", last_run),
    ("token", token),
    ("names", names),
    ("configuration", configuration),
];

fn naming() -> ParameterNaming {
    ParameterNaming {
        prefix: "/iam_users/".to_owned(),
        suffix: "_keys".to_owned(),
    }
}

/// A Lambda payload names users only by names that lead to their own places, and is not quoted at length.
pub fn payload(data: &[u8]) {
    let Ok(payload) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let _ = trigger::asks_for_the_doctor(&payload);
    let told = |Change { user, .. }: &Change| user_is_sound(user);
    match trigger::parse(payload, &naming()) {
        Ok(Trigger::Change(change)) => told(&change),
        Ok(Trigger::Batch(records)) => {
            for record in &records {
                match &record.body {
                    Body::Change(change) => told(change),
                    Body::Ignored(reason) | Body::Bad(reason) => {
                        assert!(reason.len() <= SAID_AT_MOST)
                    }
                }
            }
        }
        Ok(Trigger::Sync(users)) => users.iter().for_each(user_is_sound),
        Ok(Trigger::Reconcile(order)) => order.users.iter().flatten().for_each(user_is_sound),
        Ok(Trigger::RefreshToken | Trigger::Doctor) => {}
        Ok(Trigger::Ignored(reason)) => assert!(reason.len() <= SAID_AT_MOST),
        Err(error) => assert!(error.to_string().len() <= SAID_AT_MOST),
    }
}

/// A parameter's value gives a key with both halves, or a problem that tells nothing of the value.
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
            // The id is no secret, but it must not be where a secret stands.
            assert!(
                key.id.contains(SENTINEL) || !shown.contains(SENTINEL),
                "a key shows its secret"
            );
            let sent: Value = serde_json::from_str(text).expect("what gave a key is JSON");
            assert_eq!(
                sent.pointer("/current/AccessKeyID").and_then(Value::as_str),
                Some(key.id.as_str())
            );
        }
        None => assert!(!shown.contains(SENTINEL), "a problem quotes the value"),
    }
}

/// A state that is understood is written as it is understood.
pub fn state(data: &[u8]) {
    let Some(state) = UserState::parse(data) else {
        return;
    };
    let text = serde_json::to_vec(&state).expect("a state is JSON");
    assert_eq!(UserState::parse(&text), Some(state));
}

/// So is the record of a sweep.
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

/// And the token object, whose token is fit for a header, and shown nowhere.
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

/// Of two texts that are users' names, each leads to places of its own, and no other text to any.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let users = text
        .splitn(2, '\n')
        .filter_map(|name| UserName::parse(name).ok())
        .collect::<Vec<_>>();
    users.iter().for_each(user_is_sound);
    if let [one, other] = users.as_slice() {
        assert_eq!(
            one == other,
            url_of(one) == url_of(other),
            "two users share a path"
        );
    }
    if let Ok(user) = naming().user_of(text) {
        user_is_sound(&user);
    }
}

/// A configuration's problems do not tell the token, nor does the configuration. A line is a variable.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let variables = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect::<Vec<_>>();
    let read = Config::read(|name| {
        // Files are not read here.
        let given = variables
            .iter()
            .find(|(known, _)| *known == name && name != "VAULT_CACERT");
        given.map(|(_, value)| (*value).to_owned())
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

/// What holds for every user whose name was accepted.
fn user_is_sound(user: &UserName) {
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

/// The path that a server is asked for, after everything that a client does to it.
fn url_of(user: &UserName) -> String {
    let path = VaultPath {
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

    /// What was found by fuzzing, and where it begins.
    #[test]
    fn every_kept_input_holds() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (target, check) in ALL {
            let kept = std::fs::read_dir(corpus.join(target))
                .unwrap()
                .collect::<Vec<_>>();
            assert!(!kept.is_empty(), "{target} has no corpus");
            for file in kept {
                check(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }

    #[test]
    fn every_documented_payload_holds() {
        for file in
            std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events"))
                .unwrap()
        {
            payload(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}
