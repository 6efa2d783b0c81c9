//! The doctor: looks at everything that the service needs, from where it runs, and says what to do where something is
//! wrong.
//!
//! Reads, except for one probe object in the bucket. Must not do: renew the token, touch a key, or tell a secret.

mod bucket;
mod check;
mod network;
mod platform;
mod server;
mod token;

pub use check::{Check, CheckStatus};

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::backends::Backends;
use crate::config::Config;
use crate::context::Context;
use crate::error::Error;
use crate::trigger;
use check::{Finding, fail, first_failure, not_checked, pass};

const CONFIGURATION: &str = "configuration";

/// Looks at everything, and is done by `deadline`. What does not depend on each other is looked at at the same time.
pub async fn doctor<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Vec<Check> {
    examine(
        ctx,
        deadline,
        network::checks(&ctx.config.vault.address, deadline),
    )
    .await
}

/// The checks that a wrong configuration leaves: one.
pub fn misconfigured(error: &Error) -> Vec<Check> {
    let detail = format!("{error}; nothing else was checked");
    vec![fail(detail, "set the variables that are named").of(CONFIGURATION, Duration::ZERO)]
}

/// The doctor's answer where there is no ctx; `None` for a payload that asks for something else.
pub fn answer_without_context(payload: &Value, error: &Error) -> Option<Value> {
    let checks = trigger::asks_for_the_doctor(payload).then(|| misconfigured(error))?;
    Some(serde_json::to_value(checks).expect("checks have only text and numbers"))
}

/// `network` looks at the way to Vault.
async fn examine<W: Backends>(
    ctx: &Context<W>,
    deadline: Instant,
    network: impl Future<Output = Vec<Check>>,
) -> Vec<Check> {
    let vault = async {
        let way = network.await;
        let server = match first_failure(&way) {
            None => server::checks(ctx, deadline).await,
            Some(failure) => not_checked(&server::NAMES, failure),
        };
        [way, server].concat()
    };
    let (vault, bucket, parameters, roster) = tokio::join!(
        vault,
        bucket::checks(ctx, deadline),
        platform::parameters(ctx, deadline),
        platform::roster(ctx, deadline),
    );
    let no_token = bucket
        .iter()
        .filter(|check| check.name == bucket::TOKEN_OBJECT && check.status == CheckStatus::Fail);
    let token = match first_failure(&vault).or(no_token.map(|check| check.name).next()) {
        None => token::checks(ctx, deadline).await,
        Some(failure) => token::without(ctx, failure),
    };
    let configuration = configuration(&ctx.config).of(CONFIGURATION, Duration::ZERO);
    [
        vec![configuration],
        vault,
        token,
        vec![parameters],
        bucket,
        vec![roster],
    ]
    .concat()
}

fn configuration(config: &Config) -> Finding {
    let vault = &config.vault;
    let keys = format!(
        "keys go to {} at {}/{}/<user>",
        vault.address, vault.mount, vault.path_prefix
    );
    let region = config
        .region
        .as_deref()
        .unwrap_or("as the AWS profile says");
    let mode = match &config.bucket {
        None => "basic mode, without state".to_owned(),
        Some(bucket) if vault.token.is_some() => {
            format!(
                "enhanced mode with the token of VAULT_TOKEN, state in s3://{}",
                bucket.name
            )
        }
        Some(bucket) => format!("enhanced mode, state and token in s3://{}", bucket.name),
    };
    pass(format!("{mode}; {keys}; Region {region}"))
}

#[cfg(test)]
mod tests;
