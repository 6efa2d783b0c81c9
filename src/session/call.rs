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

    /// Makes a call at the rate that Vault accepts, until `deadline`.
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
        loop {
            let turn = async {
                self.pace.wait().await;
                self.calls.acquire().await
            };
            let Ok(_permit) = tokio::time::timeout_at(deadline, turn).await else {
                return Err(problem);
            };
            match self.with_fast_retry(&call).await {
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
