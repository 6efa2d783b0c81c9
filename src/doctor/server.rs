//! Vault's server: whether it is to be trusted, serves, and has the time.

use jiff::Timestamp;
use reqwest::Url;
use tokio::time::Instant;

use super::check::{Check, Finding, check, fail, failed, first_failure, not_checked, pass, warn};
use crate::backends::Backends;
use crate::backends::diagnostics::{Health, Server, ServerState};
use crate::context::Context;
use crate::error::Error;

const TLS: &str = "vault-tls";
const HEALTH: &str = "vault-health";
const CLOCK: &str = "vault-clock";

/// The names of these checks.
pub(super) const NAMES: [&str; 3] = [TLS, HEALTH, CLOCK];

/// Clocks that differ by more make lifetimes, and the order of events, hard to tell.
const CLOCKS_SECONDS: i64 = 60;

/// Shakes hands and asks for the health.
pub(super) async fn checks<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Vec<Check> {
    let vault = ctx.session.vault();
    let mut checks = vec![
        check(
            TLS,
            deadline,
            tls(vault, &ctx.config.vault.address, trusted(ctx)),
        )
        .await,
    ];
    if let Some(failure) = first_failure(&checks) {
        checks.extend(not_checked(&[HEALTH, CLOCK], failure));
        return checks;
    }
    let mut found = None;
    let health = check(HEALTH, deadline, async {
        match vault.health().await {
            Err(error) => failed(
                &error,
                "look at what answers at VAULT_ADDR, and at Vault's server log",
            ),
            Ok(answer) => {
                let finding = health(&answer);
                found = Some((answer, Timestamp::now()));
                finding
            }
        }
    });
    checks.push(health.await);
    match found {
        None => checks.extend(not_checked(&[CLOCK], HEALTH)),
        Some((health, now)) => {
            checks.push(check(CLOCK, deadline, async { clock(health.clock, now) }).await)
        }
    }
    checks
}

fn trusted<W: Backends>(ctx: &Context<W>) -> &'static str {
    if ctx.config.vault.authorities.is_some() {
        "the given authorities alone"
    } else {
        "the system's authorities"
    }
}

async fn tls(vault: &impl Server, address: &Url, trusted: &str) -> Finding {
    if address.scheme() == "http" {
        return pass("http to this very host, without TLS");
    }
    let answer = match vault.health().await {
        // A connection that was kept may be dead by now, as any call of the sync finds out and mends.
        Err(Error::Unreachable { .. }) => vault.health().await,
        answer => answer,
    };
    match answer {
        Err(error @ Error::Unreachable { .. }) => failed(
            &error,
            "give VAULT_CACERT the authority of Vault's certificate, VAULT_ADDR a name that it is for, and renew it when it is \
             expired; where there is no answer at all, look at the server",
        ),
        _ => pass(format!("the certificate is trusted, by {trusted}")),
    }
}

fn health(health: &Health) -> Finding {
    let version = &health.version;
    match health.condition {
        ServerState::NotInitialized => fail(
            "Vault is not initialized",
            "initialize it, or let VAULT_ADDR name the right server",
        ),
        ServerState::Sealed => fail(
            format!("Vault {version} is sealed: it serves nothing"),
            "unseal it; keys arrive by themselves then",
        ),
        ServerState::Recovery => fail(
            format!("Vault {version} is a secondary for disaster recovery: it serves nothing"),
            "let VAULT_ADDR name the primary cluster",
        ),
        ServerState::Standby => pass(format!(
            "Vault {version} is unsealed, a standby that passes requests on"
        )),
        ServerState::Active => pass(format!("Vault {version} is unsealed and active")),
    }
}

fn clock(theirs: Option<Timestamp>, ours: Timestamp) -> Finding {
    let Some(theirs) = theirs else {
        return pass("Vault does not tell its time");
    };
    let ahead = ours.duration_since(theirs).as_secs();
    let seconds = ahead.unsigned_abs();
    if ahead.abs() > CLOCKS_SECONDS {
        let direction = if ahead > 0 { "behind" } else { "ahead of" };
        let remedy = "set the clock of Vault's host by a time server (or of this one): lifetimes are told by it";
        return warn(
            format!("Vault's clock is {seconds} s {direction} ours"),
            remedy,
        );
    }
    pass(format!("Vault's clock and ours differ by {seconds} s"))
}
