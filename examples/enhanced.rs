//! Enhanced mode: state and token in a bucket. Reconciles all users at most once a day, repairs
//! drift and renews the token.
//!
//! `VAULT_ADDR=… S3_BUCKET_NAME=… AWS_REGION=… cargo run --example enhanced`

use nr_iam_key_sync::{Config, Error, KeySync, Reconcile, UserReport, Watch};

/// Prints each user as soon as it is processed.
struct Print;

impl Watch for Print {
    fn ended(&self, user: &UserReport) {
        println!("{}: {}, {}", user.user, user.outcome.as_str(), user.reason);
    }
}

// The library works on one thread; its futures are not `Send`.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[expect(clippy::disallowed_methods, reason = "a program reads its own environment")]
    let keysync = KeySync::connect(Config::read(|name| std::env::var(name).ok())?).await?;
    // The variant of an error determines what to do next.
    let run = match keysync.reconcile(&Reconcile::default(), &Print).await {
        Ok(run) => run,
        Err(error @ (Error::Unreachable { .. } | Error::Unavailable { .. })) => {
            println!("nothing was reconciled; the next run tries again: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    match run.report.skipped {
        Some(reason) => println!("not due: {reason}"),
        None => println!("reconciled in {} ms", run.report.millis),
    }
    if run.problems.is_empty() { Ok(()) } else { Err(run.problems.join("; ").into()) }
}
