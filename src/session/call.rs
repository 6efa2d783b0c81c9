//! Calls to Vault: at the rate that it accepts, with the token that is valid now.

use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::VaultSession;
use crate::backends::{Identity, Tokens, Vault};
use crate::error::{Error, RAISE_LIMIT};

/// A failure within this time is retried once. It is longer than it takes to detect a dead
/// connection, and shorter than the time limits of a server that hangs.
const FAST_FAILURE: Duration = Duration::from_millis(2500);

/// The longest pause before the retry.
const MAX_RETRY_PAUSE: Duration = Duration::from_millis(500);

/// How long a call is repeated that Vault rejects because of its rate limit while it accepts other
/// calls: the quota is that of the call's namespace, mount or path.
const MAX_REJECTED: Duration = Duration::from_secs(20);

/// How many rejections of a call slow all calls down. If other calls are accepted at the lower
/// rate, later rejections are those of a quota of its own.
const SHARED_REJECTIONS: u32 = 3;

/// The least pause of a call that a quota of its own rejects.
const OWN_PAUSE: Duration = Duration::from_secs(1);

/// How long a call without a deadline of its own waits for Vault's rate limit. It is shorter than
/// the time limit of a check of the doctor.
const PATIENCE: Duration = Duration::from_secs(8);

impl<V: Vault, T: Tokens, I: Identity> VaultSession<V, T, I> {
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
        let (token, generation) = self.token(None, deadline).await?;
        let answer = self.paced(deadline, async || call(&self.vault, &token).await);
        let denied = match answer.await {
            Err(error @ Error::Denied { .. }) => error,
            answer => return answer,
        };
        let (token, newer) = self.token(Some(generation), deadline).await?;
        if newer == generation {
            return Err(denied);
        }
        let answer = self.paced(deadline, async || call(&self.vault, &token).await);
        answer.await
    }

    /// Makes a call at the rate that Vault accepts, until `deadline`. A call whose own quota is
    /// used up waits alone, and fails after a while: it must not keep others from their turn.
    ///
    /// # Errors
    /// The errors of `call`; [`Error::Throttled`] at the deadline.
    pub(super) async fn paced<R>(
        &self,
        deadline: tokio::time::Instant,
        call: impl AsyncFn() -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut problem = Error::Throttled {
            operation: "calling",
            subject: "Vault".to_owned(),
            problem: "its rate limit, or VAULT_MAX_CALLS_PER_SECOND, left no time".to_owned(),
            remedy: RAISE_LIMIT,
            retry_after: None,
        };
        let (mut first_rejected, mut rejections) = (None, 0);
        loop {
            let turn = async {
                self.pace.wait().await;
                self.calls.acquire().await
            };
            let Ok(permit) = tokio::time::timeout_at(deadline, turn).await else {
                return Err(problem);
            };
            let answer = self.with_fast_retry(&call).await;
            drop(permit);
            match answer {
                Err(error @ Error::Throttled { retry_after, .. }) => {
                    let now = tokio::time::Instant::now();
                    let since = *first_rejected.get_or_insert(now);
                    rejections += 1;
                    let is_own = self.pace.has_accepted_since(since);
                    if is_own && now - since >= MAX_REJECTED {
                        return Err(error);
                    }
                    if !is_own || rejections <= SHARED_REJECTIONS {
                        let rate = self.pace.rejected(retry_after);
                        tracing::debug!(calls_per_second = rate, "slowed down: {error}");
                    }
                    problem = error;
                    if is_own {
                        let turn = now + retry_after.unwrap_or_default().max(OWN_PAUSE);
                        if turn >= deadline {
                            return Err(problem);
                        }
                        tokio::time::sleep_until(turn).await;
                    }
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

    async fn with_fast_retry<R>(
        &self,
        call: &impl AsyncFn() -> Result<R, Error>,
    ) -> Result<R, Error> {
        let started = Instant::now();
        match call().await {
            Err(Error::Unavailable { .. } | Error::Unreachable { .. })
                if started.elapsed() < FAST_FAILURE =>
            {
                tokio::time::sleep(MAX_RETRY_PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                self.pace.wait().await;
                call().await
            }
            answer => answer,
        }
    }
}
