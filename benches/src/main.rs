//! Measures the function between fake AWS and Vault services that count its calls; see
//! `docs/performance.md`. Other implementations can be measured beside it; see `README.md`.

mod calls;
mod cases;
mod environment;
mod figures;
mod function;
mod implementation;
mod limits;
mod measure;
mod options;
mod page;
mod payload;
mod picture;
mod reconcile;
mod results;
mod services;
mod setup;
mod suite;
mod targets;
mod tls;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use options::Options;
use results::{Measured, Results};

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::from_arguments()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let mut results = start(options)?;
    tokio::select! {
        result = suite::measure_all(options, &mut results) => result?,
        () = interrupted() => eprintln!("bench: interrupted"),
    }
    publish(options, &results)?;
    let incomplete = results.incomplete();
    if !incomplete.is_empty() {
        return Err(format!("figures are missing: {}", incomplete.join(", ")));
    }
    options
        .limits
        .as_deref()
        .map_or(Ok(()), |file| limits::check(file, &results))
}

/// Returns the results before anything is measured.
fn start(options: &Options) -> Result<Results, String> {
    let commands = options.implementations.iter().map(|command| Measured {
        name: command.name.clone(),
        ..Measured::default()
    });
    Ok(Results {
        commands: commands.collect(),
        binary_size: file_size(&options.implementations[0].program)?,
        package_size: options.zip.as_deref().map(file_size).transpose()?,
    })
}

/// Prints what was measured. Page and picture are written only if nothing of the first command is
/// missing.
fn publish(options: &Options, results: &Results) -> Result<(), String> {
    let tables = page::tables(results);
    println!("{tables}");
    if !results.first().is_complete {
        return Ok(());
    }
    if let Some(file) = &options.picture {
        write(file, &picture::draw(results.first())?)?;
    }
    options
        .page
        .as_deref()
        .map_or(Ok(()), |file| page::update(file, &tables))
}

/// Waits for SIGINT or SIGTERM, so that the measured processes can be ended.
async fn interrupted() {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn file_size(file: &Path) -> Result<u64, String> {
    let metadata = std::fs::metadata(file);
    metadata
        .map(|metadata| metadata.len())
        .map_err(|error| format!("read the size of {}: {error}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("write {}: {error}", file.display()))
}
