//! Imports a Vault token: checks it, unwraps it if it is wrapped, and replaces the stored one.
//!
//! An unwrapped token that is rejected is revoked, because no other party holds it. The module
//! never shows the token, and never stores one that cannot do the work.

mod approle;
mod candidate;
mod save;

pub use approle::{AppRole, import_of_approle};

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use crate::backends::diagnostics::Credentials;
use crate::backends::{Backends, Etag, Tokens, Vault};
use crate::capabilities::Capabilities;
use crate::context::Context;
use crate::error::Error;
use crate::targets::Targets;
use crate::token::{TokenFacts, TokenIssue, TokenView};
use candidate::{check_namespace, creates_token, trimmed};
use save::{SaveResult, save};

/// How often a call is repeated while Vault is busy or unreachable, after something was used up.
const MAX_REPETITIONS: u32 = 10;

/// The pause before a repetition.
const REPETITION_PAUSE: Duration = Duration::from_secs(2);

/// The result of an import.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The stored token; its warnings are those that were accepted.
    pub token: TokenView,
    /// True if the token was wrapped.
    pub wrapped: bool,
}

/// Stores a token, or the one that `candidate` wraps, if it is suitable for the service.
///
/// # Errors
/// - [`Error::BadConfiguration`] if the configuration stores no token.
/// - [`Error::BadToken`] for a token that is unsuitable, or that has issues and not
///   `accept_warnings`.
/// - [`Error::Unavailable`] also if another process stored a token at the same time.
/// - The errors of Vault and of the store.
pub async fn import<W: Backends>(
    ctx: &Context<W>,
    candidate: SecretString,
    accept_warnings: bool,
) -> Result<Imported, Error> {
    store(ctx)?;
    let candidate = trimmed(&candidate)?;
    let import = Import::prepare(ctx, accept_warnings).await?;
    check_namespace(&candidate, ctx.config.vault.namespace.is_some())?;
    let vault = ctx.session.vault();
    let Some(wrapping) = vault.wrapping(&candidate).await? else {
        return import.given(&candidate).await;
    };
    if !creates_token(&wrapping.creation_path) {
        return Err(bad_token(
            "it does not wrap a new token; it was not used, but it may have replaced another \
             wrapping token: check with its sender, and create a new one",
        ));
    }
    let token = vault.unwrap(&candidate).await?.token.ok_or_else(|| {
        bad_token("it did not wrap a token and is now used up: create and wrap a new token")
    })?;
    let mut imported = import.new_token(&token, &UNWRAPPED).await?;
    imported.wrapped = true;
    Ok(imported)
}

/// An import of a token, once it is clear that one could be stored.
struct Import<'a, W: Backends> {
    ctx: &'a Context<W>,
    store: &'a W::Tokens,
    if_match: Option<Etag>,
    targets: Rc<Targets>,
    accept_warnings: bool,
}

/// How a token came about that no other party holds, for messages.
struct Origin {
    /// Why Vault may deny it.
    denied: &'static str,
    /// What to do if it is rejected.
    remedy: &'static str,
}

const UNWRAPPED: Origin = Origin {
    denied: DENIED_AFTER_UNWRAPPING,
    remedy: "create and wrap a new token",
};

impl<'a, W: Backends> Import<'a, W> {
    /// Reads the bucket before something is used up: if it cannot be read, nothing could be stored.
    async fn prepare(ctx: &'a Context<W>, accept_warnings: bool) -> Result<Self, Error> {
        let store = store(ctx)?;
        Ok(Self {
            ctx,
            store,
            if_match: store.version().await?,
            targets: ctx.targets().await?,
            accept_warnings,
        })
    }

    /// Checks and stores a token that others may hold, too.
    async fn given(&self, token: &SecretString) -> Result<Imported, Error> {
        let (facts, issues) = self.assess(token, UNKNOWN_TOKEN).await?;
        match self.save(token, &facts).await {
            SaveResult::Stored => Ok(imported(self.ctx, facts, &issues).await),
            SaveResult::NotStored(error) | SaveResult::Unknown(error) => Err(error),
        }
    }

    /// Checks and stores a token that no other party holds. It is revoked if it is rejected.
    async fn new_token(&self, token: &SecretString, origin: &Origin) -> Result<Imported, Error> {
        // What the token came from is used up, so a passing fault must not cost it.
        let assessed = repeated(async || self.assess(token, origin.denied).await);
        let error = match assessed.await {
            Err(error) => error,
            Ok((facts, issues)) => match self.save(token, &facts).await {
                SaveResult::Stored => return Ok(imported(self.ctx, facts, &issues).await),
                // The token may be in use already, so it is not revoked.
                SaveResult::Unknown(error) => return Err(error),
                SaveResult::NotStored(error) => error,
            },
        };
        let revocation = match self.ctx.session.vault().revoke(token).await {
            Ok(()) => "the new token was revoked, because no other party holds it",
            Err(_) => "the new token could not be revoked, but no party holds it any longer",
        };
        let reason = match error {
            Error::BadToken(reason) => reason,
            error => error.to_string(),
        };
        let remedy = origin.remedy;
        Err(bad_token(&format!("{reason}; {revocation}: {remedy}")))
    }

