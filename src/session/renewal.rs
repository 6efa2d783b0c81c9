//! Renewal of the token in use, and its write back to the token object.

use jiff::Timestamp;
use tokio::time::Instant;

use super::{TokenSource, VaultSession};
use crate::backends::{Identity, PutResult, Tokens, Vault};
use crate::error::Error;
use crate::token::{Lifetime, TokenIssue, TokenStatus};

impl<V: Vault, T: Tokens, I: Identity> VaultSession<V, T, I> {
    /// Renews the token if it is due, or always if `force` is set. Calls Vault only when due, so
    /// that most invocations cost nothing.
    ///
    /// # Errors
    /// The errors of loading and of looking up the token. An error of the renewal is returned only
    /// with `force` or if the token has expired, because a valid token must not stop a sync.
    pub async fn renew_if_due(&self, force: bool, deadline: Instant) -> Result<TokenStatus, Error> {
        if self.logs_in() {
            return self.login_status(deadline).await;
        }
        if force {
            // The caller may just have stored another token.
            self.cache.lock().await.token = None;
        }
        let (mut lifetime, generation) = self.lifetime(deadline).await?;
        let mut problems = Vec::new();
        let mut renewed = false;
        if lifetime.renewable
            && (force || lifetime.renewal_due(Timestamp::now(), self.threshold_hours))
        {
            let renew = async |vault: &V, token: &_| vault.renew(token).await;
            match self.call_until(deadline, renew).await {
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
        let cached = &self.cache.lock().await.token;
        if cached.as_ref().is_some_and(|cached| cached.use_limited) {
            problems.push(format!(
                "the Vault token: {}",
                TokenIssue::UseLimited.advice()
            ));
        }
        Ok(TokenStatus {
            renewed,
            ..TokenStatus::of(&lifetime, now, problems)
        })
    }

    /// Returns the status of a login, after another one if its token ends soon.
    async fn login_status(&self, deadline: Instant) -> Result<TokenStatus, Error> {
        self.token(None, deadline).await?;
        let cache = self.cache.lock().await;
        let lifetime = cache.token.as_ref().and_then(|cached| cached.lifetime);
        let lifetime = lifetime.expect("the token of a login has a lifetime");
        Ok(TokenStatus {
            login: true,
            ..TokenStatus::of(&lifetime, Timestamp::now(), Vec::new())
        })
    }

    /// Returns the token's lifetime, cached or looked up, and the generation that it belongs to.
    async fn lifetime(&self, deadline: Instant) -> Result<(Lifetime, u64), Error> {
        let (_, generation) = self.token(None, deadline).await?;
        if let Some(known) = self
            .cache
            .lock()
            .await
            .token
            .as_ref()
            .and_then(|cached| cached.lifetime)
        {
            return Ok((known, generation));
        }
        let lookup = async |vault: &V, token: &_| vault.lookup(token).await;
        let facts = self.call_until(deadline, lookup).await?;
        let mut cache = self.cache.lock().await;
        let generation = cache.generation;
        if let Some(cached) = cache.token.as_mut() {
            cached.lifetime = Some(facts.lifetime);
            cached.use_limited = facts.use_limited;
        }
        Ok((facts.lifetime, generation))
    }

    /// Stores the new lifetime, in memory and in the token object. Returns a problem to report if
    /// the object could not be written.
    async fn write_back(&self, lifetime: &Lifetime, generation: u64) -> Option<String> {
        let mut cache = self.cache.lock().await;
        let same = cache.generation == generation;
        let cached = cache.token.as_mut()?;
        if !same {
            // Another token was loaded in the meantime, and the renewal was for that one. The next
            // use looks it up.
            cached.lifetime = None;
            return None;
        }
        cached.lifetime = Some(*lifetime);
        let (TokenSource::Stored(store), Some((known, etag))) = (&self.source, &cached.stored)
        else {
            return None;
        };
        let object = known.renewed(lifetime);
        if object == *known {
            return None;
        }
        match store.save(&object, Some(etag)).await {
            Ok(PutResult::Saved(etag)) => cached.stored = Some((object, etag)),
            // Another process stored a token or renewed this one. The next use loads it.
            Ok(PutResult::PreconditionFailed) => cache.token = None,
            Err(error) => {
                return Some(format!(
                    "the Vault token was renewed, but its object was not written: {error}"
                ));
            }
        }
        None
    }
}
