//! The bucket: the state's listing, a conditional write for real, and the token object.

use std::time::Duration;

use tokio::time::Instant;

use super::check::{Check, check, fail, failed, not_checked, pass, warn};
use crate::backends::diagnostics::{Encryption, Probe, Probed};
use crate::backends::{Backends, States, Tokens};
use crate::context::Context;
use crate::error::Error;

const LISTING: &str = "state-listing";
const WRITES: &str = "state-writes";
const ENCRYPTION: &str = "state-encryption";

/// The check whose failure leaves no token to look at.
pub(super) const TOKEN_OBJECT: &str = "token-object";

const OTHERWISE: &str = "check the route to S3, the Region and the credentials";

/// Looks into the bucket; in basic mode there is none, and nothing to check.
pub(super) async fn checks<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Vec<Check> {
    let Some(states) = &ctx.states else {
        return Vec::new();
    };
    let mut is_there = true;
    let listing = check(LISTING, deadline, async {
        match states.page(None).await {
            Ok(page) if page.items.is_empty() => pass("nobody has a state yet"),
            Ok(page) => pass(format!("its first page lists {}", page.items.len())),
            Err(error) => {
                // Where that is so, the others would only repeat it.
                is_there = !matches!(error, Error::Missing { .. } | Error::Unavailable { .. });
                failed(&error, OTHERWISE)
            }
        }
    });
    let listing = listing.await;
    let rest = if is_there {
        let (writes, token) = tokio::join!(writes(states, deadline), token_object(ctx, deadline));
        writes.into_iter().chain(token).collect()
    } else {
        let token = ctx.session.store().map(|_| TOKEN_OBJECT);
        not_checked(
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
            Err(error) => failed(&error, OTHERWISE),
            Ok(Probed {
                conditions_hold,
                encryption,
            }) => {
                found = Some(encryption);
                if conditions_hold {
                    pass(
                        "the probe object was written, and refused under conditions that do not hold",
                    )
                } else {
                    fail(
                        "the store writes although a condition (If-Match, If-None-Match) does not hold: invocations would lose each other's state",
                        "use a store that honours conditional writes, as S3 does; check AWS_ENDPOINT_URL_S3",
                    )
                }
            }
        }
    });
    let writes = writes.await;
    match found {
        None => [vec![writes], not_checked(&[ENCRYPTION], WRITES)].concat(),
        Some(encryption) => vec![
            writes,
            encrypted(&encryption).of(ENCRYPTION, Duration::ZERO),
        ],
    }
}

fn encrypted(encryption: &Encryption) -> super::check::Finding {
    match encryption {
        Encryption::Kms(key) if key.is_empty() => pass("with KMS"),
        Encryption::Kms(key) => pass(format!(
            "with the KMS key {}",
            key.rsplit('/').next().unwrap_or_default()
        )),
        Encryption::Managed => pass("with S3's own keys (AES256)"),
        Encryption::None => warn(
            "the answer to a write does not tell of any encryption, and the token is in this bucket",
            "give the bucket a default encryption, best with a KMS key",
        ),
    }
}

async fn token_object<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Option<Check> {
    let store = ctx.session.store()?;
    let look = async {
        match store.load().await {
            Ok(_) => pass("it holds a token"),
            Err(error @ Error::Unexpected { .. }) => {
                failed(&error, "store a token with `keysync token import`")
            }
            Err(error) => failed(&error, OTHERWISE),
        }
    };
    Some(check(TOKEN_OBJECT, deadline, look).await)
}
