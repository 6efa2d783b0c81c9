//! The Vault token: loaded when first needed, kept in memory, loaded again after a 403, renewed when little is left.
//!
//! What the server says of the token counts, and the wall clock: a Lambda's monotonic clock stands still while it is
//! frozen.

mod show;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::backends::{Etag, PutResult, Tokens, Vault};
use crate::error::Error;
use crate::token::{Lifetime, TokenObject, TokenStatus};

/// A refusal that comes quicker than this is tried once more: longer than it takes to find that a connection is dead,
/// shorter than the time limits of a server that hangs.
const QUICK: Duration = Duration::from_millis(2500);

/// How long to wait before that, at the most.
const PAUSE: Duration = Duration::from_millis(500);

/// Where the token comes from.
#[derive(Debug)]
pub enum TokenSource<T> {
    /// It is given, and nowhere to be written back.
    Fixed(SecretString),
    /// It is stored, and written back after a renewal.
    Stored(T),
}

/// Vault, and the token that opens it.
#[derive(Debug)]
pub struct VaultSession<V, T> {
    vault: V,
    source: TokenSource<T>,
    threshold_hours: u32,
    memory: Mutex<Memory>,
}

/// What is kept between calls.
#[derive(Debug, Default)]
struct Memory {
    /// Counts loads, so that of many callers with the same dead token only the first loads it again.
    generation: u64,
    held: Option<CachedToken>,
    /// The last load that failed, and when it ended: whoever waited for it meanwhile need not wait for another.
    failed: Option<(Instant, Error)>,
}

/// The token in memory.
#[derive(Debug)]
struct CachedToken {
    token: SecretString,
    stored: Option<(TokenObject, Etag)>,
    lifetime: Option<Lifetime>,
    /// Whether Vault has refused it the metadata.
    metadata_is_hidden: bool,
}

impl<V: Vault, T: Tokens> VaultSession<V, T> {
    /// A session that loads its token when it is first needed.
    pub fn new(vault: V, source: TokenSource<T>, threshold_hours: u32) -> Self {
        Self {
            vault,
            source,
            threshold_hours,
            memory: Mutex::default(),
        }
    }

    /// Calls Vault with the token. After a 403 the token is loaded again, and if it is another one by now, the call is
    /// made once more. So it is after a moment when Vault could not answer but said so quickly, as it does while
    /// another server takes over: the queue would come back too late to be noticed as "within seconds".
    ///
    /// # Errors
    /// Those of `call`, and those of loading the token.
    pub async fn call<R>(
        &self,
        call: impl AsyncFn(&V, &SecretString) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let (token, generation) = self.token(None).await?;
        let denied = match self.with_fast_retry(&call, &token).await {
            Err(error @ Error::Denied { .. }) => error,
            answer => return answer,
        };
        let (token, newer) = self.token(Some(generation)).await?;
        if newer == generation {
            Err(denied)
        } else {
            call(&self.vault, &token).await
        }
    }

    /// Whether the token in use was found to be one that may not read metadata.
    pub async fn may_not_read_metadata(&self) -> bool {
        self.memory
            .lock()
            .await
            .held
            .as_ref()
            .is_some_and(|held| held.metadata_is_hidden)
    }

    /// Remembers that the token in use may not read metadata.
    pub async fn note_that_metadata_is_hidden(&self) {
        if let Some(held) = self.memory.lock().await.held.as_mut() {
            held.metadata_is_hidden = true;
        }
    }

    /// Looks at the token and renews it when little is left, or in any case when `force` is set. Asks Vault only when
    /// that is due, so that most invocations cost nothing.
    ///
    /// # Errors
    /// Those of loading the token and of asking Vault for it; those of the renewal only with `force` or when the
    /// token has no time left: one that is still valid must not stop a sync.
    pub async fn renew_if_due(&self, force: bool) -> Result<TokenStatus, Error> {
        if force {
            // Whoever asks for a renewal has perhaps just stored another token.
            self.memory.lock().await.held = None;
        }
        let (mut lifetime, generation) = self.lifetime().await?;
        let mut problems = Vec::new();
        let mut renewed = false;
        if lifetime.renewable
            && (force || lifetime.renewal_due(Timestamp::now(), self.threshold_hours))
        {
            match self
                .call(async |vault, token| vault.renew(token).await)
                .await
            {
                Ok(ttl) => {
                    lifetime = lifetime.renewed(ttl, Timestamp::now());
                    renewed = true;
                    problems.extend(self.write_back(&lifetime, generation).await);
                }
                Err(error) if force || lifetime.seconds_left(Timestamp::now()) == Some(0) => {
                    return Err(error);
                }
                Err(error) => problems.push(format!(
                    "the Vault token was not renewed, but is still valid: {error}"
                )),
            }
        }
        let now = Timestamp::now();
        problems.extend(lifetime.warnings(now).iter().map(ToString::to_string));
        Ok(TokenStatus {
            renewed,
            ..TokenStatus::of(&lifetime, now, problems)
        })
    }

