//! The command line at its work, on real parts. Each file below has one idea.

mod basic;
mod complaints;
mod conditions;
mod configuration;
mod dry_run;
mod interrupt;
mod least_policy;
mod shell;
mod sweeps;
mod terminal;
mod transcript;
mod world;

use crate::corner::Corner;

#[tokio::test]
async fn a_sync_writes_a_users_key_and_a_second_finds_it_there() {
    let corner = Corner::new().await;
    let key = corner.rotate("alice").await;
    let said = corner.keysync(&["sync", "alice", "--output", "json"]).await;
    assert_eq!(
        (said.code, said.json()["users"][0]["outcome"].as_str()),
        (0, Some("written")),
        "{said:?}"
    );
    assert_eq!(corner.key("alice").await.unwrap().0, key);
    let said = corner.keysync(&["sync", "alice", "--output", "json"]).await;
    assert_eq!(
        (said.code, said.json()["users"][0]["outcome"].as_str()),
        (0, Some("unchanged")),
        "{said:?}"
    );
}
