use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::check::CheckStatus;
use super::*;

async fn results(address: &str) -> Vec<(&'static str, CheckStatus, String)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let checks = checks(&Url::parse(address).unwrap(), deadline).await;
    checks
        .into_iter()
        .map(|check| (check.name, check.status, check.detail))
        .collect()
}

#[tokio::test]
async fn listening_server_passes() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let checks = results(&format!("https://{host}:{port}")).await;
        assert_eq!(
            checks.iter().map(|(name, ..)| *name).collect::<Vec<_>>(),
            [NAME, CONNECTION]
        );
        assert!(
            checks
                .iter()
                .all(|(_, status, _)| *status == CheckStatus::Pass),
            "{checks:?}"
        );
        assert!(
            checks[0].2.starts_with(&format!("{host} resolves to ")),
            "{checks:?}"
        );
        assert!(
            checks[1]
                .2
                .starts_with(&format!("connected to 127.0.0.1:{port} in ")),
            "{checks:?}"
        );
    }
}

#[tokio::test]
async fn closed_port_fails() {
    // Bound and released, so that no process listens on it.
    let port = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let checks = results(&format!("https://127.0.0.1:{port}")).await;
    assert_eq!(
        (checks[0].1, checks[1].1),
        (CheckStatus::Pass, CheckStatus::Fail)
    );
    assert_eq!(checks[1].2, format!("127.0.0.1:{port}: connection refused"));
}

#[tokio::test]
async fn unknown_name_fails_without_a_connection() {
    let checks = results("https://vault.invalid").await;
    assert_eq!(
        checks[0],
        (
            NAME,
            CheckStatus::Fail,
            "vault.invalid does not resolve to an address".to_owned()
        )
    );
    assert_eq!(
        checks[1],
        (
            CONNECTION,
            CheckStatus::Skip,
            "not checked, because vault-name failed".to_owned()
        )
    );
}

#[tokio::test]
async fn unreachable_address_beside_a_reachable_one_warns() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let reachable = listener.local_addr().unwrap();
    // The same port of another loopback address, where no process listens.
    let unreachable = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), reachable.port()));
    let other_family = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, reachable.port()));
    let deadline = Instant::now() + Duration::from_secs(20);
    let warned = check(CONNECTION, deadline, connect(&[unreachable, reachable])).await;
    assert_eq!(warned.status, CheckStatus::Warn);
    assert!(
        warned
            .detail
            .contains(&format!("{unreachable}: connection refused")),
        "{}",
        warned.detail
    );
    let passed = check(CONNECTION, deadline, connect(&[other_family, reachable])).await;
    assert_eq!(passed.status, CheckStatus::Pass, "{}", passed.detail);
}
