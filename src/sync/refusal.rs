//! Whether Vault would refuse the writes that a dry run plans.

use super::Invocation;
use crate::backends::{Backends, Vault};
use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::token::TokenIssue;

/// Returns why the token may not write keys; `None` if it may, or if that is unknown. Vault is
/// called once per invocation.
pub(super) async fn refusal<B: Backends>(invocation: &Invocation<'_, B>) -> Option<Error> {
    let found = invocation.refusal.get_or_init(|| look_up(invocation));
    found.await.clone()
}

async fn look_up<B: Backends>(invocation: &Invocation<'_, B>) -> Option<Error> {
    let config = &invocation.ctx.config.vault;
    let lookup = async |vault: &B::Vault, token: &_| vault.lookup(token).await;
    if let Err(error) = invocation.call_vault(lookup).await {
        return Some(error);
    }
    let capabilities =
        async |vault: &B::Vault, token: &_| Capabilities::of(vault, token, config).await;
    match invocation.call_vault(capabilities).await {
        Ok(capabilities) if !capabilities.writes => {
            let subject = format!("{}/{}/", config.mount, config.path_prefix);
            let remedy = TokenIssue::CannotWrite.remedy();
            Some(Error::denied(
                "writing keys to Vault below",
                subject,
                remedy,
            ))
        }
        _ => None,
    }
}
