//! The stages of a rehearsal, in their order.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Rehearse;
use super::key::RehearsalKey;
use super::preflight::{self, Found};
use super::stage::{Rehearsal, Stage};
use super::wait::late;
use crate::backends::{Backends, EventPath, ParameterWriter};
use crate::context::Context;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::ParameterName;
use crate::observe::{ReadStrategy, Subject, observe};
use crate::snapshot::{Assignment, SecretRecord, Snapshot, VaultView};

/// The pause between two observations.
const POLL: Duration = Duration::from_millis(500);

/// The time limit of one observation.
const MAX_OBSERVATION: Duration = Duration::from_secs(20);

/// The early end of the stages. The cause is a stage.
pub(super) struct Ended;

/// A rehearsal whose user may be rehearsed with.
pub(super) struct Run<'a, B: Backends, P> {
    pub(super) ctx: &'a Context<B>,
    pub(super) order: &'a Rehearse,
    pub(super) cancel: &'a CancellationToken,
    progress: P,
    pub(super) name: ParameterName,
    pub(super) key: RehearsalKey,
    /// What was observed before the first put.
    pub(super) before: Vec<Snapshot>,
    /// What was observed last, before a stage was too late.
    pub(super) last: Observation,
    stages: Vec<Stage>,
    /// Whether there may be a parameter to delete.
    pub(super) is_put: bool,
}

/// What was observed of the user.
#[derive(Default)]
pub(super) struct Observation {
    /// The secrets of the user's targets, or the reason why there is none.
    pub(super) secrets: Vec<Snapshot>,
    /// All that the state records, also of targets that were removed.
    pub(super) records: Vec<SecretRecord>,
}

async fn look<B: Backends>(ctx: &Context<B>, order: &Rehearse) -> Observation {
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
    Observation {
        secrets: secrets.filter(|secret| !is_removed(secret)).collect(),
        records: observed.stored.map_or(Vec::new(), |state| state.records),
    }
}

impl<'a, B: Backends, P: FnMut(&Stage)> Run<'a, B, P>
where
    B::Parameters: ParameterWriter,
{
    /// Observes what exists, and checks that the user may be rehearsed with.
    pub(super) async fn prepare(
        ctx: &'a Context<B>,
        order: &'a Rehearse,
        cancel: &'a CancellationToken,
        progress: P,
    ) -> Result<Self, Error> {
        let Observation { secrets, records } = look(ctx, order).await;
        let hidden = |secret: &Snapshot| matches!(secret.vault, VaultView::Hidden);
        if secrets.iter().any(hidden) {
            // An invalid token hides everything.
            ctx.session.show().await?;
        }
        let name = ctx.config.naming.parameter_of(&order.user);
        let exists = |secret: &Snapshot| secret.parameter.revision().is_some();
        let ids = match &name {
            Some(name) if secrets.iter().any(exists) => ctx.parameters.read_ids(name).await?,
            _ => None,
        };
        let text = name.as_ref().map_or("", ParameterName::as_str);
        let found = Found {
            secrets: &secrets,
            records: &records,
            ids: ids.as_ref(),
        };
        preflight::check(order.user.as_str(), text, &found)?;
        Ok(Self {
            ctx,
            order,
            cancel,
            progress,
            name: name.expect("a user without a parameter name is refused"),
            key: RehearsalKey::new(),
            before: secrets,
            last: Observation::default(),
            stages: Vec::new(),
            is_put: false,
        })
    }

    /// Runs all stages, and deletes the parameter however they end.
    pub(super) async fn rehearse(mut self, path: &impl EventPath) -> Rehearsal {
        // A stage that failed is in the list.
        let _: Result<(), Ended> = self.stages(path).await;
        self.clean_up().await;
        Rehearsal {
            user: self.order.user.to_string(),
            stages: self.stages,
        }
    }

    async fn stages(&mut self, path: &impl EventPath) -> Result<(), Ended> {
        self.put().await?;
        self.wait_for_key(path).await?;
        self.delete().await?;
        self.wait_for_retirement(path).await
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
            let observation = tokio::select! {
                observation = look(self.ctx, self.order) => observation,
                () = self.cancel.cancelled() => return self.stop(stage),
            };
            let secrets = &observation.secrets;
            let error = secrets.iter().find_map(Snapshot::unreadable);
            if error.is_none() && is_expected(secrets) {
                return Ok(Some(observation.secrets));
            }
            if Instant::now() >= deadline {
                let stage = late(stage, self.order.wait, error);
                self.end(stage);
                self.last = observation;
                return Ok(None);
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = self.cancel.cancelled() => return self.stop(stage),
            }
        }
    }

    pub(super) fn stop<T>(&mut self, stage: &'static str) -> Result<T, Ended> {
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
