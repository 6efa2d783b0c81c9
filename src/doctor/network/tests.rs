use std::net::Ipv4Addr;

use super::super::check::CheckStatus;
use super::*;

async fn looked(address: &str) -> Vec<(&'static str, CheckStatus, String)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let checks = checks(&Url::parse(address).unwrap(), deadline).await;
    checks
        .into_iter()
        .map(|check| (check.name, check.status, check.detail))
        .collect()
}

#[tokio::test]
async fn a_server_that_listens_is_reached() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let checks = looked(&format!("https://{host}:{port}")).await;
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
            checks[0].2.starts_with(&format!("{host} is ")),
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
async fn a_port_where_nobody_listens_fails() {
    // Bound and given up, so that it is free.
    let port = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let checks = looked(&format!("https://127.0.0.1:{port}")).await;
    assert_eq!(
        (checks[0].1, checks[1].1),
        (CheckStatus::Pass, CheckStatus::Fail)
    );
    assert_eq!(checks[1].2, format!("127.0.0.1:{port}: connection refused"));
}

#[tokio::test]
async fn a_name_that_nobody_knows_fails_and_no_connection_is_tried() {
    let checks = looked("https://vault.invalid").await;
    assert_eq!(
        checks[0],
        (
            NAME,
            CheckStatus::Fail,
            "vault.invalid has no address".to_owned()
        )
    );
    assert_eq!(
        checks[1],
        (
            CONNECTION,
            CheckStatus::Fail,
            "not checked, because vault-name failed".to_owned()
        )
    );
}

#[tokio::test]
async fn a_dead_address_beside_a_living_one_is_warned_of() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let living = listener.local_addr().unwrap();
    // The same port of another loopback address, where nobody listens.
    let dead = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), living.port()));
    let other_family = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, living.port()));
    let deadline = Instant::now() + Duration::from_secs(20);
    let warned = check(CONNECTION, deadline, connect(&[dead, living])).await;
    assert_eq!(warned.status, CheckStatus::Warn);
    assert!(
        warned
            .detail
            .contains(&format!("{dead}: connection refused")),
        "{}",
        warned.detail
    );
    let passed = check(CONNECTION, deadline, connect(&[other_family, living])).await;
    assert_eq!(passed.status, CheckStatus::Pass, "{}", passed.detail);
}
