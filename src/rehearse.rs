//! A rehearsal of a rotation: puts the parameter of a user who does not exist, waits until the
//! deployed function has written Vault, deletes the parameter, and waits until the user is retired.
//!
//! Never writes to Vault or to the state: what appears there came through the event path. Leaves no
//! parameter of its own behind, except when the process is killed, and deletes no other one.

mod diagnosis;
mod key;
mod mapping;
mod parameter;
mod place;
mod preflight;
mod run;
mod stage;
#[cfg(test)]
mod tests;
mod wait;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::backends::{Backends, EventPath, ParameterWriter};
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use run::Run;
pub use stage::{Rehearsal, Stage};

/// What to rehearse.
#[derive(Debug)]
pub struct Rehearse {
    /// The user, who must not exist.
    pub user: UserName,
    /// The time limit of each stage.
    pub wait: Duration,
    /// The name or the ARN of the deployed function, to find out why a stage fails.
    pub function: Option<String>,
}

/// Rehearses a rotation and a deletion. `progress` is called when a stage ends. Cancelling deletes
/// the parameter and ends.
///
/// # Errors
/// Nothing was put then: [`Error::BadConfiguration`] without a bucket; the reason why the user is
/// refused; what could not be read.
pub(crate) async fn rehearse<B: Backends>(
    ctx: &Context<B>,
    path: &impl EventPath,
    order: &Rehearse,
    cancel: &CancellationToken,
    progress: impl FnMut(&Stage),
) -> Result<Rehearsal, Error>
where
    B::Parameters: ParameterWriter,
{
    if ctx.states.is_none() {
        let problem = "is not set; expected the bucket of the deployed function, whose state shows \
            that it has written the key";
        return Err(Error::misconfigured("S3_BUCKET_NAME", problem));
    }
    let run = Run::prepare(ctx, order, cancel, progress).await?;
    Ok(run.rehearse(path).await)
}