    /// The token's lifetime, what is known of it or else what Vault says; and which load of the token it belongs to.
    async fn lifetime(&self) -> Result<(Lifetime, u64), Error> {
        let (_, generation) = self.token(None).await?;
        if let Some(known) = self
            .memory
            .lock()
            .await
            .held
            .as_ref()
            .and_then(|held| held.lifetime)
        {
            return Ok((known, generation));
        }
        let lifetime = self
            .call(async |vault, token| vault.lookup(token).await)
            .await?
            .lifetime;
        let mut memory = self.memory.lock().await;
        let generation = memory.generation;
        if let Some(held) = memory.held.as_mut() {
            held.lifetime = Some(lifetime);
        }
        Ok((lifetime, generation))
    }

    /// Keeps the new lifetime, in memory and in the token object; returns a complaint if that could not be written.
    async fn write_back(&self, lifetime: &Lifetime, generation: u64) -> Option<String> {
        let mut memory = self.memory.lock().await;
        let same = memory.generation == generation;
        let held = memory.held.as_mut()?;
        if !same {
            // Another token was loaded meanwhile, and it was that one that was renewed: it is looked up when next needed.
            held.lifetime = None;
            return None;
        }
        held.lifetime = Some(*lifetime);
        let (TokenSource::Stored(store), Some((known, etag))) = (&self.source, &held.stored) else {
            return None;
        };
        let object = known.renewed(lifetime);
        if object == *known {
            return None;
        }
        match store.save(&object, Some(etag)).await {
            Ok(PutResult::Saved(etag)) => held.stored = Some((object, etag)),
            // Somebody stored another token or renewed this one: it is loaded when it is needed next.
            Ok(PutResult::PreconditionFailed) => memory.held = None,
            Err(error) => {
                return Some(format!(
                    "the Vault token was renewed, but its object was not written: {error}"
                ));
            }
        }
        None
    }

    async fn with_fast_retry<R>(
        &self,
        call: &impl AsyncFn(&V, &SecretString) -> Result<R, Error>,
        token: &SecretString,
    ) -> Result<R, Error> {
        let started = Instant::now();
        match call(&self.vault, token).await {
            Err(Error::Unavailable { .. } | Error::Unreachable { .. })
                if started.elapsed() < QUICK =>
            {
                tokio::time::sleep(PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                call(&self.vault, token).await
            }
            answer => answer,
        }
    }

    /// The token and its generation; loads it if there is none, or again if it is still of the generation `dead`.
    async fn token(&self, dead: Option<u64>) -> Result<(SecretString, u64), Error> {
        let asked = Instant::now();
        let mut memory = self.memory.lock().await;
        if let Some((_, error)) = memory.failed.as_ref().filter(|(ended, _)| *ended > asked) {
            return Err(error.clone());
        }
        let loaded = match (&memory.held, &self.source) {
            (None, TokenSource::Fixed(token)) => Some((token.clone(), None)),
            (None, TokenSource::Stored(store)) => {
                let (object, etag) = match store.load().await {
                    Ok(loaded) => loaded,
                    Err(error) => {
                        memory.failed = Some((Instant::now(), error.clone()));
                        return Err(error);
                    }
                };
                Some((object.token.clone(), Some((object, etag))))
            }
            (Some(known), TokenSource::Stored(store)) if dead == Some(memory.generation) => {
                let (object, etag) = store.load().await?;
                let same = known
                    .stored
                    .as_ref()
                    .is_some_and(|(_, known)| *known == etag);
                if same && let Some(held) = memory.held.as_mut() {
                    // What was known of its life may be past.
                    held.lifetime = None;
                }
                (!same).then(|| (object.token.clone(), Some((object, etag))))
            }
            (Some(_), _) => None,
        };
        if let Some((token, stored)) = loaded {
            memory.generation += 1;
            memory.held = Some(CachedToken {
                token,
                stored,
                lifetime: None,
                metadata_is_hidden: false,
            });
        }
        let held = memory
            .held
            .as_ref()
            .expect("a token is held, or loading it failed above");
        Ok((held.token.clone(), memory.generation))
    }
}
