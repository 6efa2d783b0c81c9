//! Getting the token: given, stored, or that of a login.

use std::collections::HashMap;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::{CachedToken, TokenCache, TokenSource, VaultSession};
use crate::backends::{Identity, Tokens, Vault};
use crate::error::Error;
use crate::token::Lifetime;

/// A token of a login with less than this many seconds left is not used any more.
const MIN_SECONDS_LEFT: u64 = 60;

/// For how long after a login a 403 is that of the policy, and leads to no other login.
const FRESH: SignedDuration = SignedDuration::from_secs(30);

impl<V: Vault, T: Tokens, I: Identity> VaultSession<V, T, I> {
    /// Returns the token and its generation. Gets it if none is cached, if that of a login is about
    /// to end, or if the cached one is of the generation `rejected`. Concurrent callers share one
    /// load or login. `deadline` limits how long a login waits for Vault's rate limit.
    pub(super) async fn token(
        &self,
        rejected: Option<u64>,
        deadline: tokio::time::Instant,
    ) -> Result<(SecretString, u64), Error> {
        let requested = Instant::now();
        let mut cache = self.cache.lock().await;
        let failed = cache.failed.as_ref();
        if let Some((_, error)) = failed.filter(|(ended, _)| *ended > requested) {
            return Err(error.clone());
        }
        let is_rejected = rejected == Some(cache.generation);
        let loaded = match (&cache.token, &self.source) {
            (None, TokenSource::Fixed(token)) => Ok(Some(CachedToken::new(token.clone()))),
            (None, TokenSource::Stored(store)) => load(store).await.map(Some),
            (None, TokenSource::Login(identity)) => self.log_in(identity, deadline).await.map(Some),
            (Some(known), TokenSource::Login(identity))
                if (is_rejected && !known.is_fresh()) || known.ends_soon() =>
            {
                self.log_in(identity, deadline).await.map(Some)
            }
            (Some(_), TokenSource::Stored(store)) if is_rejected => {
                let loaded = load(store).await;
                loaded.map(|loaded| cache.replace_unless_same(loaded))
            }
            (Some(_), _) => Ok(None),
        };
        match loaded {
            Ok(Some(token)) => {
                cache.generation += 1;
                cache.token = Some(token);
            }
            Ok(None) => {}
            Err(error) => {
                cache.failed = Some((Instant::now(), error.clone()));
                return Err(error);
            }
        }
        let cached = cache.token.as_ref();
        let cached = cached.expect("a token is cached, or getting it failed above");
        Ok((cached.token.clone(), cache.generation))
    }

    /// Makes the cached token older, as if these seconds had passed on the wall clock.
    #[cfg(test)]
    pub(crate) async fn age_token(&self, seconds: i64) {
        let mut cache = self.cache.lock().await;
        let cached = cache.token.as_mut().expect("a token is cached");
        let lifetime = cached.lifetime.as_mut().expect("its lifetime is known");
        let age = SignedDuration::from_secs(seconds);
        lifetime.as_of -= age;
        lifetime.created_at -= age;
    }

    async fn log_in(
        &self,
        identity: &I,
        deadline: tokio::time::Instant,
    ) -> Result<CachedToken, Error> {
        let request = identity.login_request().await?;
        let answer = self.paced(deadline, async || self.vault.login(&request).await);
        let answer = answer.await?;
        let lifetime = Lifetime::of_login(answer.lease_seconds, Timestamp::now());
        Ok(CachedToken {
            lifetime: Some(lifetime),
            ..CachedToken::new(answer.token)
        })
    }
}

async fn load(store: &impl Tokens) -> Result<CachedToken, Error> {
    let (object, etag) = store.load().await?;
    Ok(CachedToken {
        stored: Some((object.clone(), etag)),
        ..CachedToken::new(object.token)
    })
}

impl TokenCache {
    /// Returns the token that was loaded, unless it is the cached one.
    fn replace_unless_same(&mut self, loaded: CachedToken) -> Option<CachedToken> {
        let etag = |token: &CachedToken| token.stored.as_ref().map(|(_, etag)| etag.clone());
        let cached = self.token.as_mut()?;
        if etag(cached) != etag(&loaded) {
            return Some(loaded);
        }
        // The cached lifetime may be outdated.
        cached.lifetime = None;
        None
    }
}

impl CachedToken {
    fn new(token: SecretString) -> Self {
        Self {
            token,
            stored: None,
            lifetime: None,
            use_limited: false,
            metadata_hidden: HashMap::new(),
        }
    }

    /// Returns whether the login was a moment ago: another one would be denied the same.
    fn is_fresh(&self) -> bool {
        self.lifetime.is_some_and(|lifetime| {
            Timestamp::now().duration_since(lifetime.created_at).abs() < FRESH
        })
    }

    /// Returns whether the token of a login ends before a call with it may be answered.
    fn ends_soon(&self) -> bool {
        self.lifetime.is_some_and(|lifetime| {
            let left = lifetime.seconds_left(Timestamp::now());
            let enough = MIN_SECONDS_LEFT.min(lifetime.creation_ttl_seconds / 2);
            left.is_some_and(|left| left < enough)
        })
    }
}
