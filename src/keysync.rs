//! Everything that can be asked of the service, on the real stores.
//!
//! Delegates; holds no rule of its own.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::Instant;

use crate::config::Config;
use crate::context::Context;
use crate::context::{Live, connect};
use crate::doctor::{Check, answer_without_context, doctor};
use crate::error::Error;
use crate::explain::{Explanation, explain};
use crate::keys::UserName;
use crate::observe::Look;
use crate::reconcile::{Run, Watch, run};
use crate::report::{Outcome, Report};
use crate::status::{Status, status};
use crate::sync::{OnlySay, Request, sync_all};
use crate::telemetry::Metrics;
use crate::token::{TokenStatus, TokenView};
use crate::token_import::{Imported, import};
use crate::trigger::Reconcile;

/// How long anything may take: as long as the longest invocation of a Lambda function.
const LASTS: Duration = Duration::from_mins(15);

/// How long the doctor may take.
const EXAMINED_WITHIN: Duration = Duration::from_mins(1);

/// The service: a configuration, and the stores that it names.
///
/// Its futures are not `Send`, because all work is done on one thread: await them in `main`, or on a `LocalSet`.
#[derive(Debug)]
pub struct KeySync {
    ctx: Context<Live>,
}

impl KeySync {
    /// Prepares to work with what is configured. Credentials and Region of AWS come from the environment, as the AWS SDK
    /// reads them. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] where no client can be made from the configuration.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        Ok(Self {
            ctx: connect(config).await?,
        })
    }

    /// What is configured.
    pub fn config(&self) -> &Config {
        &self.ctx.config
    }

    /// Syncs these users now, whatever is recorded of them; the report comes in their order. With `dry_run` it only says
    /// what would be done.
    pub async fn sync(&self, users: &[UserName], dry_run: bool) -> Report {
        let deadline = Instant::now() + LASTS;
        let started = Instant::now();
        let only_say = if dry_run {
            OnlySay::All
        } else {
            OnlySay::Nothing
        };
        let requests = users
            .iter()
            .map(|user| Request::asked(user.clone(), Look::THOROUGH, only_say))
            .collect();
        let renew_if_due = async {
            if dry_run {
                Ok(None)
            } else {
                self.ctx.maintain_token(false, deadline).await.map(Some)
            }
        };
        let (reports, token) = tokio::join!(sync_all(&self.ctx, requests, deadline), renew_if_due);
        // Where nobody could be synced, the reports say what is wrong.
        if let Err(complaint) = token
            && reports.iter().any(|user| user.outcome != Outcome::Failed)
        {
            self.ctx.warn_of_token(vec![complaint]);
        }
        Report::of("sync", reports, started.elapsed())
    }

    /// Sweeps everybody, or whom `order` names, and renews the token.
    ///
    /// # Errors
    /// Those of the record of the last sweep; what failed of the sweep itself is part of the answer.
    pub async fn reconcile(&self, order: &Reconcile, watch: &impl Watch) -> Result<Run, Error> {
        let id = format!("keysync-{:016x}", fastrand::u64(..));
        let sweep = Box::pin(run(&self.ctx, order, &id, Instant::now() + LASTS, watch));
        // A plan for new users alone would not notice that there is no way into Vault.
        let token = async {
            if order.dry_run {
                self.ctx.session.show().await.err()
            } else {
                None
            }
        };
        let (run, trouble) = tokio::join!(sweep, token);
        let mut run = run?;
        run.problems.extend(trouble.map(|error| error.to_string()));
        run.report.problems.clone_from(&run.problems);
        Ok(run)
    }

    /// How everybody stands, or these users.
    ///
    /// # Errors
    /// None so far: what could not be found out is among the status's problems.
    pub async fn status(
        &self,
        users: Option<Vec<UserName>>,
        watch: &impl Watch,
    ) -> Result<Status, Error> {
        let (status, _) = Box::pin(status(&self.ctx, users, Instant::now() + LASTS, watch)).await?;
        Ok(status)
    }

    /// The whole story of one user.
    ///
    /// # Errors
    /// None so far: what could not be found out is part of the story.
    pub async fn explain(&self, user: &UserName) -> Result<Explanation, Error> {
        let users = Some(vec![user.clone()]);
        let (status, seen) =
            Box::pin(status(&self.ctx, users, Instant::now() + LASTS, &())).await?;
        let seen = seen
            .into_iter()
            .next()
            .expect("there is a row for each named user");
        let (sighting, last_run) = (
            seen.sighting.as_deref(),
            if status.last_run_is_known {
                Ok(status.last_run.as_ref())
            } else {
                Err(())
            },
        );
        Ok(explain(
            &self.ctx.config,
            seen.row,
            sighting,
            last_run,
            Timestamp::now(),
        ))
    }

    /// What is known of the Vault token; it is not renewed.
    ///
    /// # Errors
    /// Those of loading the token and of asking Vault for it.
    pub async fn token(&self) -> Result<TokenView, Error> {
        self.ctx.session.show().await
    }

    /// Renews the Vault token; its new state.
    ///
    /// # Errors
    /// Those of loading the token and of renewing it.
    pub async fn renew_token(&self) -> Result<TokenStatus, Error> {
        self.ctx.session.renew_if_due(true).await
    }

    /// Backends another Vault token, or the one that `candidate` wraps, after Vault has been asked about it.
    ///
    /// # Errors
    /// [`Error::BadToken`] for one that cannot do the work, and, unless `accept_warnings`, for one that has issues;
    /// [`Error::BadConfiguration`] where no token is stored; those of Vault and of the bucket.
    pub async fn import_token(
        &self,
        candidate: SecretString,
        accept_warnings: bool,
    ) -> Result<Imported, Error> {
        Box::pin(import(&self.ctx, candidate, accept_warnings)).await
    }

    /// Looks at everything that a deployment needs, from where this runs.
    pub async fn doctor(&self) -> Vec<Check> {
        Box::pin(doctor(&self.ctx, Instant::now() + EXAMINED_WITHIN)).await
    }

    /// Answers a Lambda payload when there is no [`KeySync`] because of `error`; `None` for all that cannot be answered then.
    pub fn answer_without_configuration(payload: &Value, error: &Error) -> Option<Value> {
        answer_without_context(payload, error)
    }

    /// Answers a Lambda payload by `deadline`; logs what happens to each user, and counts it in `metrics`.
    ///
    /// # Errors
    /// [`Error::BadEvent`] for a payload that is none of ours; [`Error::SyncFailed`] when the user of a direct event
    /// failed; [`Error::PartialFailure`] for a sweep that was not complete, those of its record where it could not begin;
    /// those of the token for a renewal.
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
