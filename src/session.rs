//! The session with Vault: loads the token at first use, caches it, and reloads it after a 403.
//!
//! Expiry follows the server's reports and the wall clock, because a Lambda function's monotonic
//! clock stops while it is frozen.

mod renewal;
mod show;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::backends::{Etag, Tokens, Vault};
use crate::error::{Error, RAISE_LIMIT};
use crate::keys::VaultPath;
use crate::pace::VaultPace;
use crate::token::{Lifetime, TokenObject};

/// A failure within this time is retried once. It is longer than it takes to detect a dead
/// connection, and shorter than the time limits of a server that hangs.
const FAST_FAILURE: Duration = Duration::from_millis(2500);

/// The longest pause before the retry.
const MAX_RETRY_PAUSE: Duration = Duration::from_millis(500);

/// For how long a denial of the metadata is remembered, so that not every read costs three calls.
/// Policies change.
const HIDDEN_TTL: SignedDuration = SignedDuration::from_mins(10);

/// How long a call without a deadline of its own waits for Vault's rate limit. It is shorter than
/// the time limit of a check of the doctor.
const PATIENCE: Duration = Duration::from_secs(8);

/// The source of the token.
#[derive(Debug)]
pub enum TokenSource<T> {
    /// A given token, which is never written back.
    Fixed(SecretString),
    /// A stored token, which is written back after a renewal.
    Stored(T),
}

/// A Vault server and the token to call it with.
#[derive(Debug)]
pub struct VaultSession<V, T> {
    vault: V,
    source: TokenSource<T>,
    threshold_hours: u32,
    pace: VaultPace,
    cache: Mutex<TokenCache>,
}

/// The state kept between calls.
#[derive(Debug, Default)]
struct TokenCache {
    /// Counts loads, so that only the first of many callers with an expired token reloads it.
    generation: u64,
    token: Option<CachedToken>,
    /// The last failed load and its end. Callers that waited for it return the same error.
    failed: Option<(Instant, Error)>,
}

/// The token in memory.
#[derive(Debug)]
struct CachedToken {
    token: SecretString,
    stored: Option<(TokenObject, Etag)>,
    lifetime: Option<Lifetime>,
    use_limited: bool,
    /// The folders whose metadata Vault denied to this token, and when.
    metadata_hidden: HashMap<VaultPath, Timestamp>,
}

impl<V: Vault, T: Tokens> VaultSession<V, T> {
    /// Creates a session that loads its token at first use.
    pub fn new(
        vault: V,
        source: TokenSource<T>,
        threshold_hours: u32,
        calls_per_second: Option<u32>,
    ) -> Self {
        Self {
            vault,
            source,
            threshold_hours,
            pace: VaultPace::new(calls_per_second),
            cache: Mutex::default(),
        }
    }

    /// Calls Vault with the token like [`call_until`](Self::call_until), for a short time.
    ///
    /// # Errors
    /// The errors of `call` and of loading the token.
    pub async fn call<R>(
        &self,
        call: impl AsyncFn(&V, &SecretString) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.call_until(tokio::time::Instant::now() + PATIENCE, call)
            .await
    }

    /// Calls Vault with the token.
    ///
    /// A call that Vault rejects because of its rate limit is repeated until `deadline`, at the
    /// rate that Vault accepts. After a 403 the token is reloaded; if it has changed, the call is
    /// repeated. A call that fails fast because no server responds, as during a failover, is
    /// repeated after a short pause: redelivery by the queue would take too long for "within
    /// seconds".
    ///
    /// # Errors
    /// The errors of `call` and of loading the token; [`Error::Throttled`] at the deadline.
    pub async fn call_until<R>(
        &self,
        deadline: tokio::time::Instant,
        call: impl AsyncFn(&V, &SecretString) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let (token, generation) = self.token(None).await?;
        let denied = match self.paced(deadline, &call, &token).await {
            Err(error @ Error::Denied { .. }) => error,
            answer => return answer,
        };
        let (token, newer) = self.token(Some(generation)).await?;
        if newer == generation {
            Err(denied)
        } else {
            self.paced(deadline, &call, &token).await
        }
    }