    async fn save(&self, token: &SecretString, facts: &TokenFacts) -> SaveResult {
        save(self.ctx, self.store, token, facts, self.if_match.as_ref()).await
    }

    /// Looks up a token and its issues; an error if it is unsuitable. `denied` is the reason if Vault
    /// denies it.
    async fn assess(
        &self,
        token: &SecretString,
        denied: &str,
    ) -> Result<(TokenFacts, Vec<TokenIssue>), Error> {
        let vault = self.ctx.session.vault();
        let facts = vault.lookup(token).await.map_err(|error| match error {
            Error::Denied { .. } => bad_token(denied),
            error => error,
        })?;
        let mut issues = facts.issues(Timestamp::now());
        if !issues.iter().any(|issue| issue.is_about_identity()) {
            match Capabilities::of(vault, token, &self.targets).await {
                Ok(capabilities) => issues.extend(capabilities.issues(&self.ctx.config)),
                Err(Error::Denied { .. }) => issues.push(TokenIssue::CapabilitiesUnknown),
                Err(error) => return Err(error),
            }
        }
        let advice = issues.iter().map(|issue| issue.advice());
        let advice = advice.collect::<Vec<_>>().join("; ");
        if issues.iter().any(|issue| issue.is_fatal()) {
            return Err(Error::BadToken(advice));
        }
        if !issues.is_empty() && !self.accept_warnings {
            return Err(Error::BadToken(format!(
                "{advice}; create a better token, or accept the warnings (--accept-warnings)"
            )));
        }
        Ok((facts, issues))
    }
}

/// Makes a call, again and again while Vault is busy or unreachable.
async fn repeated<R>(call: impl AsyncFn() -> Result<R, Error>) -> Result<R, Error> {
    let mut answer = call().await;
    for _ in 0..MAX_REPETITIONS {
        let Err(Error::Throttled { .. } | Error::Unavailable { .. } | Error::Unreachable { .. }) =
            answer
        else {
            break;
        };
        tokio::time::sleep(REPETITION_PAUSE).await;
        answer = call().await;
    }
    answer
}

fn bad_token(reason: &str) -> Error {
    Error::BadToken(reason.to_owned())
}

/// Returns the token store.
fn store<W: Backends>(ctx: &Context<W>) -> Result<&W::Tokens, Error> {
    ctx.session.store().ok_or_else(|| {
        if ctx.config.vault.login.is_some() {
            let problem = "is aws, so a stored token would not be used; unset it first";
            Error::misconfigured("VAULT_AUTH_METHOD", problem)
        } else if ctx.config.bucket.is_none() {
            let problem = "is not set, so there is no place to store a token; set it";
            Error::misconfigured("S3_BUCKET_NAME", problem)
        } else {
            let problem = "is set, so a stored token would not be used; unset it first";
            Error::misconfigured("VAULT_TOKEN", problem)
        }
    })
}

/// The reasons why Vault may deny a token that is no wrapping token.
const UNKNOWN_TOKEN: &str = "Vault accepts it neither as a token nor as a wrapping token: it is \
    expired, revoked or used up, of another Vault or of another namespace than VAULT_NAMESPACE, \
    bound to other addresses than this host's (token_bound_cidrs), or may not look itself up \
    (default policy); a wrapping token works once, so if you have not used it, another party has: \
    revoke the wrapped token";

/// The reasons why Vault may deny a token that was just unwrapped.
const DENIED_AFTER_UNWRAPPING: &str = "it was unwrapped, but Vault denies the new token from here: \
    it is bound to other addresses than this host's (token_bound_cidrs of its role), of another \
    namespace than VAULT_NAMESPACE, or may not look itself up (default policy)";

/// Returns the result, and makes the session use the stored token.
async fn imported<W: Backends>(
    ctx: &Context<W>,
    facts: TokenFacts,
    issues: &[TokenIssue],
) -> Imported {
    ctx.session.forget().await;
    let warnings = issues.iter().map(ToString::to_string).collect();
    Imported {
        token: facts.view(Timestamp::now(), warnings),
        wrapped: false,
    }
}

#[cfg(test)]
mod tests;
