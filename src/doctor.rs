//! The doctor: checks everything that the service needs, from where it runs, with a remedy for each
//! problem.
//!
//! It only reads, except for one probe object in the bucket. It never renews the token, touches a
//! key or shows a secret.

mod authorities;
mod bucket;
mod check;
mod credentials;
mod network;
mod platform;
mod policies;
mod server;
mod targets;

pub use check::{Check, CheckStatus};

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::backends::Backends;
use crate::config::Config;
use crate::context::Context;
use crate::error::Error;
use crate::trigger;
use check::{Finding, fail, first_failure, merge_causes, pass, skipped, warn};

const CONFIGURATION: &str = "configuration";

/// Runs all checks, independent ones concurrently, and ends by `deadline`.
pub async fn doctor<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Vec<Check> {
    run_checks(
        ctx,
        deadline,
        network::checks(&ctx.config.vault.address, deadline),
    )
    .await
}

/// Returns the only check that is possible with an invalid configuration.
pub fn misconfigured(error: &Error) -> Vec<Check> {
    let detail = format!("{error}; nothing else was checked");
    let remedy = match error {
        Error::BadConfiguration(problems) => {
            let variables = problems.iter().map(|problem| problem.variable);
            format!("set {} as stated", variables.collect::<Vec<_>>().join(", "))
        }
        _ => "fix the variables that are named".to_owned(),
    };
    vec![fail(detail, remedy).of(CONFIGURATION, Duration::ZERO)]
}

/// Returns the doctor's answer if there is no context; `None` for any other payload.
pub fn answer_without_context(payload: &Value, error: &Error) -> Option<Value> {
    let checks = trigger::is_doctor_request(payload).then(|| misconfigured(error))?;
    Some(serde_json::to_value(checks).expect("checks hold only text and numbers"))
}

/// Runs all checks. `network` checks the connection to Vault.
async fn run_checks<W: Backends>(
    ctx: &Context<W>,
    deadline: Instant,
    network: impl Future<Output = Vec<Check>>,
) -> Vec<Check> {
    let vault = async {
        let network = network.await;
        let server = match first_failure(&network) {
            None => server::checks(ctx, deadline).await,
            Some(failure) => skipped(&server::NAMES, failure),
        };
        [network, server].concat()
    };
    let (vault, bucket, (targets, accepted), parameters, roster) = tokio::join!(
        vault,
        bucket::checks(ctx, deadline),
        targets::checks(ctx, deadline),
        platform::parameters(ctx, deadline),
        platform::roster(ctx, deadline),
    );
    // Without its object there is no token, and without the bucket no object.
    let token_failure = bucket
        .iter()
        .find(|check| check.name == bucket::TOKEN_OBJECT)
        .and_then(|check| match check.status {
            CheckStatus::Fail => Some(bucket::TOKEN_OBJECT),
            CheckStatus::Skip => Some(bucket::LISTING),
            CheckStatus::Pass | CheckStatus::Warn => None,
        });
    let failure = first_failure(&vault).or(token_failure);
    let credentials = match (failure, &accepted) {
        (None, Some(accepted)) => credentials::checks(ctx, accepted, deadline).await,
        (failure, _) => credentials::skipped(ctx, failure.unwrap_or(targets::NAME)),
    };
    let configuration = configuration(&ctx.config).of(CONFIGURATION, Duration::ZERO);
    let authorities = authorities::finding(&ctx.config, Timestamp::now());
    let authorities = authorities.of("authorities", Duration::ZERO);
    let mut checks = [
        vec![configuration, authorities, targets],
        vault,
        credentials,
        vec![parameters],
        bucket,
        vec![roster],
    ]
    .concat();
    merge_causes(&mut checks);
    checks
}

fn configuration(config: &Config) -> Finding {
    let vault = &config.vault;
    let keys = format!("Vault at {}", vault.address);
    let mode = match &config.bucket {
        None => "basic mode, without state".to_owned(),
        Some(bucket) if vault.login.is_some() => {
            format!(
                "enhanced mode with a login by the AWS identity, state in s3://{}",
                bucket.name
            )
        }
        Some(bucket) if vault.token.is_some() => {
            format!(
                "enhanced mode with the token from VAULT_TOKEN, state in s3://{}",
                bucket.name
            )
        }
        Some(bucket) => format!("enhanced mode, state and token in s3://{}", bucket.name),
    };
    match &config.region {
        Some(region) => pass(format!("{mode}; {keys}; Region {region}")),
        None => warn(
            format!("{mode}; {keys}; no Region is configured"),
            "set AWS_REGION",
        ),
    }
}

#[cfg(test)]
mod tests;
