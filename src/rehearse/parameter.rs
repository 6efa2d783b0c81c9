//! The parameter of a rehearsal: put as the platform does, and deleted.
//!
//! The platform can create the same user at any time. So the parameter is read before it is
//! replaced or deleted, and it is left unless it holds the key of this rehearsal alone.

use tokio::time::Instant;

use super::key::PREFIX;
use super::run::{Ended, Run};
use super::stage::Stage;
use crate::backends::{Backends, ParameterWriter};
use crate::error::Error;

const FIRST_PUT: &str = "first put";
const SECOND_PUT: &str = "second put";
const DELETION: &str = "deletion";
const CLEANUP: &str = "cleanup";

/// What the parameter holds.
enum Holder {
    /// There is no parameter.
    Absent,
    /// The key of this rehearsal.
    Rehearsal,
    /// Other keys.
    Other,
}

impl<B: Backends, P: FnMut(&Stage)> Run<'_, B, P>
where
    B::Parameters: ParameterWriter,
{
    /// Puts the parameter twice: first without a current key.
    pub(super) async fn put(&mut self) -> Result<(), Ended> {
        if self.cancel.is_cancelled() {
            return self.stop(FIRST_PUT);
        }
        let started = Instant::now();
        let value = self.key.first_value();
        let created = self.ctx.parameters.create(&self.name, &value).await;
        // After any other failure, the parameter may exist; what deletes it reads it before.
        self.is_put = !matches!(created, Err(Error::Denied { .. }));
        match created {
            Ok(true) => {}
            // Ours if the response to an attempt before was lost.
            Ok(false) => self.expect_own(FIRST_PUT).await?,
            Err(error) => return self.fail(Stage::of_error(FIRST_PUT, &error)),
        }
        let detail = format!("put {} without a current key", self.name);
        self.end(Stage::pass(FIRST_PUT, detail).took(started.elapsed().as_secs_f64()));
        let started = Instant::now();
        self.expect_own(SECOND_PUT).await?;
        let value = self.key.second_value();
        match self.ctx.parameters.replace(&self.name, &value).await {
            Ok(version) => {
                let detail = format!("put version {version} with a key that AWS never issued");
                self.end(Stage::pass(SECOND_PUT, detail).took(started.elapsed().as_secs_f64()));
                Ok(())
            }
            Err(error) => self.fail(Stage::of_error(SECOND_PUT, &error)),
        }
    }

    /// Deletes the parameter, as the platform does with a user who is gone.
    pub(super) async fn delete(&mut self) -> Result<(), Ended> {
        let started = Instant::now();
        match self.delete_own(DELETION).await {
            Ok(stage) => {
                self.end(stage.took(started.elapsed().as_secs_f64()));
                Ok(())
            }
            Err(stage) => self.fail(stage),
        }
    }

    /// Deletes the parameter if there may be one.
    pub(super) async fn clean_up(&mut self) {
        if !self.is_put {
            return;
        }
        let (Ok(stage) | Err(stage)) = self.delete_own(CLEANUP).await;
        self.is_put = false;
        self.end(stage);
    }

    /// Deletes the parameter if it holds the key of this rehearsal. Returns the stage, as an error
    /// if it failed.
    async fn delete_own(&mut self, stage: &'static str) -> Result<Stage, Stage> {
        let deleted = match self.holder().await {
            Ok(Holder::Absent) => Ok("there is no parameter"),
            Ok(Holder::Rehearsal) => {
                let deleted = self.ctx.parameters.delete(&self.name).await;
                deleted.map(|()| "deleted the parameter")
            }
            Ok(Holder::Other) => return Err(self.leave(stage)),
            Err(error) => Err(error),
        };
        match deleted {
            Ok(what) => {
                self.is_put = false;
                Ok(Stage::pass(stage, format!("{what} {}", self.name)))
            }
            Err(error) => {
                let name = &self.name;
                let remedy = format!(
                    "delete it if its key id begins with {PREFIX}: `aws ssm delete-parameter \
                     --name {name}`"
                );
                Err(Stage::fail(stage, error.without_remedy(), remedy))
            }
        }
    }

    /// Fails the stage unless the parameter holds the key of this rehearsal.
    async fn expect_own(&mut self, stage: &'static str) -> Result<(), Ended> {
        let failed = match self.holder().await {
            Ok(Holder::Rehearsal) => return Ok(()),
            Ok(Holder::Absent) => {
                self.is_put = false;
                let detail = format!("the parameter {} was deleted meanwhile", self.name);
                Stage::fail(stage, detail, "repeat the rehearsal")
            }
            Ok(Holder::Other) => self.leave(stage),
            Err(error) => Stage::of_error(stage, &error),
        };
        self.fail(failed)
    }

    /// Leaves the parameter of another user. Returns the failure of the stage.
    fn leave(&mut self, stage: &'static str) -> Stage {
        self.is_put = false;
        let name = &self.name;
        let detail = format!("the parameter {name} is another user's by now; it was left");
        Stage::fail(stage, detail, "name a user who does not exist (--user)")
    }

    async fn holder(&self) -> Result<Holder, Error> {
        let ids = self.ctx.parameters.read_ids(&self.name).await?;
        Ok(match ids {
            None => Holder::Absent,
            Some(ids) if self.key.is_only_key_of(&ids) => Holder::Rehearsal,
            Some(_) => Holder::Other,
        })
    }
}
