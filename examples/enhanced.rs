//! Enhanced mode, with state and token in a bucket: reconciles all users once a day, repairs drift
//! and renews the token.
//!
//! `VAULT_ADDR=… S3_BUCKET_NAME=… AWS_REGION=… cargo run --example enhanced`

use nr_iam_key_sync::{CancellationToken, Config, Error, KeySync, Progress, Reconcile};

// The library works on one thread; its futures are not `Send`.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a program reads its own environment"
    )]
    let keysync = KeySync::connect(Config::read(|name| std::env::var(name).ok())?).await?;
    // Prints each secret of a user as soon as the user is processed.
    let print = |progress: Progress<'_>| {
        let Progress::User(results) = progress else {
            return;
        };
        for result in results {
            let (outcome, reason) = (result.outcome().as_str(), result.reason());
            println!("{}: {outcome}, {reason}", result.user);
        }
    };
    // Cancelling it would finish the users in flight.
    let cancel = CancellationToken::new();
    // The variant of an error decides what to do next.
    let run = match keysync
        .reconcile(&Reconcile::default(), &cancel, print)
        .await
    {
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
    if run.problems.is_empty() {
        Ok(())
    } else {
        Err(run.problems.join("; ").into())
    }
}
