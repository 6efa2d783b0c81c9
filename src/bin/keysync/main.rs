//! The command line for operators and scripts.

mod args;
mod exit;
mod log;
mod output;
mod print;
mod printable;
mod progress;
mod run;
mod screen;
mod secret;

use std::process::ExitCode;

use clap::Parser;
use indicatif::ProgressBar;
use nr_iam_key_sync::{catch_panic, record_panics};

use crate::args::Arguments;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    record_panics();
    let arguments = Arguments::parse();
    let bar = ProgressBar::no_length();
    log::start(arguments.verbose, bar.clone());
    let exit = match Box::pin(catch_panic(run::run(arguments, bar))).await {
        Ok(exit) => exit,
        Err(error) => exit::print_error(&error),
    };
    ExitCode::from(exit as u8)
}
