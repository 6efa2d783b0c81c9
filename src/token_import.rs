//! A new token is stored: examined first, unwrapped if it is wrapped, and put in the place of the old one.
//!
//! A token that was unwrapped is held by nobody else, so where it is refused it is revoked. Must not do: show the token, or
//! store one that cannot do the work.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::backends::diagnostics::Credentials;
use crate::backends::{Backends, Etag, PutResult, Tokens, Vault};
use crate::capabilities::Capabilities;
use crate::context::Context;
use crate::error::Error;
use crate::error::Problem;
use crate::token::{TokenFacts, TokenIssue, TokenObject, TokenView};

/// Longer than any token of Vault, and short enough for a header.
const LONGEST: usize = 4096;

/// A token that was stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// What is known of it; its warnings are those that were accepted.
    pub token: TokenView,
    /// Whether it had been wrapped.
    pub wrapped: bool,
}

/// Backends a token, or the one that `candidate` wraps, if it is fit for the service.
///
/// # Errors
/// [`Error::BadConfiguration`] where no token is stored at all; [`Error::BadToken`] for one that is not fit, and, unless
/// `accept_warnings`, for one that is fit but has issues; [`Error::Unavailable`] also when somebody else stored one at the
/// same time; those of Vault and of the store.
pub async fn import<W: Backends>(
    ctx: &Context<W>,
    candidate: SecretString,
    accept_warnings: bool,
) -> Result<Imported, Error> {
    let store = store(ctx)?;
    let candidate = plausible(&candidate)?;
    // Before a wrapping token is used up: where the store cannot be read, nothing could be stored either.
    let if_match = store.version().await?;
    let vault = ctx.session.vault();
    let wrapping = vault.wrapping(&candidate).await?;
    let Some(wrapping) = wrapping else {
        let (facts, issues) = fit(ctx, &candidate, accept_warnings).await?;
        return match put(ctx, store, &candidate, &facts, if_match.as_ref()).await {
            Put::Stored => Ok(imported(ctx, facts, &issues, false).await),
            Put::NotStored(error) | Put::Unknown(error) => Err(error),
        };
    };
    if !gives_a_token(&wrapping.creation_path) {
        return Err(Error::BadToken(
            "it wraps something that is no new token; it was not used, but somebody may have put it in the place of \
             another: ask whoever gave it, and make a new one"
                .to_owned(),
        ));
    }
    let token = vault.unwrap(&candidate).await?.ok_or_else(|| {
        Error::BadToken(
            "what it wrapped is no token, and it is used up now: make and wrap a new one"
                .to_owned(),
        )
    })?;
    let refusal = match fit(ctx, &token, accept_warnings).await {
        Err(error) => error,
        Ok((facts, issues)) => match put(ctx, store, &token, &facts, if_match.as_ref()).await {
            Put::Stored => return Ok(imported(ctx, facts, &issues, true).await),
            // Perhaps it is in use by now.
            Put::Unknown(error) => return Err(error),
            Put::NotStored(error) => error,
        },
    };
    let end = match vault.revoke(&token).await {
        Ok(()) => "the unwrapped token was revoked, because nobody else holds it",
        Err(_) => "the unwrapped token could not be revoked, but nobody holds it any more",
    };
    let refusal = match refusal {
        Error::BadToken(reason) => reason,
        error => error.to_string(),
    };
    Err(Error::BadToken(format!(
        "{refusal}; {end}: make and wrap a new one"
    )))
}

/// Where tokens are stored.
fn store<W: Backends>(ctx: &Context<W>) -> Result<&W::Tokens, Error> {
    ctx.session.store().ok_or_else(|| {
        let problem = match ctx.config.bucket {
            None => Problem {
                variable: "S3_BUCKET_NAME",
                problem: "is not set, so there is no place to store a token".to_owned(),
            },
            Some(_) => Problem {
                variable: "VAULT_TOKEN",
                problem: "is set, so a stored token would not be used; unset it first".to_owned(),
            },
        };
        Error::BadConfiguration(vec![problem])
    })
}

/// The candidate without white space around it, if it can be a token.
fn plausible(candidate: &SecretString) -> Result<SecretString, Error> {
    let token = candidate.expose_secret().trim();
    let problem = if token.is_empty() {
        "it is empty"
    } else if token.len() > LONGEST {
        "it is longer than any token"
    } else if token.starts_with(['{', '[', '"', '\'']) {
        "it is in quotes or brackets: give the token alone"
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        "it holds white space or other characters that no token has: give the token alone"
    } else {
        return Ok(token.into());
    };
    Err(Error::BadToken(problem.to_owned()))
}

