//! Backends in memory, for tests: each call takes one second of virtual time, and can fail.
//!
//! With a paused clock, the seconds that pass are the sequential round trips.

mod answers;
pub mod diagnostics;
pub mod fault;
mod inner;
mod vault;
#[cfg(feature = "cli")]
mod writer;

pub use inner::Inner;

pub use answers::state_of;

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use secrecy::{ExposeSecret, SecretString};

use crate::backends::diagnostics::Encryption;
use crate::backends::{Backends, Page};
use crate::config::Config;
use crate::context::Context;
use crate::error::Error;
use crate::session::{TokenSource, VaultSession};
use crate::snapshot::{Revision, SecretRecord};

/// The backends of one context.
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
    type Identity = Self;
    type Vault = Self;
    type Roster = Self;
    type Documents = Self;
}

impl Memory {
    /// Creates a context on these backends: in enhanced mode with a roster, unless `variables`
    /// configure something else.
    pub fn ctx(&self, variables: &[(&str, &str)]) -> Context<Self> {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name);
        let config = Config::read(|name| match (variable(name), name) {
            (Some((_, value)), _) => Some((*value).to_owned()),
            (None, "VAULT_ADDR") => Some("https://vault.example.org:8200".to_owned()),
            (None, "S3_BUCKET_NAME") if variable("VAULT_TOKEN").is_none() => {
                Some("bucket".to_owned())
            }
            (None, "AWS_REGION") => Some("ca-central-1".to_owned()),
            _ => None,
        });
        let config = config.unwrap();
        let source = match &config.vault.token {
            _ if config.vault.login.is_some() => TokenSource::Login(self.clone()),
            Some(token) => TokenSource::Fixed(token.clone()),
            None => TokenSource::Stored(self.clone()),
        };
        if self.inner().tokens.0.is_empty() {
            let mut inner = self.inner();
            inner.encryption = Encryption::Managed;
            inner.tokens = ("token".to_owned(), "token".to_owned());
            inner.ttl = 720 * 3600;
        }
        let session = VaultSession::new(
            self.clone(),
            source,
            config.token_refresh_threshold_hours,
            config.vault_calls_per_second,
        );
        let states = config.bucket.is_some().then(|| self.clone());
        let roster = config.roster_table.is_some().then(|| self.clone());
        let has_document = config.bucket.is_some() || config.targets_file.is_some();
        let document = has_document.then(|| self.clone());
        Context::new(config, self.clone(), states, session, roster, document)
    }

    /// Returns everything that the backends hold, to read and change it.
    pub fn inner(&self) -> RefMut<'_, Inner> {
        self.0.borrow_mut()
    }

    /// Puts a parameter as the platform does: its version grows, or starts at 1.
    pub fn put(&self, user: &str, value: &str, modified: &str) {
        let mut inner = self.inner();
        let name = parameter_name(user);
        let before = inner.parameters.get(&name);
        let revision = Revision {
            modified: modified.parse().unwrap(),
            version: before.map_or(1, |(_, revision)| revision.version + 1),
        };
        inner.parameters.insert(name, (value.to_owned(), revision));
    }

    /// Deletes a parameter.
    pub fn delete(&self, user: &str) {
        self.inner().parameters.remove(&parameter_name(user));
    }

    /// Deletes a user's parameter and row on the roster.
    pub fn remove_user(&self, user: &str) {
        self.delete(user);
        self.inner().roster.retain(|listed| listed != user);
    }

    /// Makes the next calls of this name fail.
    pub fn fail(&self, call: &'static str, times: usize, error: fn() -> Error) {
        self.inner().faults.extend(vec![(call, error); times]);
    }

    /// Makes another process change something right before the next call of this name.
    pub fn before_call(&self, call: &'static str, change: impl Fn(&mut Inner) + 'static) {
        self.inner().before_call.push((call, Box::new(change)));
    }

    /// Returns how many calls of this name were made.
    pub fn calls(&self, name: &str) -> usize {
        let calls = &self.inner().calls;
        let names = calls.iter().map(|call| call.split(' ').next());
        names.filter(|called| *called == Some(name)).count()
    }

    /// Returns the access key ids of a user's versions in Vault, oldest first; `-` for a deleted
    /// one.
    pub fn history(&self, user: &str) -> Vec<String> {
        let inner = self.inner();
        let versions = inner.vault.get(&secret_path(user)).into_iter().flatten();
        let ids = versions.map(|version| version.as_ref().map_or("-", |(id, _)| id));
        ids.map(str::to_owned).collect()
    }

    /// Returns the record of the secret without a document; if there is none, the first of the user.
    pub fn state(&self, user: &str) -> Option<SecretRecord> {
        let inner = self.inner();
        let (state, _) = inner.states.get(user)?;
        let here = secret_path(user);
        let is_here = |record: &&SecretRecord| record.vault_path.as_ref() == Some(&here);
        let record = state.records.iter().find(is_here);
        record.or(state.records.first()).cloned()
    }

    /// Returns whether a user is recorded as retired.
    pub fn is_retired(&self, user: &str) -> bool {
        self.state(user)
            .is_some_and(|state| state.retired_at.is_some())
    }

    fn check_token(&self, token: &SecretString) -> Result<(), Error> {
        let (inner, token) = (self.inner(), token.expose_secret());
        let is_accepted = token == inner.tokens.0 || inner.other_tokens.iter().any(|t| t == token);
        if is_accepted { Ok(()) } else { Err(denied()) }
    }
}

/// Returns the access key id of a user's key with this label, such as `OLD`.
pub fn key_id(label: &str, user: &str) -> String {
    let label = format!("{label}{}", user.replace('-', "").to_uppercase());
    format!("AKIA{label:0>12}")
}

/// Returns the value of a parameter that holds this key.
pub fn value(id: &str) -> String {
    format!(r#"{{"current": {{"AccessKeyID": "{id}", "SecretAccessKey": "secret-of-{id}"}}}}"#)
}

/// Returns the error of a denied call.
pub fn denied() -> Error {
    Error::denied("test", "test", "allow it (`test`)")
}

/// Returns the error of a service that is temporarily unavailable.
pub fn unavailable() -> Error {
    Error::unavailable("test", "test", "test")
}

/// A rejection because of Vault's rate limit.
pub fn throttled() -> Error {
    Error::Throttled {
        operation: "calling",
        subject: "Vault".to_owned(),
        problem: "Vault returned 429".to_owned(),
        remedy: "retry later, or raise the quota",
        retry_after: None,
    }
}

/// Returns the error of a service that is unreachable.
pub fn unreachable() -> Error {
    Error::Unreachable {
        operation: "test",
        subject: "test".to_owned(),
        problem: "test".to_owned(),
        remedy: "check VAULT_ADDR",
    }
}

/// Returns ten items, as Parameter Store does.
fn page<T>(call: &str, inner: &Inner, all: Vec<T>, from: Option<String>) -> Page<T> {
    let from = from.map_or(0, |from| from.parse().unwrap());
    let next = (from + 10 < all.len()).then(|| (from + 10).to_string());
    let first = (inner.endless_listing == Some(call)).then(|| "0".to_owned());
    let next = next.or(first);
    Page {
        items: all.into_iter().skip(from).take(10).collect(),
        next,
    }
}

fn parameter_name(user: &str) -> String {
    format!("/iam_users/{user}_keys")
}

fn secret_path(user: &str) -> String {
    format!("secret/aws/iam-keys/{user}")
}
