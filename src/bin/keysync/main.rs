//! The command line for operators and scripts.

// They panic if the terminal is gone, and then a command is not finished.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod args;
mod errors;
mod examples;
mod exit;
mod log;
mod output;
mod policy;
mod print;
mod printable;
mod progress;
mod rehearse;
mod run;
mod screen;
mod secret;
mod targets;

use std::process::ExitCode;

use clap::Parser;
use indicatif::ProgressBar;
use nr_iam_key_sync::{catch_panic, record_panics};

use crate::args::Arguments;
use crate::errors::Errors;
use crate::exit::Exit;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    record_panics();
    let exit = match Arguments::try_parse() {
        Ok(arguments) => run(arguments).await,
        Err(error) => errors::report_usage(&error),
    };
    ExitCode::from(exit as u8)
}

async fn run(arguments: Arguments) -> Exit {
    let bar = if arguments.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::no_length()
    };
    log::start(arguments.verbosity(), bar.clone());
    let errors = Errors::new(arguments.format());
    let exit = Box::pin(catch_panic(run::run(arguments, errors, bar))).await;
    exit.unwrap_or_else(|error| errors.print(&error))
}
