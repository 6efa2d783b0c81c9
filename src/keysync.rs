//! The operations of the service on the real backends.
//!
//! Delegates; holds no rule of its own.

mod named;
#[cfg(feature = "cli")]
mod operator;
mod targets;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::context::{Context, Live, connect};
use crate::deadlines::{Deadlines, MAX_INVOCATION, MAX_SELF_TEST};
use crate::doctor::{Check, answer_without_context, doctor};
use crate::error::Error;
use crate::explain::{Explanation, explain};
use crate::keys::UserName;
use crate::reconcile::{OPERATOR_REQUEST, Progress, ReconcileResult, reconcile};
use crate::report::Report;
use crate::status::{Status, status};
use crate::telemetry::Metrics;
use crate::token::{TokenStatus, TokenView};
use crate::token_import::{AppRole, Imported, import, import_of_approle};
use crate::trigger::{Reconcile, SyncUsers};
use named::sync_named;

/// The service: a configuration, and the backends that it names.
///
/// Its futures are not `Send`, because all work is done on one thread: await them in `main`, or on
/// a `LocalSet`.
#[derive(Debug)]
pub struct KeySync {
    ctx: Context<Live>,
    /// Services that only operators use.
    #[cfg(feature = "cli")]
    operator: operator::Services,
}

impl KeySync {
    /// Creates the clients for a configuration. AWS credentials and Region come from the
    /// environment, as the AWS SDK reads them. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] if no client can be created from the configuration.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        #[cfg_attr(not(feature = "cli"), expect(unused_variables))]
        let (ctx, aws) = Box::pin(connect(config)).await?;
        Ok(Self {
            #[cfg(feature = "cli")]
            operator: operator::Services::new(&aws, &ctx.config.aws.endpoints),
            ctx,
        })
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.ctx.config
    }

    /// Syncs named users now, whatever is recorded about them; the report is in their order.
    pub async fn sync(&self, order: &SyncUsers) -> Report {
        Box::pin(sync_named(&self.ctx, order)).await
    }

    /// Reconciles all users, or those that `order` names, and renews the Vault token. `progress` is
    /// called for each user; cancelling finishes the users in flight.
    ///
    /// # Errors
    /// Those of the record of the last run. What fails during the run is part of the result.
    pub async fn reconcile(
        &self,
        order: &Reconcile,
        cancel: &CancellationToken,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<ReconcileResult, Error> {
        let id = format!("{OPERATOR_REQUEST}{:016x}", fastrand::u64(..));
        let deadlines = Deadlines::until(Instant::now() + MAX_INVOCATION);
        let run = Box::pin(reconcile(
            &self.ctx, order, &id, deadlines, cancel, progress,
        ));
        // A plan for new users alone would not notice that Vault is not accessible.
        let token = async {
            if order.dry_run {
                self.ctx.session.show().await.err()
            } else {
                None
            }
        };
        let (run, problem) = tokio::join!(run, token);
        let mut run = run?;
        run.problems.extend(problem.map(|error| error.to_string()));
        run.report.problems.clone_from(&run.problems);
        Ok(run)
    }

    /// Returns the status of all users, or of these.
    ///
    /// # Errors
    /// [`Error::PartialFailure`] if it is cancelled before it starts. What could not be read is one
    /// of the status's problems.
    pub async fn status(
        &self,
        users: Option<Vec<UserName>>,
        cancel: &CancellationToken,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<Status, Error> {
        let deadlines = Deadlines::until(Instant::now() + MAX_INVOCATION);
        let status = status(&self.ctx, users, deadlines, cancel, progress);
        let (status, _) = Box::pin(status).await?;
        Ok(status)
    }

    /// Returns the explanation of one user.
    ///
    /// # Errors
    /// None at present: what could not be read is part of the explanation.
    pub async fn explain(&self, user: &UserName) -> Result<Explanation, Error> {
        let deadlines = Deadlines::until(Instant::now() + MAX_INVOCATION);
        let (users, never) = (Some(vec![user.clone()]), CancellationToken::new());
        let status = status(&self.ctx, users, deadlines, &never, |_| {});
        let (
            Status {
                users,
                last_run,
                last_run_problem,
                ..
            },
            results,
        ) = Box::pin(status).await?;
        let last_run = match &last_run_problem {
            Some(problem) => Err(problem.as_str()),
            None => Ok(last_run.as_ref()),
        };
        Ok(explain(
            &self.ctx.config,
            &users,
            &results,
            last_run,
            Timestamp::now(),
        ))
    }

    /// Returns what Vault reports about the token; it is not renewed.
    ///
    /// # Errors
    /// Those of loading the token and of looking it up in Vault.
    pub async fn token(&self) -> Result<TokenView, Error> {
        self.ctx.session.show().await
    }

    /// Renews the Vault token and returns its new state.
    ///
    /// # Errors
    /// Those of loading the token and of renewing it.
    pub async fn renew_token(&self) -> Result<TokenStatus, Error> {
        let deadline = Instant::now() + MAX_INVOCATION;
        self.ctx.session.renew_if_due(true, deadline).await
    }

    /// Stores another Vault token, or the one that `candidate` wraps, after Vault has been asked
    /// about it.
    ///
    /// # Errors
    /// [`Error::BadToken`] for a token that cannot do the work, and, unless `accept_warnings`, for
    /// one that has issues; [`Error::BadConfiguration`] if no token is stored; those of Vault and
    /// of the bucket.
    pub async fn import_token(
        &self,
        candidate: SecretString,
        accept_warnings: bool,
    ) -> Result<Imported, Error> {
        Box::pin(import(&self.ctx, candidate, accept_warnings)).await
    }

    /// Logs in once with an AppRole, and stores the token after Vault has been asked about it.
    ///
    /// # Errors
    /// Those of [`import_token`](Self::import_token); [`Error::BadToken`] also for a refused login.
    pub async fn import_token_of(
        &self,
        role: &AppRole,
        accept_warnings: bool,
    ) -> Result<Imported, Error> {
        Box::pin(import_of_approle(&self.ctx, role, accept_warnings)).await
    }

    /// Checks everything that a deployment needs, from where this runs.
    pub async fn doctor(&self) -> Vec<Check> {
        Box::pin(doctor(&self.ctx, Instant::now() + MAX_SELF_TEST)).await
    }

    /// Answers a Lambda payload when there is no [`KeySync`] because of `error`; `None` for all
    /// payloads that cannot be answered then.
    pub fn answer_without_configuration(payload: &Value, error: &Error) -> Option<Value> {
        answer_without_context(payload, error)
    }

    /// Answers a Lambda payload by `deadline`; logs what happens to each user and counts it in
    /// `metrics`.
    ///
    /// # Errors
    /// - [`Error::BadEvent`] for an unknown payload.
    /// - [`Error::SyncFailed`] if the user of a direct event failed.
    /// - [`Error::PartialFailure`] for a reconcile run that is not complete, and those of its record
    ///   if it could not start.
    /// - Those of the token for a renewal.
    pub async fn handle(
        &self,
        payload: Value,
        request_id: &str,
        deadline: Instant,
        metrics: &mut Metrics,
    ) -> Result<Value, Error> {
        Box::pin(crate::handler::handle(
            &self.ctx, payload, request_id, deadline, metrics,
        ))
        .await
    }
}