/// Whether a path answers with a token that is new. Somebody who unwrapped the original could wrap another text, but not
/// under such a path (<https://developer.hashicorp.com/vault/docs/concepts/response-wrapping#response-wrapping-token-validation>).
fn gives_a_token(creation_path: &str) -> bool {
    let path = creation_path.trim_start_matches('/');
    let created = path.strip_prefix("auth/token/create").is_some_and(|rest| {
        rest.is_empty()
            || rest == "-orphan"
            || rest
                .strip_prefix('/')
                .is_some_and(|role| !role.contains('/'))
    });
    let login = path.strip_prefix("auth/").is_some_and(|rest| {
        !rest.starts_with("token/") && (rest.ends_with("/login") || rest.contains("/login/"))
    });
    created || login
}

/// What Vault knows of a token that is fit.
async fn fit<W: Backends>(
    ctx: &Context<W>,
    token: &SecretString,
    accept_warnings: bool,
) -> Result<(TokenFacts, Vec<TokenIssue>), Error> {
    let vault = ctx.session.vault();
    let facts = vault.lookup(token).await.map_err(|error| match error {
        Error::Denied { .. } => Error::BadToken(
            "Vault takes it neither as a token nor as a wrapping token: it is expired, revoked, of another Vault or namespace, \
             or may not look itself up (policy default); a wrapping token works once, so if you have not used it, \
             somebody else has: revoke what it held"
                .to_owned(),
        ),
        error => error,
    })?;
    let mut issues = facts.issues(Timestamp::now());
    if !issues.contains(&TokenIssue::Root) {
        match Capabilities::of(vault, token, &ctx.config.vault).await {
            Ok(capabilities) => issues.extend(capabilities.issues(&ctx.config)),
            Err(Error::Denied { .. }) => issues.push(TokenIssue::CapabilitiesUnknown),
            Err(error) => return Err(error),
        }
    }
    let told = issues
        .iter()
        .map(|issue| issue.advice())
        .collect::<Vec<_>>()
        .join("; ");
    if issues.iter().any(|issue| issue.is_fatal()) {
        return Err(Error::BadToken(told));
    }
    if !issues.is_empty() && !accept_warnings {
        return Err(Error::BadToken(format!(
            "{told}; make a better one, or accept the warnings (--accept-warnings)"
        )));
    }
    Ok((facts, issues))
}

/// How storing ended.
enum Put {
    Stored,
    NotStored(Error),
    Unknown(Error),
}

/// Backends the token. Where that seems to have failed, what is stored decides: an answer may be lost, and a repeated
/// write is then refused because of the first one.
async fn put<W: Backends>(
    ctx: &Context<W>,
    store: &W::Tokens,
    token: &SecretString,
    facts: &TokenFacts,
    if_match: Option<&Etag>,
) -> Put {
    let unavailable = |problem: &str| Error::Unavailable {
        operation: "storing the Vault token in",
        subject: ctx
            .config
            .bucket
            .as_ref()
            .map(|bucket| bucket.token_key.clone())
            .unwrap_or_default(),
        problem: problem.to_owned(),
    };
    let failure = match store
        .save(&TokenObject::new(token.clone(), &facts.lifetime), if_match)
        .await
    {
        Ok(PutResult::Saved(_)) => return Put::Stored,
        Ok(PutResult::PreconditionFailed) => None,
        Err(error @ (Error::Denied { .. } | Error::Missing { .. })) => {
            return Put::NotStored(error);
        }
        Err(error) => Some(error),
    };
    match (store.load().await, failure) {
        (Ok((stored, _)), _) if stored.token.expose_secret() == token.expose_secret() => {
            Put::Stored
        }
        (Ok(_) | Err(Error::Unexpected { .. }), None) => Put::NotStored(unavailable(
            "somebody else stored a token just now, look with `keysync token show`",
        )),
        _ => Put::Unknown(unavailable(
            "whether it was stored is not known, look with `keysync token show`",
        )),
    }
}

/// From now on the stored token is used.
async fn imported<W: Backends>(
    ctx: &Context<W>,
    facts: TokenFacts,
    issues: &[TokenIssue],
    wrapped: bool,
) -> Imported {
    ctx.session.forget().await;
    let warnings = issues.iter().map(ToString::to_string).collect();
    Imported {
        token: facts.view(Timestamp::now(), warnings),
        wrapped,
    }
}

#[cfg(test)]
mod tests;
