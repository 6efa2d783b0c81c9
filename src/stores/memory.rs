//! Stores in memory, for tests: every call takes one second of virtual time and can be told to fail.
//!
//! With a paused clock the seconds that pass are the round trips that were made one after the other.

pub mod inspection;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::inspection::{Encryption, Health};
use super::{Etag, Found, Page, Parameters, Published, Roster, Runs, Saved, States, Stores, Tokens, Vault, Written};
use crate::config::Config;
use crate::error::Error;
use crate::keys::{AccessKey, ParameterName, ParameterNaming, UserName, VaultPath};
use crate::reconcile::LastRun;
use crate::snapshot::{Cas, Parameter, Revision, UserState, VaultView};
use crate::token::{Lifetime, Session, TokenFacts, TokenObject, TokenSource};
use crate::world::World;

/// The name of a call, and what it gives instead of an answer.
pub type Fault = (&'static str, fn() -> Error);

/// The name of a call, and what happens right before it.
pub type Meanwhile = (&'static str, Box<dyn Fn(&mut Inner)>);

/// Everything that the stores hold. The test looks at it and changes it between calls.
#[derive(Default)]
pub struct Inner {
    /// Parameters: value and revision.
    pub parameters: BTreeMap<String, (String, Revision)>,
    /// State objects: text of the state and version.
    pub states: BTreeMap<String, (UserState, u64)>,
    /// The record of the last sweep and its version.
    pub run: Option<(LastRun, u64)>,
    /// Whether the next write of the record, or of the token, takes effect and is answered as if it had not.
    pub lose_answer: bool,
    /// Whether Vault gives the metadata of all keys at once.
    pub surveys: bool,
    /// What the predecessor recorded.
    pub predecessor: BTreeMap<String, UserState>,
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
    pub rights: Vec<(&'static str, &'static [&'static str])>,
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
    /// The calls that were made.
    pub calls: Vec<String>,
    etags: u64,
}

/// One world's stores.
#[derive(Clone, Default)]
pub struct Memory(pub Rc<RefCell<Inner>>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Stores for Memory {
    type Parameters = Self;
    type States = Self;
    type Tokens = Self;
    type Vault = Self;
    type Roster = Self;
}

impl Memory {
    /// A world on these stores, in enhanced mode with a roster unless `variables` say otherwise.
    pub fn world(&self, variables: &[(&str, &str)]) -> World<Self> {
        let config = Config::read(|name| {
            let given = variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
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
        let session = Session::new(self.clone(), source, config.token_refresh_threshold_hours);
        let states = config.bucket.is_some().then(|| self.clone());
        let roster = config.roster_table.is_some().then(|| self.clone());
        World::new(config, self.clone(), states, session, roster)
    }

    /// Puts a parameter as the platform does: the version grows, or starts at 1.
    pub fn put(&self, user: &str, value: &str, modified: &str) {
        let mut inner = self.0.borrow_mut();
        let version = inner.parameters.get(&name(user)).map_or(1, |(_, revision)| revision.version + 1);
        let revision = Revision { modified: modified.parse().unwrap(), version };
        inner.parameters.insert(name(user), (value.to_owned(), revision));
    }

    /// Deletes a parameter.
    pub fn delete(&self, user: &str) {
        self.0.borrow_mut().parameters.remove(&name(user));
    }

    /// The access key ids of a user's versions in Vault, oldest first; `-` for a deleted one.
    pub fn history(&self, user: &str) -> Vec<String> {
        let versions = self.0.borrow().vault.get(&secret(user)).cloned().unwrap_or_default();
        versions.into_iter().map(|version| version.map_or("-".to_owned(), |(id, _)| id)).collect()
    }

    /// A user's state.
    pub fn state(&self, user: &str) -> Option<UserState> {
        self.0.borrow().states.get(user).map(|(state, _)| state.clone())
    }

    async fn call(&self, call: &'static str, subject: &str) -> Result<(), Error> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let meanwhile = {
            let mut inner = self.0.borrow_mut();
            inner.calls.push(format!("{call} {subject}"));
            let due = inner.meanwhile.iter().position(|(name, _)| *name == call);
            due.map(|due| inner.meanwhile.remove(due).1)
        };
        if let Some(act) = meanwhile {
            act(&mut self.0.borrow_mut());
        }
        let mut inner = self.0.borrow_mut();
        let fault = inner.faults.iter().position(|(name, _)| *name == call);
        fault.map_or(Ok(()), |fault| Err(inner.faults.remove(fault).1()))
    }

    fn opens(&self, token: &SecretString) -> Result<(), Error> {
        let inner = self.0.borrow();
        let token = token.expose_secret();
        let takes = token == inner.tokens.0 || inner.other_tokens.iter().any(|other| token == other);
        if takes { Ok(()) } else { Err(denied()) }
    }
}

/// The value of a parameter that holds this key.
pub fn value(id: &str) -> String {
    format!(r#"{{"current": {{"AccessKeyID": "{id}", "SecretAccessKey": "secret-of-{id}"}}}}"#)
}

/// What Vault answers to a token that may not.
pub fn denied() -> Error {
    Error::Denied { operation: "test", subject: "test".to_owned(), remedy: "test" }
}

/// What a service answers that cannot now.
pub fn unavailable() -> Error {
    Error::Unavailable { operation: "test", subject: "test".to_owned(), problem: "test".to_owned() }
}

/// What it is when nobody answers.
pub fn unreachable() -> Error {
    Error::Unreachable { operation: "test", subject: "test".to_owned(), problem: "test".to_owned() }
}

fn view(versions: &[Option<(String, String)>]) -> VaultView {
    VaultView::At { version: versions.len() as u64, readable: versions.last().is_some_and(Option::is_some) }
}

fn name(user: &str) -> String {
    format!("/iam_users/{user}_keys")
}

fn secret(user: &str) -> String {
    format!("secret/aws/iam-keys/{user}")
}

impl Parameters for Memory {
    async fn read(&self, name: &ParameterName) -> Parameter {
        if let Err(error) = self.call("ssm-read", name.as_str()).await {
            return Parameter::Unreadable(error);
        }
        match self.0.borrow().parameters.get(name.as_str()) {
            None => Parameter::Absent,
            Some((value, revision)) => Parameter::parse(&value.as_str().into(), *revision),
        }
    }

    async fn page(&self, naming: &ParameterNaming, from: Option<String>) -> Result<Page<(UserName, Parameter)>, Error> {
        self.call("ssm-page", "").await?;
        let inner = self.0.borrow();
        let all = inner.parameters.iter().map(|(name, (value, revision))| {
            (naming.user_of(name).unwrap(), Parameter::parse(&value.as_str().into(), *revision))
        });
        Ok(page(all.collect(), from))
    }
}

/// Ten items, as Parameter Store gives them.
fn page<T>(all: Vec<T>, from: Option<String>) -> Page<T> {
    let from = from.map_or(0, |from| from.parse().unwrap());
    let next = (from + 10 < all.len()).then(|| (from + 10).to_string());
    Page { items: all.into_iter().skip(from).take(10).collect(), next }
}

impl States for Memory {
    async fn load(&self, user: &UserName) -> Result<Found, Error> {
        self.call("s3-load", user.as_str()).await?;
        let inner = self.0.borrow();
        Ok(match inner.states.get(user.as_str()) {
            Some((state, etag)) => {
                Found { state: Some(state.clone()), etag: Some(Etag(etag.to_string())), damaged: false }
            }
            None => Found { state: inner.predecessor.get(user.as_str()).cloned(), ..Found::default() },
        })
    }

    async fn save(&self, state: &UserState, over: Option<&Etag>) -> Result<Saved, Error> {
        self.call("s3-save", &state.user_name).await?;
        let mut inner = self.0.borrow_mut();
        if inner.states.get(&state.user_name).map(|(_, etag)| etag.to_string()) != over.map(|etag| etag.0.clone()) {
            return Ok(Saved::LostRace);
        }
        inner.etags += 1;
        let etag = inner.etags;
        inner.states.insert(state.user_name.clone(), (state.clone(), etag));
        Ok(Saved::As(Etag(etag.to_string())))
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        self.call("s3-page", "").await?;
        let inner = self.0.borrow();
        Ok(page(inner.states.keys().chain(inner.predecessor.keys()).cloned().collect(), from))
    }
}

impl Runs for Memory {
    async fn load_run(&self) -> Result<(Option<LastRun>, Option<Etag>), Error> {
        self.call("s3-run", "").await?;
        let run = self.0.borrow().run.clone();
        Ok((run.as_ref().map(|(run, _)| run.clone()), run.map(|(_, etag)| Etag(etag.to_string()))))
    }

    async fn save_run(&self, run: &LastRun, over: Option<&Etag>) -> Result<Saved, Error> {
        self.call("s3-run-save", "").await?;
        let mut inner = self.0.borrow_mut();
        if inner.run.as_ref().map(|(_, etag)| etag.to_string()) != over.map(|etag| etag.0.clone()) {
            return Ok(Saved::LostRace);
        }
        inner.etags += 1;
        let etag = inner.etags;
        inner.run = Some((run.clone(), etag));
        let lost = std::mem::take(&mut inner.lose_answer);
        Ok(if lost { Saved::LostRace } else { Saved::As(Etag(etag.to_string())) })
    }
}

impl Tokens for Memory {
    async fn load(&self) -> Result<(TokenObject, Etag), Error> {
        self.call("s3-token", "").await?;
        let token = self.0.borrow().tokens.1.clone();
        let unusable = |problem| Error::Unexpected { operation: "test", subject: "test".to_owned(), problem };
        if token.is_empty() {
            return Err(unusable("there is no token object".to_owned()));
        }
        let object = TokenObject::parse(format!(r#"{{"token": "{token}"}}"#).as_bytes()).map_err(unusable)?;
        Ok((object, Etag(token)))
    }

    async fn version(&self) -> Result<Option<Etag>, Error> {
        self.call("s3-token-version", "").await?;
        Ok(Some(self.0.borrow().tokens.1.clone()).filter(|token| !token.is_empty()).map(Etag))
    }

    async fn save(&self, object: &TokenObject, over: Option<&Etag>) -> Result<Saved, Error> {
        self.call("s3-token-save", "").await?;
        let mut inner = self.0.borrow_mut();
        if inner.tokens.1 != over.map(|etag| etag.0.clone()).unwrap_or_default() {
            return Ok(Saved::LostRace);
        }
        object.token.expose_secret().clone_into(&mut inner.tokens.1);
        let lost = std::mem::take(&mut inner.lose_answer);
        Ok(if lost { Saved::LostRace } else { Saved::As(Etag(inner.tokens.1.clone())) })
    }
}

impl Vault for Memory {
    async fn write(
        &self,
        token: &SecretString,
        path: &VaultPath,
        _: &UserName,
        key: &AccessKey,
        cas: Cas,
    ) -> Result<Written, Error> {
        self.call("vault-write", &path.path).await?;
        self.opens(token)?;
        let mut inner = self.0.borrow_mut();
        let versions = inner.vault.entry(path.to_string()).or_default();
        if cas != Cas::Unchecked && cas != Cas::Version(versions.len() as u64) {
            return Ok(Written::Refused);
        }
        versions.push(Some((key.id.clone(), key.secret().expose_secret().to_owned())));
        Ok(Written::At(versions.len() as u64))
    }

    async fn metadata(&self, token: &SecretString, path: &VaultPath) -> Result<VaultView, Error> {
        self.call("vault-metadata", &path.path).await?;
        self.opens(token)?;
        Ok(match self.0.borrow().vault.get(&path.to_string()) {
            None => VaultView::Absent,
            Some(versions) => {
                VaultView::At { version: versions.len() as u64, readable: versions.last().is_some_and(Option::is_some) }
            }
        })
    }

    async fn survey(
        &self,
        token: &SecretString,
        mount: &str,
        folder: &str,
    ) -> Result<Option<HashMap<String, VaultView>>, Error> {
        self.call("vault-survey", folder).await?;
        self.opens(token)?;
        let inner = self.0.borrow();
        let views = inner.vault.iter().filter_map(|(path, versions)| {
            let user = path.strip_prefix(&format!("{mount}/{folder}/"))?;
            Some((user.to_owned(), view(versions)))
        });
        Ok(inner.surveys.then(|| views.collect()))
    }

    async fn read(&self, token: &SecretString, path: &VaultPath) -> Result<Published, Error> {
        self.call("vault-read", &path.path).await?;
        self.opens(token)?;
        Ok(match self.0.borrow().vault.get(&path.to_string()) {
            None => Published::Absent,
            Some(versions) => {
                let key = versions.last().cloned().flatten();
                let key = key.map(|(id, secret)| AccessKey::new(id, secret.into()).unwrap());
                Published::Key(key, versions.len() as u64)
            }
        })
    }

    async fn soft_delete(&self, token: &SecretString, path: &VaultPath, version: u64) -> Result<(), Error> {
        self.call("vault-delete", &path.path).await?;
        self.opens(token)?;
        let index = usize::try_from(version).unwrap() - 1;
        self.0.borrow_mut().vault.get_mut(&path.to_string()).unwrap()[index] = None;
        Ok(())
    }

    async fn lookup(&self, token: &SecretString) -> Result<TokenFacts, Error> {
        self.call("vault-lookup", "").await?;
        self.opens(token)?;
        let lifetime = Lifetime {
            ttl_seconds: Some(self.0.borrow().ttl),
            period_seconds: Some(720 * 3600),
            explicit_max_ttl_seconds: None,
            creation_ttl_seconds: 720 * 3600,
            renewable: true,
            renewed: false,
            created_at: Timestamp::now(),
            as_of: Timestamp::now(),
        };
        let policies = vec!["default".to_owned(), "iam-key-sync".to_owned()];
        let mut facts = TokenFacts { lifetime, batch: false, counted: false, orphan: true, policies };
        if let Some(alter) = self.0.borrow().alter {
            alter(&mut facts);
        }
        Ok(facts)
    }

    async fn renew(&self, token: &SecretString) -> Result<u64, Error> {
        self.call("vault-renew", "").await?;
        self.opens(token)?;
        self.0.borrow_mut().ttl = 720 * 3600;
        Ok(720 * 3600)
    }
}

impl Roster for Memory {
    async fn lists(&self, user: &UserName) -> Result<bool, Error> {
        self.call("roster", user.as_str()).await?;
        Ok(self.0.borrow().roster.iter().any(|listed| listed == user.as_str()))
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        self.call("roster-page", "").await?;
        Ok(page(self.0.borrow().roster.clone(), from))
    }
}
