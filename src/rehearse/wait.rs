//! The stages that the deployed service has to reach: the key in Vault and in the state, and the
//! retirement.

use std::time::Duration;

use tokio::time::Instant;

use super::diagnosis::{diagnose, failed_checks};
use super::place::Place;
use super::run::{Ended, Run};
use super::stage::Stage;
use crate::backends::{Backends, EventPath, ParameterWriter};
use crate::config::OnUserDeleted;
use crate::error::Error;
use crate::snapshot::{Snapshot, VaultView};

const EVENT_PATH: &str = "event path";
const RECORD: &str = "record";
const RETIREMENT: &str = "retirement";

impl<B: Backends, P: FnMut(&Stage)> Run<'_, B, P>
where
    B::Parameters: ParameterWriter,
{
    /// Waits until Vault shows a new version of each secret, and until the state records the key.
    pub(super) async fn wait_for_key(&mut self, path: &impl EventPath) -> Result<(), Ended> {
        let before = self.before.iter().map(|secret| secret.vault.version());
        let before = before.collect::<Vec<_>>();
        let is_new = |(secret, before): (&Snapshot, &Option<u64>)| {
            let is_readable = matches!(secret.vault, VaultView::At(_));
            is_readable && secret.vault.version() > *before
        };
        let started = Instant::now();
        let has_new = |secrets: &[Snapshot]| {
            secrets.len() == before.len() && secrets.iter().zip(&before).all(is_new)
        };
        let Some(secrets) = self.wait_until(has_new, EVENT_PATH).await? else {
            return self.explain(path, EVENT_PATH).await;
        };
        let seen = started.elapsed();
        let created = secrets.iter().filter_map(|secret| secret.created_at).max();
        let put = secrets
            .iter()
            .filter_map(|secret| secret.parameter.revision());
        let put = put.map(|revision| revision.modified).max();
        let took = put
            .zip(created)
            .map(|(put, created)| created.duration_since(put));
        // The clocks of AWS and of Vault can differ.
        let took = took
            .map(|took| took.as_secs_f64())
            .filter(|took| *took >= 0.0);
        let detail = format!(
            "event, queue (with its delay) and function: Vault shows {}",
            versions(&secrets)
        );
        let took = took.unwrap_or(seen.as_secs_f64());
        self.end(Stage::pass(EVENT_PATH, detail).took(took));
        let started = Instant::now();
        let id = self.key.id.clone();
        let is_recorded = |secrets: &[Snapshot]| {
            let recorded = |secret: &Snapshot| {
                let record = secret.state.recorded();
                record.is_some_and(|record| record.access_key_id.as_ref() == Some(&id))
            };
            secrets.iter().all(recorded)
        };
        if self.wait_until(is_recorded, RECORD).await?.is_none() {
            return self.explain(path, RECORD).await;
        }
        let detail = "the state records the key and its version in Vault";
        self.end(Stage::pass(RECORD, detail).took(started.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Waits until the state records that the user is retired, and compares what became of the key
    /// with `ON_USER_DELETED`.
    pub(super) async fn wait_for_retirement(&mut self, path: &impl EventPath) -> Result<(), Ended> {
        let started = Instant::now();
        let is_retired = |secrets: &[Snapshot]| {
            let retired = |secret: &Snapshot| {
                let record = secret.state.recorded();
                record.is_some_and(|record| record.retired_at.is_some())
            };
            secrets.iter().all(retired)
        };
        let Some(secrets) = self.wait_until(is_retired, RETIREMENT).await? else {
            return self.explain(path, RETIREMENT).await;
        };
        // Of a secret that has other fields as well, a retirement removes fields only.
        let is_deleted = |secret: &Snapshot| {
            secret.target.merge || matches!(secret.vault, VaultView::Deleted(_))
        };
        let is_kept = |secret: &Snapshot| matches!(secret.vault, VaultView::At(_));
        let (name, is_expected) = match self.ctx.config.on_user_deleted {
            OnUserDeleted::Retain => ("retain", secrets.iter().all(is_kept)),
            OnUserDeleted::SoftDelete => ("soft-delete", secrets.iter().all(is_deleted)),
        };
        let detail = format!(
            "the state records that the user is retired; Vault shows {}; ON_USER_DELETED is {name} \
             here",
            versions(&secrets)
        );
        let stage = if is_expected {
            Stage::pass(RETIREMENT, detail)
        } else {
            let remedy = "set ON_USER_DELETED to the function's value, here or in the deployment";
            Stage::warn(RETIREMENT, detail, remedy)
        };
        self.end(stage.took(started.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Adds why a stage took too long. The parameter is deleted before, because this can take long.
    /// The state as it was before the deletion is the last observation.
    async fn explain(&mut self, path: &impl EventPath, stage: &'static str) -> Result<(), Ended> {
        self.clean_up().await;
        let place = match stage {
            RETIREMENT => Place::Here,
            _ => Place::of(&self.key.id, &self.last.records, &self.last.secrets),
        };
        let causes = async {
            match place {
                Place::Elsewhere(stage) => vec![stage],
                Place::Unknown if stage == EVENT_PATH => diagnose(path, self.order).await,
                // The event has reached the function.
                Place::Here | Place::Unknown => failed_checks(path, self.order).await,
            }
        };
        let stages = tokio::select! {
            stages = causes => stages,
            () = self.cancel.cancelled() => return self.stop("diagnosis"),
        };
        for stage in stages {
            self.end(stage);
        }
        Err(Ended)
    }
}

/// Names the versions of the secrets.
fn versions(secrets: &[Snapshot]) -> String {
    let versions = secrets.iter().map(|secret| {
        let version = secret.vault.version().unwrap_or_default();
        let deleted = match secret.vault {
            VaultView::Deleted(_) => " (deleted)",
            _ => "",
        };
        let path = &secret.target.location.path;
        format!("version {version} of {path}{deleted}")
    });
    versions.collect::<Vec<_>>().join(", ")
}

/// Returns the failure of a stage that took too long.
pub(super) fn late(stage: &'static str, wait: Duration, error: Option<&Error>) -> Stage {
    if let Some(error) = error {
        return Stage::of_error(stage, error);
    }
    let (what, remedy) = match stage {
        EVENT_PATH => (
            "Vault showed no new version",
            "see the stages below; a path that is only slow needs a longer --wait",
        ),
        RETIREMENT => (
            "the state did not record that the user is retired",
            "look at the function's log; an event deletes the keys of at most three users in an \
             hour, and the nightly reconcile run retires the user",
        ),
        _ => (
            "the state did not record the key",
            "allow the function's role to write the state objects (`keysync doctor`), or set \
             S3_BUCKET_NAME and SYNC_STATE_S3_PREFIX as the function has them",
        ),
    };
    Stage::fail(stage, format!("{what} within {} s", wait.as_secs()), remedy)
}
