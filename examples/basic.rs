//! Basic mode, without state and bucket: writes each user's key if the one in Vault differs.
//!
//! `VAULT_ADDR=… VAULT_TOKEN=… AWS_REGION=… cargo run --example basic alice bob`

use nr_iam_key_sync::{Config, KeySync, Outcome, SyncUsers, UserName};

// The library works on one thread; its futures are not `Send`.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = std::env::args()
        .skip(1)
        .map(|name| UserName::parse(&name))
        .collect::<Result<Vec<_>, _>>()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a program reads its own environment"
    )]
    let keysync = KeySync::connect(Config::read(|name| std::env::var(name).ok())?).await?;
    let order = SyncUsers {
        users,
        ..SyncUsers::default()
    };
    let report = keysync.sync(&order).await;
    for user in &report.users {
        println!("{}: {}, {}", user.user, user.outcome.as_str(), user.reason);
    }
    let failed = report.counts.get(&Outcome::Failed).copied().unwrap_or(0);
    if failed == 0 {
        Ok(())
    } else {
        Err(format!("{failed} failed").into())
    }
}
