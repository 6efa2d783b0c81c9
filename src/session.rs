//! The session with Vault: loads the token at first use, or logs in, caches the token, and gets it
//! anew after a 403.
//!
//! Expiry follows the server's reports and the wall clock, because a Lambda function's monotonic
//! clock stops while it is frozen.

mod call;
mod load;
mod renewal;
mod show;

use std::collections::HashMap;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::{Mutex, Semaphore};

use crate::backends::{Etag, Identity, Tokens, Vault};
use crate::error::Error;
use crate::keys::VaultPath;
use crate::pace::VaultPace;
use crate::token::{Lifetime, TokenObject};

/// For how long a denial of the metadata is remembered, so that not every read costs three calls.
/// Policies change.
const HIDDEN_TTL: SignedDuration = SignedDuration::from_mins(10);

/// The maximum number of calls at the same time. A process, on Lambda too, may have 1,024 files
/// open.
const MAX_CALLS: usize = 256;

/// The source of the token.
#[derive(Debug)]
pub enum TokenSource<T, I> {
    /// A given token, which is never written back.
    Fixed(SecretString),
    /// A stored token, which is written back after a renewal.
    Stored(T),
    /// A login with the AWS identity, repeated when its token ends.
    Login(I),
}

/// A Vault server and the token to call it with.
#[derive(Debug)]
pub struct VaultSession<V, T, I> {
    vault: V,
    source: TokenSource<T, I>,
    threshold_hours: u32,
    pace: VaultPace,
    cache: Mutex<TokenCache>,
    /// Limits the calls at the same time, each of which has a connection.
    calls: Semaphore,
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
    /// The folders and secrets whose metadata Vault denied to this token, and when.
    metadata_hidden: HashMap<VaultPath, Timestamp>,
}

impl<V: Vault, T: Tokens, I: Identity> VaultSession<V, T, I> {
    /// Creates a session that loads its token at first use.
    pub fn new(
        vault: V,
        source: TokenSource<T, I>,
        threshold_hours: u32,
        calls_per_second: Option<u32>,
    ) -> Self {
        Self {
            vault,
            source,
            threshold_hours,
            pace: VaultPace::new(calls_per_second),
            cache: Mutex::default(),
            calls: Semaphore::new(MAX_CALLS),
        }
    }

    /// Returns true if Vault has recently denied the metadata of this folder or secret to the token
    /// in use.
    pub async fn metadata_is_hidden(&self, path: &VaultPath) -> bool {
        let cache = self.cache.lock().await;
        let token = cache.token.as_ref();
        let denied_at = token.and_then(|cached| cached.metadata_hidden.get(path));
        denied_at.is_some_and(|at| Timestamp::now().duration_since(*at).abs() < HIDDEN_TTL)
    }

    /// Remembers that Vault denies the metadata of this folder or secret to the token in use.
    pub async fn remember_hidden_metadata(&self, path: &VaultPath) {
        if let Some(cached) = self.cache.lock().await.token.as_mut() {
            cached
                .metadata_hidden
                .insert(path.clone(), Timestamp::now());
        }
    }
}
