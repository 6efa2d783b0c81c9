//! Operations that only operators use.

use aws_types::SdkConfig;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::KeySync;
use crate::backends::event_path::LambdaService;
use crate::backends::key_usage::KeyUsage;
use crate::config::Endpoints;
use crate::context::at;
use crate::error::Error;
use crate::explain::{Explanation, Usage};
use crate::keys::UserName;
use crate::rehearse::{Rehearsal, Rehearse, Stage, rehearse};
use crate::status::last_four;

/// The services that only operators use.
#[derive(Debug)]
pub(super) struct Services {
    keys: KeyUsage,
    functions: LambdaService,
}

impl Services {
    pub(super) fn new(aws: &SdkConfig, endpoints: &Endpoints) -> Self {
        Self {
            keys: KeyUsage::new(&at(aws, endpoints.iam.as_ref())),
            functions: LambdaService::new(&at(aws, endpoints.lambda.as_ref())),
        }
    }
}

impl KeySync {
    /// Adds to the explanation of a user when and where the user's keys were last used. What could
    /// not be read is part of the explanation.
    pub async fn with_usage(&self, explanation: Explanation, user: &UserName) -> Explanation {
        let usage = self.usage(user).await;
        let usage = usage.unwrap_or_else(|error| Usage::unknown(&error));
        explanation.with_usage(usage, Timestamp::now())
    }

    /// Rehearses a rotation and a deletion with a user who does not exist. `progress` is called
    /// when a stage ends; cancelling deletes the parameter and ends.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] without a bucket, the reason why the user is refused, and those
    /// of reading what exists; then nothing was put. What fails later is part of the result.
    pub async fn rehearse(
        &self,
        order: &Rehearse,
        cancel: &CancellationToken,
        progress: impl FnMut(&Stage),
    ) -> Result<Rehearsal, Error> {
        let functions = &self.operator.functions;
        Box::pin(rehearse(&self.ctx, functions, order, cancel, progress)).await
    }

    async fn usage(&self, user: &UserName) -> Result<Usage, Error> {
        let unnameable =
            || Error::missing("reading the parameter of", user.as_str(), "check the name");
        let name = self.ctx.config.naming.parameter_of(user);
        let name = name.ok_or_else(unnameable)?;
        let ids = self.ctx.parameters.key_ids(&name).await?;
        let ids = ids.ok_or_else(unnameable)?;
        let last_use = async |id: &Option<String>| {
            let id = id.as_ref()?;
            let name = format!("the key …{}", last_four(id));
            Some(self.operator.keys.last_use(id, &name).await)
        };
        let (current, pending) = tokio::join!(last_use(&ids.current), last_use(&ids.pending));
        Ok(Usage::of(&ids, current, pending))
    }
}
