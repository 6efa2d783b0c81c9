//! Storing an imported token.

use secrecy::{ExposeSecret, SecretString};

use crate::backends::{Backends, Etag, PutResult, Tokens};
use crate::context::Context;
use crate::error::Error;
use crate::token::{TokenFacts, TokenObject};

/// The result of storing a token.
pub(super) enum SaveResult {
    Stored,
    NotStored(Error),
    Unknown(Error),
}

/// Stores the token. After a failure, the stored object decides: the response may be lost, and the
/// SDK's retry is then rejected because of the first write.
pub(super) async fn save<W: Backends>(
    ctx: &Context<W>,
    store: &W::Tokens,
    token: &SecretString,
    facts: &TokenFacts,
    if_match: Option<&Etag>,
) -> SaveResult {
    let unavailable = |problem: &str| {
        let key = ctx.config.bucket.as_ref().map(|bucket| &*bucket.token_key);
        Error::unavailable(
            "storing the Vault token in",
            key.unwrap_or_default(),
            problem,
        )
    };
    let failure = match store
        .save(&TokenObject::new(token.clone(), &facts.lifetime), if_match)
        .await
    {
        Ok(PutResult::Saved(_)) => return SaveResult::Stored,
        Ok(PutResult::PreconditionFailed) => None,
        Err(error @ (Error::Denied { .. } | Error::Missing { .. })) => {
            return SaveResult::NotStored(error);
        }
        Err(error) => Some(error),
    };
    match (store.load().await, failure) {
        (Ok((stored, _)), _) if stored.token.expose_secret() == token.expose_secret() => {
            SaveResult::Stored
        }
        (Ok(_) | Err(Error::Unexpected { .. } | Error::Missing { .. }), None) => {
            SaveResult::NotStored(unavailable(
                "another process stored a token at the same time; check with `keysync token show`",
            ))
        }
        _ => SaveResult::Unknown(unavailable(
            "it is unknown whether it was stored; check with `keysync token show`",
        )),
    }
}
