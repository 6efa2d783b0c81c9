//! What each command does: ask the library, write the result, choose the exit code.

use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::CommandFactory;
use indicatif::ProgressBar;
use jiff::Timestamp;
use nr_iam_key_sync::policy::{IamPolicy, VaultPolicy};
use nr_iam_key_sync::{
    CheckStatus, Config, Error, KeySync, Problem, Reconcile, UserName, misconfigured,
};
use serde::Serialize;

use crate::args::{Arguments, Command, Output, Policy, Token, named};
use crate::exit::{Exit, complain, differences, of_condition, of_sync, worse};
use crate::progress::Progress;
use crate::screen::Screen;
use crate::{print, secret};

/// Runs a command.
///
/// # Errors
/// What kept it from being done at all.
pub async fn run(arguments: Arguments, bar: ProgressBar) -> Result<Exit, Error> {
    let screen = Screen::of_stdout(environment);
    let out = Out {
        output: arguments.output,
        screen,
    };
    match arguments.command {
        Command::Sync { users, dry_run } => {
            let users = named(users).unwrap_or_default();
            let report = connect().await?.sync(&users, dry_run).await;
            out.write(&report, |screen| print::report(&report, screen));
            Ok(if dry_run {
                differences(&report)
            } else {
                of_sync(&report)
            })
        }
        Command::Reconcile(sweep) => Box::pin(reconcile(&sweep.order(), out, bar)).await,
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
            let report = connect()
                .await?
                .sync(&named(users).unwrap_or_default(), true)
                .await;
            out.write(&report, |screen| print::report(&report, screen));
            Ok(differences(&report))
        }
        Command::Status { users } => status(named(users), out, bar).await,
        Command::Explain { user } => {
            let explanation = connect().await?.explain(&user).await?;
            out.write(&explanation, |screen| {
                print::explanation(&explanation, screen)
            });
            Ok(of_condition(explanation.row.condition))
        }
        Command::Token(token) => of_token(token, out).await,
        Command::Doctor => examine(out).await,
        Command::Policy(Policy::Vault) => {
            let policy = VaultPolicy::of(&Config::read(environment)?);
            out.write(&policy, |_| policy.to_hcl());
            Ok(Exit::Done)
        }
        Command::Policy(Policy::Iam { account, kms_key }) => {
            let policy = IamPolicy::of(
                &Config::read(environment)?,
                account.as_deref(),
                kms_key.as_deref(),
            );
            write_json(&policy);
            if !policy.left_out.is_empty() {
                eprintln!(
                    "left out, because only a deployment knows them: {}",
                    policy.left_out.join(", ")
                );
            }
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            // Not straight to standard output: it panics where the reader goes away.
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
        } => Ok(manual(&directory)),
    }
}

/// Where the result goes.
#[derive(Clone, Copy, Debug)]
struct Out {
    output: Output,
    screen: Screen,
}

impl Out {
    /// Writes the result to standard output, and nothing else ever.
    fn write(self, result: &impl Serialize, text: impl FnOnce(Screen) -> String) {
        let text = match self.output {
            Output::Text => text(self.screen),
            Output::Json => return write_json(result),
        };
        write(&text);
    }
}

fn write_json(result: &impl Serialize) {
    write(
        &(serde_json::to_string_pretty(result)
            .expect("results have only text keys and plain values")
            + "\n"),
    );
}

fn write(text: &str) {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: the result could not be written: {error}");
            std::process::exit(i32::from(Exit::Failed as u8));
        }
        // A reader that has seen enough closes the pipe: no reason to complain.
        Ok(()) | Err(_) => {}
    }
}

/// Writes a manual page for each command.
fn manual(directory: &Path) -> Exit {
    match clap_mangen::generate_to(Arguments::command(), directory) {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!(
                "error: {} cannot be written to: {error}; expected a folder that exists",
                directory.display()
            );
            Exit::Usage
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "here is where the environment is read"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn connect() -> Result<KeySync, Error> {
    let config = Config::read(environment)?;
    // The AWS SDK panics without any.
    if rustls_native_certs::load_native_certs().certs.is_empty() {
        let problem = "this host has no certificate authorities; install ca-certificates, or let it name a file of them";
        return Err(Error::BadConfiguration(vec![Problem {
            variable: "SSL_CERT_FILE",
            problem: problem.to_owned(),
        }]));
    }
    KeySync::connect(config).await
}

async fn reconcile(order: &Reconcile, out: Out, bar: ProgressBar) -> Result<Exit, Error> {
    let keysync = connect().await?;
    let progress = Progress::begin(bar);
    let run = progress.of(keysync.reconcile(order, &progress)).await?;
    out.write(&run.report, |screen| print::report(&run.report, screen));
    if !run.problems.is_empty() {
        return Ok(complain(&Error::PartialFailure(run.problems.join("; "))));
    }
    Ok(match order {
        Reconcile { dry_run: true, .. } => differences(&run.report),
        Reconcile { users: Some(_), .. } => of_sync(&run.report),
        _ => Exit::Done,
    })
}

async fn status(users: Option<Vec<UserName>>, out: Out, bar: ProgressBar) -> Result<Exit, Error> {
    let keysync = connect().await?;
    let progress = Progress::begin(bar);
    let status = progress.of(keysync.status(users, &progress)).await?;
    out.write(&status, |screen| {
        print::status(&status, Timestamp::now(), screen)
    });
    for problem in &status.problems {
        eprintln!("error: {problem}");
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

/// Looks at everything; a wrong configuration is the first thing that can be wrong.
async fn examine(out: Out) -> Result<Exit, Error> {
    let (checks, otherwise) = match connect().await {
        Ok(keysync) => (keysync.doctor().await, Exit::Failed),
        Err(error) => (misconfigured(&error), Exit::Usage),
    };
    out.write(&checks, |screen| print::checks(&checks, screen));
    let failed = checks.iter().any(|check| check.status == CheckStatus::Fail);
    Ok(if failed { otherwise } else { Exit::Done })
}

async fn of_token(token: Token, out: Out) -> Result<Exit, Error> {
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
            return Ok(if status.renewed {
                Exit::Done
            } else {
                Exit::Failed
            });
        }
        Token::Import { accept_warnings } => {
            let candidate = secret::read("Vault token, or a token that wraps one (not shown): ")?;
            let imported = keysync.import_token(candidate, accept_warnings).await?;
            out.write(&imported, |screen| {
                print::imported(&imported, Timestamp::now(), screen)
            });
        }
    }
    Ok(Exit::Done)
}
