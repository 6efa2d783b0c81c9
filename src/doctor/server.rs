//! The Vault server: its certificate, its health and its clock.

use jiff::Timestamp;
use reqwest::Url;
use tokio::time::Instant;

use super::check::{Check, Finding, check, fail, failed, first_failure, pass, skipped, warn};
use crate::backends::Backends;
use crate::backends::diagnostics::{Health, Server, ServerState};
use crate::context::Context;
use crate::error::Error;

const TLS: &str = "vault-tls";
const HEALTH: &str = "vault-health";
const CLOCK: &str = "vault-clock";

/// The names of these checks.
pub(super) const NAMES: [&str; 3] = [TLS, HEALTH, CLOCK];

/// The clock difference in seconds above which lifetimes and the order of events are unreliable.
const MAX_CLOCK_SKEW_SECONDS: i64 = 60;

/// Checks the TLS handshake, then the health, then the clock.
pub(super) async fn checks<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Vec<Check> {
    let vault = ctx.session.vault();
    let mut checks = vec![
        check(
            TLS,
            deadline,
            tls(vault, &ctx.config.vault.address, trust(ctx)),
        )
        .await,
    ];
    if let Some(failure) = first_failure(&checks) {
        checks.extend(skipped(&[HEALTH, CLOCK], failure));
        return checks;
    }
    let mut found = None;
    let health = check(HEALTH, deadline, async {
        match vault.health().await {
            Err(error) => failed(
                &error,
                "check what listens at VAULT_ADDR, and Vault's server log",
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
        None => checks.extend(skipped(&[CLOCK], HEALTH)),
        Some((health, now)) => {
            checks.push(check(CLOCK, deadline, async { clock(health.clock, now) }).await);
        }
    }
    checks
}

fn trust<W: Backends>(ctx: &Context<W>) -> &'static str {
    let authorities = ctx.config.vault.authorities.as_ref();
    if authorities.is_some_and(|authorities| authorities.variable().is_some()) {
        "the given CA only"
    } else {
        "the CAs of the system"
    }
}

async fn tls(vault: &impl Server, address: &Url, trust: &str) -> Finding {
    if address.scheme() == "http" {
        return pass("http to a loopback address, without TLS");
    }
    let answer = match vault.health().await {
        // An idle connection may be dead. The sync retries in this case as well.
        Err(Error::Unreachable { .. }) => vault.health().await,
        answer => answer,
    };
    match answer {
        Err(error @ Error::Unreachable { .. }) => failed(&error, "check VAULT_ADDR"),
        _ => pass(format!("the certificate is trusted by {trust}")),
    }
}

fn health(health: &Health) -> Finding {
    let version = &health.version;
    match health.state {
        ServerState::NotInitialized => fail(
            "Vault is not initialized",
            "initialize it (`vault operator init`), or set VAULT_ADDR to another server",
        ),
        ServerState::Sealed => fail(
            format!("Vault {version} is sealed and handles no requests"),
            "unseal it (`vault operator unseal`); pending keys are then written automatically",
        ),
        ServerState::Recovery => fail(
            format!("Vault {version} is a disaster-recovery secondary and handles no requests"),
            "set VAULT_ADDR to the primary cluster",
        ),
        ServerState::Standby => pass(format!(
            "Vault {version} is unsealed, a standby that forwards requests"
        )),
        ServerState::Active => pass(format!("Vault {version} is unsealed and active")),
    }
}

fn clock(vault: Option<Timestamp>, local: Timestamp) -> Finding {
    let Some(vault) = vault else {
        return pass("Vault does not report its time");
    };
    let behind = local.duration_since(vault).as_secs();
    let seconds = behind.unsigned_abs();
    if behind.abs() > MAX_CLOCK_SKEW_SECONDS {
        let direction = if behind > 0 { "behind" } else { "ahead of" };
        let remedy = "synchronize the clock of Vault's host (or of this one) with a time server, because token lifetimes depend on it";
        return warn(
            format!("Vault's clock is {seconds} s {direction} ours"),
            remedy,
        );
    }
    pass(format!("Vault's clock and ours differ by {seconds} s"))
}