    async fn paced<R>(
        &self,
        deadline: tokio::time::Instant,
        call: &impl AsyncFn(&V, &SecretString) -> Result<R, Error>,
        token: &SecretString,
    ) -> Result<R, Error> {
        let mut problem = Error::Throttled {
            operation: "calling",
            subject: "Vault".to_owned(),
            problem: "its rate limit, or VAULT_MAX_CALLS_PER_SECOND, left no time".to_owned(),
            remedy: RAISE_LIMIT,
            retry_after: None,
        };
        loop {
            let turn = tokio::time::timeout_at(deadline, self.pace.wait()).await;
            if turn.is_err() {
                return Err(problem);
            }
            match self.with_fast_retry(call, token).await {
                Err(error @ Error::Throttled { retry_after, .. }) => {
                    let rate = self.pace.rejected(retry_after);
                    tracing::debug!(calls_per_second = rate, "slowed down: {error}");
                    problem = error;
                }
                answer => {
                    if !matches!(answer, Err(Error::Unreachable { .. })) {
                        self.pace.accepted();
                    }
                    return answer;
                }
            }
        }
    }

    /// Returns true if Vault has recently denied the metadata of this folder to the token in use.
    pub async fn metadata_is_hidden(&self, path: &VaultPath) -> bool {
        let cache = self.cache.lock().await;
        let token = cache.token.as_ref();
        let denied_at = token.and_then(|cached| cached.metadata_hidden.get(&path.folder()));
        denied_at.is_some_and(|at| Timestamp::now().duration_since(*at).abs() < HIDDEN_TTL)
    }

    /// Remembers that Vault denies the metadata of this folder to the token in use.
    pub async fn remember_hidden_metadata(&self, path: &VaultPath) {
        if let Some(cached) = self.cache.lock().await.token.as_mut() {
            let folder = path.folder();
            cached.metadata_hidden.insert(folder, Timestamp::now());
        }
    }

    async fn with_fast_retry<R>(
        &self,
        call: &impl AsyncFn(&V, &SecretString) -> Result<R, Error>,
        token: &SecretString,
    ) -> Result<R, Error> {
        let started = Instant::now();
        match call(&self.vault, token).await {
            Err(Error::Unavailable { .. } | Error::Unreachable { .. })
                if started.elapsed() < FAST_FAILURE =>
            {
                tokio::time::sleep(MAX_RETRY_PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                self.pace.wait().await;
                call(&self.vault, token).await
            }
            answer => answer,
        }
    }

    /// Returns the token and its generation. Loads it if none is cached, or if the cached one is of
    /// the generation `rejected`.
    async fn token(&self, rejected: Option<u64>) -> Result<(SecretString, u64), Error> {
        let requested = Instant::now();
        let mut cache = self.cache.lock().await;
        if let Some((_, error)) = cache
            .failed
            .as_ref()
            .filter(|(ended, _)| *ended > requested)
        {
            return Err(error.clone());
        }
        let loaded = match (&cache.token, &self.source) {
            (None, TokenSource::Fixed(token)) => Some((token.clone(), None)),
            (None, TokenSource::Stored(store)) => {
                let (object, etag) = match store.load().await {
                    Ok(loaded) => loaded,
                    Err(error) => {
                        cache.failed = Some((Instant::now(), error.clone()));
                        return Err(error);
                    }
                };
                Some((object.token.clone(), Some((object, etag))))
            }
            (Some(known), TokenSource::Stored(store)) if rejected == Some(cache.generation) => {
                let (object, etag) = store.load().await?;
                let same = known
                    .stored
                    .as_ref()
                    .is_some_and(|(_, known)| *known == etag);
                if same && let Some(cached) = cache.token.as_mut() {
                    // The cached lifetime may be outdated.
                    cached.lifetime = None;
                }
                (!same).then(|| (object.token.clone(), Some((object, etag))))
            }
            (Some(_), _) => None,
        };
        if let Some((token, stored)) = loaded {
            cache.generation += 1;
            cache.token = Some(CachedToken {
                token,
                stored,
                lifetime: None,
                use_limited: false,
                metadata_hidden: HashMap::new(),
            });
        }
        let cached = cache
            .token
            .as_ref()
            .expect("a token is cached, or loading it failed above");
        Ok((cached.token.clone(), cache.generation))
    }
}
