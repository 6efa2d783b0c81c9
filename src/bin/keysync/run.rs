//! Runs a command: calls the library, writes the result, chooses the exit code.

use std::path::Path;

use clap::CommandFactory;
use indicatif::ProgressBar;
use jiff::Timestamp;
use nr_iam_key_sync::{
    AppRole, CheckStatus, Config, Error, KeySync, Reconcile, SyncUsers, UserName, catch_panic,
    misconfigured,
};

use crate::args::{Arguments, Command, Token, named};
use crate::errors::Errors;
use crate::exit::{Exit, of_condition, of_dry_run, of_sync, worse};
use crate::output::{Output, write, write_json};
use crate::progress::Bar;
use crate::screen::Screen;
use crate::{policy, print, rehearse, secret, targets};

/// Runs a command.
///
/// # Errors
/// The error that prevented the command.
pub async fn run(arguments: Arguments, errors: Errors, bar: ProgressBar) -> Result<Exit, Error> {
    let quiet = arguments.quiet;
    let screen = Screen::of_stdout(arguments.color, environment);
    let out = Output::new(arguments.format(), screen, errors);
    match arguments.command {
        Command::Sync {
            users,
            adopt,
            dry_run,
        } => {
            let users = named(users).unwrap_or_default();
            sync(
                &SyncUsers {
                    users,
                    adopt,
                    dry_run,
                },
                out,
            )
            .await
        }
        Command::Reconcile(arguments) => Box::pin(reconcile(&arguments.request(), out, bar)).await,
        Command::Plan { users } if users.is_empty() => {
            Box::pin(reconcile(
                &Reconcile {
                    dry_run: true,
                    ..Reconcile::default()
                },
                out,
                bar,
            ))
            .await
        }
        Command::Plan { users } => {
            let order = SyncUsers {
                users: named(users).unwrap_or_default(),
                adopt: false,
                dry_run: true,
            };
            sync(&order, out).await
        }
        Command::Status { users } => status(named(users), out, bar).await,
        Command::Explain { user, usage } => {
            let keysync = connect().await?;
            let mut explanation = keysync.explain(&user).await?;
            if usage {
                explanation = keysync.with_usage(explanation, &user).await;
            }
            out.write(&explanation, |screen| {
                print::explanation(&explanation, screen)
            });
            Ok(of_condition(explanation.row.condition))
        }
        Command::Targets(command) => targets::run(command, environment, out).await,
        Command::Token(token) => run_token(token, out).await,
        Command::Doctor => doctor(out).await,
        Command::Rehearse(arguments) => {
            Box::pin(rehearse::run(
                connect().await?,
                &arguments.request(),
                out,
                bar,
            ))
            .await
        }
        Command::Policy(command) => policy::run(command, environment, out, quiet),
        Command::Schema => {
            write_json(&nr_iam_key_sync::schema());
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            // Not directly to standard output, which panics if the reader closes it.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "keysync", &mut script);
            write(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
        Command::Man { directory: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command())
                .render(&mut page)
                .expect("a Vec takes every byte");
            write(&String::from_utf8_lossy(&page));
            Ok(Exit::Done)
        }
        Command::Man {
            directory: Some(directory),
        } => Ok(write_manual(&directory, errors)),
    }
}

/// Writes a manual page for each command.
fn write_manual(directory: &Path, errors: Errors) -> Exit {
    match clap_mangen::generate_to(Arguments::command(), directory) {
        Ok(()) => Exit::Done,
        Err(error) => errors.usage(&format!(
            "writing to {}: {error}; expected an existing folder",
            directory.display()
        )),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the only place that reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

async fn connect() -> Result<KeySync, Error> {
    KeySync::connect(Config::read(environment)?).await
}

async fn sync(order: &SyncUsers, out: Output) -> Result<Exit, Error> {
    let report = connect().await?.sync(order).await;
    out.write(&report, |screen| print::report(&report, screen));
    Ok(if order.dry_run {
        of_dry_run(&report)
    } else {
        of_sync(&report)
    })
}

async fn reconcile(order: &Reconcile, out: Output, bar: ProgressBar) -> Result<Exit, Error> {
    let keysync = connect().await?;
    let bar = Bar::start(bar);
    let run = bar
        .run(keysync.reconcile(order, bar.cancel(), |progress| bar.show(&progress)))
        .await?;
    out.write(&run.report, |screen| print::report(&run.report, screen));
    if !run.problems.is_empty() {
        return Ok(out.errors.incomplete(&run.problems));
    }
    Ok(match order {
        Reconcile { dry_run: true, .. } => of_dry_run(&run.report),
        Reconcile { users: Some(_), .. } => of_sync(&run.report),
        _ => Exit::Done,
    })
}

async fn status(
    users: Option<Vec<UserName>>,
    out: Output,
    bar: ProgressBar,
) -> Result<Exit, Error> {
    let keysync = connect().await?;
    let bar = Bar::start(bar);
    let status = bar
        .run(keysync.status(users, bar.cancel(), |progress| bar.show(&progress)))
        .await?;
    out.write(&status, |screen| {
        print::status(&status, Timestamp::now(), screen)
    });
    for problem in &status.problems {
        out.errors.problem(problem);
    }
    let worst = status
        .users
        .iter()
        .map(|row| of_condition(row.condition))
        .fold(Exit::Done, worse);
    Ok(if status.problems.is_empty() {
        worst
    } else {
        Exit::Failed
    })
}

/// Runs all checks. An invalid configuration is the first failed check.
async fn doctor(out: Output) -> Result<Exit, Error> {
    let (checks, exit_on_failure) = match catch_panic(connect()).await {
        Ok(keysync) => (keysync.doctor().await, Exit::Failed),
        Err(error @ Error::Panicked { .. }) => return Err(error),
        Err(error) => (misconfigured(&error), Exit::Usage),
    };
    out.write(&checks, |screen| print::checks(&checks, screen));
    let failed = checks.iter().any(|check| check.status == CheckStatus::Fail);
    Ok(if failed { exit_on_failure } else { Exit::Done })
}

async fn run_token(token: Token, out: Output) -> Result<Exit, Error> {
    let keysync = connect().await?;
    match token {
        Token::Show => {
            let view = keysync.token().await?;
            out.write(&view, |screen| {
                print::token(&view, Timestamp::now(), screen)
            });
        }
        Token::Renew => {
            let status = keysync.renew_token().await?;
            out.write(&status, |screen| {
                print::renewed(&status, Timestamp::now(), screen)
            });
            return Ok(if status.renewed || status.login {
                Exit::Done
            } else {
                Exit::Failed
            });
        }
        Token::Import {
            accept_warnings,
            approle,
            mount,
        } => {
            let imported = if let Some(role_id) = approle {
                let prompt = "Secret id or wrapping token (input hidden): ";
                let role = AppRole {
                    mount: mount.trim_matches('/').to_owned(),
                    role_id,
                    secret_id: secret::read(prompt).await?,
                };
                keysync.import_token_of(&role, accept_warnings).await?
            } else {
                let prompt = "Vault token or wrapping token (input hidden): ";
                let candidate = secret::read(prompt).await?;
                keysync.import_token(candidate, accept_warnings).await?
            };
            out.write(&imported, |screen| {
                print::imported(&imported, Timestamp::now(), screen)
            });
        }
    }
    Ok(Exit::Done)
}
