//! The network route to Vault: its host name, and a connection to it.

use std::net::SocketAddr;

use futures_util::future::join_all;
use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::Instant;

use super::check::{Check, Finding, check, fail, pass, skipped, warn};
use crate::backends::vault::CONNECT_TIMEOUT;

const NAME: &str = "vault-name";
const CONNECTION: &str = "vault-connection";

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
                "check the host in VAULT_ADDR, and that the DNS of this network resolves it";
            fail(format!("{host} does not resolve to an address"), remedy)
        } else {
            pass(format!("{host} resolves to {addresses}"))
        }
    });
    let name = name.await;
    if found.is_empty() {
        return [vec![name], skipped(&[CONNECTION], NAME)].concat();
    }
    vec![name, check(CONNECTION, deadline, connect(&found)).await]
}

async fn connect(addresses: &[SocketAddr]) -> Finding {
    let attempts = join_all(addresses.iter().map(async |address| {
        let started = Instant::now();
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        // The address that Vault compares with a token's, unless it is translated on the way.
        let own = match stream {
            Ok(Ok(stream)) => stream.local_addr().map(|own| own.ip()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        let own = own.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => {
                format!("no response within {} s", CONNECT_TIMEOUT.as_secs())
            }
            kind => kind.to_string(),
        });
        (*address, started.elapsed().as_millis(), own)
    }));
    let attempts = attempts.await;
    let fastest = attempts
        .iter()
        .filter_map(|(address, millis, own)| Some((address, millis, own.as_ref().ok()?)))
        .min_by_key(|(_, millis, _)| *millis);
    let failed = attempts
        .iter()
        .filter_map(|(address, _, own)| Some((address, own.as_ref().err()?)));
    let describe = |failed: Vec<(&SocketAddr, &String)>| {
        failed
            .iter()
            .map(|(address, problem)| format!("{address}: {problem}"))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let Some((address, millis, own)) = fastest else {
        let remedy = "check VAULT_ADDR, that Vault runs there, and that the network allows the connection (route, firewall, security group)";
        return fail(describe(failed.collect()), remedy);
    };
    // An unreachable address family is common and harmless.
    let failed = failed
        .filter(|(failed, _)| failed.is_ipv4() == address.is_ipv4())
        .collect::<Vec<_>>();
    let connected = format!("connected to {address} in {millis} ms, from {own}");
    if failed.is_empty() {
        pass(connected)
    } else {
        let detail = format!(
            "{connected}, but not to all addresses ({})",
            describe(failed)
        );
        warn(
            detail,
            "remove the unreachable address from the host name, or start Vault there; it can delay each new connection by seconds",
        )
    }
}

#[cfg(test)]
mod tests;
