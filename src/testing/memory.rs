//! Backends in memory, for tests: every call takes one second of virtual time and can be told to fail.
//!
//! With a paused clock the seconds that pass are the round trips that were made one after the other.

mod answers;
pub mod diagnostics;
pub mod fault;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use secrecy::{ExposeSecret, SecretString};

use crate::backends::diagnostics::{Encryption, Health};
use crate::backends::{Backends, Etag, Page, PutResult};
use crate::config::Config;
use crate::context::Context;
use crate::error::Error;
use crate::session::{TokenSource, VaultSession};
use crate::snapshot::{ReconcileRecord, Revision, UserState, VaultView};
use crate::token::TokenFacts;
use fault::CallFault;

/// The name of a call, and what it gives instead of an answer.
pub type Fault = (&'static str, fn() -> Error);

/// The name of a call, and what happens right before it.
pub type Meanwhile = (&'static str, Box<dyn Fn(&mut Inner)>);

/// Everything that the stores hold. The test looks at it and changes it between calls.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Inner {
    /// Parameters: value and revision.
    pub parameters: BTreeMap<String, (String, Revision)>,
    /// State objects: text of the state and version.
    pub states: BTreeMap<String, (UserState, u64)>,
    /// Users whose state object cannot be understood, until it is written again.
    pub damaged: Vec<String>,
    /// The record of the last sweep and its version.
    pub run: Option<(ReconcileRecord, u64)>,
    /// Whether the next write of the record, or of the token, takes effect and is answered as if it had not.
    pub lose_answer: bool,
    /// What is mounted in Vault: engine and version; `None` for what should be.
    pub mounted: Option<(&'static str, Option<&'static str>)>,
    /// Whether Vault gives the metadata of all keys at once.
    pub lists_metadata: bool,
    /// What the legacy recorded.
    pub legacy: BTreeMap<String, UserState>,
    /// Secrets: the versions, oldest first; a deleted one holds no key.
    pub vault: BTreeMap<String, Vec<Option<(String, String)>>>,
    /// Who is on the roster.
    pub roster: Vec<String>,
    /// The token that Vault takes, and the one that is stored; an empty text is no object.
    pub tokens: (String, String),
    /// Tokens that Vault takes besides.
    pub other_tokens: Vec<String>,
    /// What wrapping tokens hold: the path whose answer it is, and the token in it, if there is one.
    pub wrapped: BTreeMap<String, (String, Option<String>)>,
    /// Tokens that were revoked.
    pub revoked: Vec<String>,
    /// What is otherwise about the token.
    pub alter: Option<fn(&mut TokenFacts)>,
    /// What the token may on paths, instead of what the narrow policy lets it.
    pub capabilities: Vec<(&'static str, &'static [&'static str])>,
    /// How Vault is, unless it is well.
    pub health: Option<Health>,
    /// Whether conditional writes are made although their condition does not hold.
    pub unconditional: bool,
    /// How the bucket encrypts.
    pub encryption: Encryption,
    /// What is left of the token, in seconds.
    pub ttl: u64,
    /// Errors to give, by the name of the call, each once, before the call has any effect.
    pub faults: Vec<Fault>,
    /// What another writer does, once, right before the call of this name.
    pub meanwhile: Vec<Meanwhile>,
    /// What happens at which call, counted from 0.
    pub call_faults: BTreeMap<usize, CallFault>,
    /// How many seconds the calls take, over and over; each one second where nothing is said.
    pub paces: Vec<u8>,
    /// Whether the process was killed: nothing is answered any more.
    pub dead: bool,
    /// The calls that were made.
    pub calls: Vec<String>,
    etags: u64,
}

impl Inner {
    /// What is answered to a conditional write that was made.
    fn saved_as(&mut self, etag: String) -> PutResult {
        if std::mem::take(&mut self.lose_answer) {
            PutResult::PreconditionFailed
        } else {
            PutResult::Saved(Etag(etag))
        }
    }
}

/// One ctx's stores.
#[derive(Clone, Default)]
pub struct Memory(pub Rc<RefCell<Inner>>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Backends for Memory {
    type Parameters = Self;
    type States = Self;
    type Tokens = Self;
    type Vault = Self;
    type Roster = Self;
}

impl Memory {
    /// A ctx on these stores, in enhanced mode with a roster unless `variables` say otherwise.
    pub fn ctx(&self, variables: &[(&str, &str)]) -> Context<Self> {
        let config = Config::read(|name| {
            let given = variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned());
            given.or_else(|| match name {
                "VAULT_ADDR" => Some("https://vault.example.org:8200".to_owned()),
                "S3_BUCKET_NAME" if !variables.iter().any(|(name, _)| *name == "VAULT_TOKEN") => {
                    Some("bucket".to_owned())
                }
                _ => None,
            })
        })
        .unwrap();
        let source = match &config.vault.token {
            Some(token) => TokenSource::Fixed(token.clone()),
            None => TokenSource::Stored(self.clone()),
        };
        if self.0.borrow().tokens.0.is_empty() {
            self.0.borrow_mut().encryption = Encryption::Managed;
            self.0.borrow_mut().tokens = ("token".to_owned(), "token".to_owned());
            self.0.borrow_mut().ttl = 720 * 3600;
        }
        let session = VaultSession::new(self.clone(), source, config.token_refresh_threshold_hours);
        let states = config.bucket.is_some().then(|| self.clone());
        let roster = config.roster_table.is_some().then(|| self.clone());
        Context::new(config, self.clone(), states, session, roster)
    }

    /// Puts a parameter as the platform does: the version grows, or starts at 1.
    pub fn put(&self, user: &str, value: &str, modified: &str) {
        let mut inner = self.0.borrow_mut();
        let version = inner
            .parameters
            .get(&name(user))
            .map_or(1, |(_, revision)| revision.version + 1);
        let revision = Revision {
            modified: modified.parse().unwrap(),
            version,
        };
        inner
            .parameters
            .insert(name(user), (value.to_owned(), revision));
    }

    /// Deletes a parameter.
    pub fn delete(&self, user: &str) {
        self.0.borrow_mut().parameters.remove(&name(user));
    }

    /// The access key ids of a user's versions in Vault, oldest first; `-` for a deleted one.
    pub fn history(&self, user: &str) -> Vec<String> {
        let versions = self
            .0
            .borrow()
            .vault
            .get(&secret(user))
            .cloned()
            .unwrap_or_default();
        versions
            .into_iter()
            .map(|version| version.map_or("-".to_owned(), |(id, _)| id))
            .collect()
    }

    /// A user's state.
    pub fn state(&self, user: &str) -> Option<UserState> {
        self.0
            .borrow()
            .states
            .get(user)
            .map(|(state, _)| state.clone())
    }

    fn opens(&self, token: &SecretString) -> Result<(), Error> {
        let inner = self.0.borrow();
        let token = token.expose_secret();
        let takes =
            token == inner.tokens.0 || inner.other_tokens.iter().any(|other| token == other);
        if takes { Ok(()) } else { Err(denied()) }
    }
}

/// The value of a parameter that holds this key.
pub fn value(id: &str) -> String {
    format!(r#"{{"current": {{"AccessKeyID": "{id}", "SecretAccessKey": "secret-of-{id}"}}}}"#)
}

/// What Vault answers to a token that may not.
pub fn denied() -> Error {
    Error::Denied {
        operation: "test",
        subject: "test".to_owned(),
        remedy: "test",
    }
}

/// What a service answers that cannot now.
pub fn unavailable() -> Error {
    Error::Unavailable {
        operation: "test",
        subject: "test".to_owned(),
        problem: "test".to_owned(),
    }
}

/// What it is when nobody answers.
pub fn unreachable() -> Error {
    Error::Unreachable {
        operation: "test",
        subject: "test".to_owned(),
        problem: "test".to_owned(),
    }
}

/// Ten items, as Parameter Store gives them.
fn page<T>(all: Vec<T>, from: Option<String>) -> Page<T> {
    let from = from.map_or(0, |from| from.parse().unwrap());
    let next = (from + 10 < all.len()).then(|| (from + 10).to_string());
    Page {
        items: all.into_iter().skip(from).take(10).collect(),
        next,
    }
}

fn view(versions: &[Option<(String, String)>]) -> VaultView {
    VaultView::At {
        version: versions.len() as u64,
        readable: versions.last().is_some_and(Option::is_some),
    }
}

fn name(user: &str) -> String {
    format!("/iam_users/{user}_keys")
}

fn secret(user: &str) -> String {
    format!("secret/aws/iam-keys/{user}")
}
