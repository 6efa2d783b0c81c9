//! Whether Vault would refuse the writes that a dry run plans.

use super::{Invocation, SyncResult};
use crate::backends::{Backends, Vault};
use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::token::TokenIssue;

/// Returns why the token may not write this secret; `None` if it may, or if that is unknown. Vault
/// is asked once per invocation, about all targets that [`Capabilities`] checks.
pub(super) async fn refusal<B: Backends>(
    invocation: &Invocation<'_, B>,
    result: &SyncResult,
) -> Option<Error> {
    let read = invocation.capabilities.get_or_init(|| look_up(invocation));
    let capabilities = match read.await {
        Ok(capabilities) => capabilities.as_ref()?,
        Err(error) => return Some(error.clone()),
    };
    let path = &result.snapshot.target.location.path;
    let targets = invocation.targets().await.ok()?;
    let others = targets.others().filter(|_| !targets.names(&result.user));
    let of_user = others.map_or(path, |others| &others.location);
    capabilities.unwritable.contains(of_user).then(|| {
        let remedy = TokenIssue::CannotWrite.remedy();
        Error::denied("writing the key to Vault at", path.to_string(), remedy)
    })
}

/// Reads the capabilities; `None` if they are unknown. A token that is not valid is an error.
async fn look_up<B: Backends>(
    invocation: &Invocation<'_, B>,
) -> Result<Option<Capabilities>, Error> {
    let lookup = async |vault: &B::Vault, token: &_| vault.lookup(token).await;
    invocation.call_vault(lookup).await?;
    let Ok(targets) = invocation.targets().await else {
        return Ok(None);
    };
    let read = async |vault: &B::Vault, token: &_| Capabilities::of(vault, token, &targets).await;
    Ok(invocation.call_vault(read).await.ok())
}
