//! The bucket: the listing of states, a real conditional write, and the token object.

use std::time::Duration;

use tokio::time::Instant;

use super::check::{Check, Finding, check, fail, failed, pass, skipped, warn};
use crate::backends::diagnostics::{Encryption, Probe, ProbeResult};
use crate::backends::{Backends, States, Tokens};
use crate::context::Context;
use crate::error::Error;

pub(super) const LISTING: &str = "state-listing";
const WRITES: &str = "state-writes";
const ENCRYPTION: &str = "state-encryption";

/// The check without which the token cannot be checked.
pub(super) const TOKEN_OBJECT: &str = "token-object";

const S3_REMEDY: &str = "check AWS_REGION, AWS_ENDPOINT_URL_S3 and the route to S3";

/// Checks the bucket; returns nothing in basic mode.
pub(super) async fn checks<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Vec<Check> {
    let Some(states) = &ctx.states else {
        return Vec::new();
    };
    let mut accessible = true;
    let listing = check(LISTING, deadline, async {
        match states.page(None).await {
            Ok(page) if page.items.is_empty() => pass("no user has a state yet"),
            Ok(page) => pass(format!("the first page lists {}", page.items.len())),
            Err(error) => {
                // The other checks would only repeat any other failure.
                accessible = matches!(error, Error::Denied { .. });
                failed(&error, S3_REMEDY)
            }
        }
    });
    let listing = listing.await;
    let rest = if accessible {
        let (writes, token) = tokio::join!(writes(states, deadline), token_object(ctx, deadline));
        writes.into_iter().chain(token).collect()
    } else {
        let token = ctx.session.store().map(|_| TOKEN_OBJECT);
        skipped(
            &[WRITES, ENCRYPTION]
                .into_iter()
                .chain(token)
                .collect::<Vec<_>>(),
            LISTING,
        )
    };
    [vec![listing], rest].concat()
}

async fn writes(states: &impl Probe, deadline: Instant) -> Vec<Check> {
    let mut found = None;
    let writes = check(WRITES, deadline, async {
        match states.probe().await {
            Err(error) => failed(&error, S3_REMEDY),
            Ok(ProbeResult {
                conditions_hold,
                encryption,
            }) => {
                found = Some(encryption);
                if conditions_hold {
                    pass(
                        "conditional writes work: the probe was written, and rejected under conditions that do not hold",
                    )
                } else {
                    fail(
                        "the store ignores write conditions (If-Match, If-None-Match); invocations would overwrite each other's state",
                        "use a store with conditional writes, such as S3; check AWS_ENDPOINT_URL_S3",
                    )
                }
            }
        }
    });
    let writes = writes.await;
    match found {
        None => [vec![writes], skipped(&[ENCRYPTION], WRITES)].concat(),
        Some(encryption) => vec![
            writes,
            encryption_finding(&encryption).of(ENCRYPTION, Duration::ZERO),
        ],
    }
}

fn encryption_finding(encryption: &Encryption) -> Finding {
    match encryption {
        Encryption::Kms(key) if key.is_empty() => pass("encrypted with KMS"),
        Encryption::Kms(key) => pass(format!(
            "encrypted with the KMS key {}",
            key.rsplit('/').next().unwrap_or_default()
        )),
        Encryption::Managed => pass("encrypted with keys managed by S3 (AES256)"),
        Encryption::None => warn(
            "S3 reports no encryption, and the token is in this bucket",
            "set a default encryption on the bucket, preferably with a KMS key",
        ),
    }
}

async fn token_object<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Option<Check> {
    let store = ctx.session.store()?;
    let work = async {
        match store.load().await {
            Ok(_) => pass("the object holds a token"),
            Err(error) => failed(&error, S3_REMEDY),
        }
    };
    Some(check(TOKEN_OBJECT, deadline, work).await)
}
