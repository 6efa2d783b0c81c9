//! The stages of a rehearsal, in their order.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::key::RehearsalKey;
use super::stage::{Rehearsal, Stage};
use super::wait::late;
use super::{Rehearse, preflight};
use crate::backends::{Backends, EventPath, ParameterWriter};
use crate::context::Context;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::ParameterName;
use crate::observe::{ReadStrategy, Subject, observe};
use crate::snapshot::{Assignment, Snapshot, VaultView};

/// The pause between two observations.
const POLL: Duration = Duration::from_millis(500);

/// The time limit of one observation.
const MAX_OBSERVATION: Duration = Duration::from_secs(20);

const CLEANUP: &str = "cleanup";

/// The early end of the stages. The cause is a stage.
pub(super) struct Ended;

/// A rehearsal whose user may be rehearsed with.
pub(super) struct Run<'a, B: Backends, P> {
    pub(super) ctx: &'a Context<B>,
    pub(super) order: &'a Rehearse,
    cancel: &'a CancellationToken,
    progress: P,
    name: ParameterName,
    /// What was observed before the first put.
    pub(super) before: Vec<Snapshot>,
    stages: Vec<Stage>,
    /// Whether there may be a parameter to delete.
    is_put: bool,
}

/// Observes the secrets of the user's targets, or the reason why there is none.
async fn look<B: Backends>(ctx: &Context<B>, order: &Rehearse) -> Vec<Snapshot> {
    let invocation = Invocation::new(ctx, Instant::now() + MAX_OBSERVATION, u32::MAX);
    let subject = Subject {
        user: &order.user,
        event: None,
    };
    let observed = observe(&invocation, subject, ReadStrategy::VAULT_FIRST).await;
    let secrets = observed.secrets.into_iter().map(|secret| secret.snapshot);
    let is_removed = |secret: &Snapshot| {
        matches!(
            secret.assignment,
            Assignment::Removed(_) | Assignment::Reassigned(_)
        )
    };
    secrets.filter(|secret| !is_removed(secret)).collect()
}

impl<'a, B: Backends, P: FnMut(&Stage)> Run<'a, B, P>
where
    B::Parameters: ParameterWriter,
{
    /// Checks that the user does not exist.
    ///
    /// # Errors
    /// The reason why the user is refused, and what could not be read.
    pub(super) async fn prepare(
        ctx: &'a Context<B>,
        order: &'a Rehearse,
        cancel: &'a CancellationToken,
        progress: P,
    ) -> Result<Self, Error> {
        let before = look(ctx, order).await;
        let hidden = |secret: &Snapshot| matches!(secret.vault, VaultView::Hidden);
        if before.iter().any(hidden) {
            // An invalid token hides everything.
            ctx.session.show().await?;
        }
        let naming = &ctx.config.naming;
        let name = naming.parameter_of(&order.user);
        let text = name.as_ref().map_or("", ParameterName::as_str);
        preflight::check(order.user.as_str(), text, &before)?;
        Ok(Self {
            ctx,
            order,
            cancel,
            progress,
            name: name.expect("a user without a parameter name is refused"),
            before,
            stages: Vec::new(),
            is_put: false,
        })
    }

    /// Runs all stages, and deletes the parameter however they end.
    pub(super) async fn rehearse(mut self, path: &impl EventPath) -> Rehearsal {
        // What ended the stages is one of them.
        let _: Result<(), Ended> = self.stages(path).await;
        if self.is_put {
            let stage = match self.ctx.parameters.delete(&self.name).await {
                Ok(()) => Stage::pass(CLEANUP, format!("deleted the parameter {}", self.name)),
                Err(error) => {
                    let remedy =
                        format!("delete it: `aws ssm delete-parameter --name {}`", self.name);
                    Stage::fail(CLEANUP, error.to_string(), remedy)
                }
            };
            self.end(stage);
        }
        Rehearsal {
            user: self.order.user.to_string(),
            stages: self.stages,
        }
    }

    async fn stages(&mut self, path: &impl EventPath) -> Result<(), Ended> {
        let key = RehearsalKey::new();
        self.put(&key).await?;
        self.wait_for_key(&key, path).await?;
        self.delete().await?;
        self.wait_for_retirement(path).await
    }

    /// Puts the parameter as the platform does: first without a current key.
    async fn put(&mut self, key: &RehearsalKey) -> Result<(), Ended> {
        if self.cancel.is_cancelled() {
            return self.stop("first put");
        }
        let started = Instant::now();
        self.is_put = true;
        match self
            .ctx
            .parameters
            .create(&self.name, &key.first_value())
            .await
        {
            Ok(true) => {}
            Ok(false) => {
                self.is_put = false;
                let detail = format!("the parameter {} has appeared meanwhile", self.name);
                let remedy = "name a user who does not exist (--user)";
                return self.fail(Stage::fail("first put", detail, remedy));
            }
            Err(error) => {
                // After any other failure, the parameter may exist.
                self.is_put = !matches!(error, Error::Denied { .. });
                return self.fail(Stage::of_error("first put", &error));
            }
        }
        let detail = format!("put {} without a current key", self.name);
        self.end(Stage::pass("first put", detail).took(started.elapsed().as_secs_f64()));
        let started = Instant::now();
        match self
            .ctx
            .parameters
            .replace(&self.name, &key.second_value())
            .await
        {
            Ok(version) => {
                let detail = format!("put version {version} with a key that is none");
                self.end(Stage::pass("second put", detail).took(started.elapsed().as_secs_f64()));
                Ok(())
            }
            Err(error) => self.fail(Stage::of_error("second put", &error)),
        }
    }

    async fn delete(&mut self) -> Result<(), Ended> {
        let started = Instant::now();
        if let Err(error) = self.ctx.parameters.delete(&self.name).await {
            return self.fail(Stage::of_error("deletion", &error));
        }
        self.is_put = false;
        let stage = Stage::pass("deletion", format!("deleted {}", self.name));
        self.end(stage.took(started.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Observes until the secrets are as expected; `None`, and a failed stage, if that takes too
    /// long.
    pub(super) async fn wait_until(
        &mut self,
        is_expected: impl Fn(&[Snapshot]) -> bool,
        stage: &'static str,
    ) -> Result<Option<Vec<Snapshot>>, Ended> {
        let deadline = Instant::now() + self.order.wait;
        loop {
            let secrets = tokio::select! {
                secrets = look(self.ctx, self.order) => secrets,
                () = self.cancel.cancelled() => return self.stop(stage),
            };
            let error = secrets.iter().find_map(Snapshot::unreadable);
            if error.is_none() && is_expected(&secrets) {
                return Ok(Some(secrets));
            }
            if Instant::now() >= deadline {
                let stage = late(stage, self.order.wait, error);
                self.end(stage);
                return Ok(None);
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = self.cancel.cancelled() => return self.stop(stage),
            }
        }
    }

    fn stop<T>(&mut self, stage: &'static str) -> Result<T, Ended> {
        let stopped = Stage::fail(stage, "stopped before it ended", "repeat the rehearsal");
        self.fail(stopped)
    }

    pub(super) fn fail<T>(&mut self, stage: Stage) -> Result<T, Ended> {
        self.end(stage);
        Err(Ended)
    }

    pub(super) fn end(&mut self, stage: Stage) {
        (self.progress)(&stage);
        self.stages.push(stage);
    }
}
