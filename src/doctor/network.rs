//! The way to Vault: its host's name, and a connection to it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::Instant;

use super::check::{Check, check, fail, not_checked, pass, warn};

const NAME: &str = "vault-name";
const CONNECTION: &str = "vault-connection";

/// As long as the sync waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Resolves the host and connects to it.
pub(super) async fn checks(address: &Url, deadline: Instant) -> Vec<Check> {
    let host = address
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']']);
    let port = address.port_or_known_default().unwrap_or_default();
    let mut found = Vec::new();
    let name = check(NAME, deadline, async {
        found = lookup_host((host, port))
            .await
            .map(Iterator::collect)
            .unwrap_or_default();
        let addresses = found
            .iter()
            .map(|address: &SocketAddr| address.ip().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        if found.is_empty() {
            let remedy =
                "check the host in VAULT_ADDR, and that the name server of this network knows it";
            fail(format!("{host} has no address"), remedy)
        } else {
            pass(format!("{host} is {addresses}"))
        }
    });
    let name = name.await;
    if found.is_empty() {
        return [vec![name], not_checked(&[CONNECTION], NAME)].concat();
    }
    vec![name, check(CONNECTION, deadline, connect(&found)).await]
}

async fn connect(addresses: &[SocketAddr]) -> super::check::Finding {
    let tries = join_all(addresses.iter().map(async |address| {
        let begun = Instant::now();
        let problem = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await
        {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.kind().to_string()),
            Err(_) => Some(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
        };
        (*address, begun.elapsed().as_millis(), problem)
    }));
    let tries = tries.await;
    let quickest = tries
        .iter()
        .filter(|(.., problem)| problem.is_none())
        .min_by_key(|(_, millis, _)| *millis);
    let silent = tries
        .iter()
        .filter_map(|(address, _, problem)| Some((address, problem.as_ref()?)));
    let told = |silent: Vec<(&SocketAddr, &String)>| {
        silent
            .iter()
            .map(|(address, problem)| format!("{address}: {problem}"))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let Some((address, millis, _)) = quickest else {
        let remedy = "open the way from this network to Vault's host and port: route, firewall, security group; or start Vault there";
        return fail(told(silent.collect()), remedy);
    };
    // That a family is of no use here is common, and harmless.
    let silent = silent
        .filter(|(silent, _)| silent.is_ipv4() == address.is_ipv4())
        .collect::<Vec<_>>();
    if silent.is_empty() {
        pass(format!("connected to {address} in {millis} ms"))
    } else {
        let detail = format!(
            "connected to {address} in {millis} ms, but not to all addresses ({})",
            told(silent)
        );
        warn(
            detail,
            "take the dead address out of the name, or start Vault there: each new connection may lose seconds",
        )
    }
}

#[cfg(test)]
mod tests;
