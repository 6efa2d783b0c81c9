//! Measures the function between counting stand-ins; see `docs/performance.md`.
//!
//! ```text
//! bench [--quick] [--zip FILE] [--page FILE] [--picture FILE] [--limits FILE] NAME=COMMAND…
//! ```
//!
//! Each command is measured in the same run; the sweeps and the limits are for the first. It is started with the
//! function's environment and `AWS_LAMBDA_RUNTIME_API`, and may be any implementation of the same contract.

mod function;
mod limits;
mod measure;
mod page;
mod picture;
mod services;
mod sweep;
mod trips;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use measure::{ADDED, Figures, measure};
use services::{BUCKET, Services};
use sweep::{Case, Sweep, sweep};
use wire::Identity;

/// Everything that was measured.
pub struct Results {
    /// Of each command.
    pub figures: Vec<Figures>,
    /// Of the first command.
    pub sweeps: Vec<Sweep>,
    /// The size of the first command's file, in bytes.
    pub binary: u64,
    /// The size of its package, in bytes; `None` where none was named.
    pub zip: Option<u64>,
}

struct Order {
    quick: bool,
    zip: Option<PathBuf>,
    page: Option<PathBuf>,
    picture: Option<PathBuf>,
    limits: Option<PathBuf>,
    commands: Vec<(String, Vec<String>)>,
}

impl Order {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut order = Self { quick: false, zip: None, page: None, picture: None, limits: None, commands: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut file = || arguments.next().map(PathBuf::from).ok_or(format!("{argument} needs a file"));
            match argument.as_str() {
                "--quick" => order.quick = true,
                "--zip" => order.zip = Some(file()?),
                "--page" => order.page = Some(file()?),
                "--picture" => order.picture = Some(file()?),
                "--limits" => order.limits = Some(file()?),
                _ => {
                    let (name, command) =
                        argument.split_once('=').ok_or(format!("{argument}: expected NAME=COMMAND"))?;
                    let command: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
                    if command.is_empty() {
                        return Err(format!("{name} has no command"));
                    }
                    order.commands.push((name.to_owned(), command));
                }
            }
        }
        if order.commands.is_empty() {
            Err("nothing to measure: expected NAME=COMMAND…".to_owned())
        } else {
            Ok(order)
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Order::parse(std::env::args().skip(1)) {
        Ok(order) => run(&order).await,
        Err(problem) => Err(problem),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(order: &Order) -> Result<(), String> {
    let identity = Identity::new();
    let services = Services::start(&identity).await;
    let trusted = Trusted::write(&identity.authority)?;
    let environment = environment(&services, &trusted.0);
    let mut figures = Vec::new();
    for (name, command) in &order.commands {
        eprintln!("bench: measuring {name}");
        let invocations = if order.quick { 300 } else { 10_000 };
        let measured = measure(&services, name, command, &environment, invocations).await;
        figures.push(measured.map_err(|problem| format!("{name}: {problem}"))?);
    }
    let command = &order.commands[0].1;
    let mut sweeps = Vec::new();
    for case in cases(order.quick) {
        eprintln!("bench: sweeping {} users", case.users);
        sweeps.extend(sweep(&services, command, &environment, case).await?);
    }
    let binary = size(Path::new(&command[0]))?;
    let zip = order.zip.as_deref().map(size).transpose()?;
    let results = Results { figures, sweeps, binary, zip };
    let tables = page::tables(&results);
    println!("{tables}");
    if let Some(file) = &order.page {
        page::renew(file, &tables)?;
    }
    if let Some(file) = &order.picture {
        write(file, &picture::draw(&results))?;
    }
    order.limits.as_deref().map_or(Ok(()), |file| limits::check(file, &results))
}

/// The sweeps to measure: growth at first, then 5,000 users with other settings.
fn cases(quick: bool) -> Vec<Case> {
    let of = |users| Case { users, concurrency: 16, limit: None, added: ADDED };
    let mut cases = [100, 1000].map(of).to_vec();
    if !quick {
        cases.extend([
            of(5000),
            of(20_000),
            Case { limit: Some(10), ..of(5000) },
            Case { concurrency: 128, ..of(5000) },
            Case { added: Duration::ZERO, ..of(5000) },
        ]);
    }
    cases
}

fn environment(services: &Services, trusted: &Path) -> Vec<(String, String)> {
    let trusted = trusted.to_str().expect("a temporary folder has a plain name");
    let pairs = [
        ("AWS_ENDPOINT_URL", services.aws.as_str()),
        ("VAULT_ADDR", &services.vault),
        ("SSL_CERT_FILE", trusted),
        ("NODE_EXTRA_CA_CERTS", trusted),
        ("AWS_REGION", "ca-central-1"),
        ("AWS_DEFAULT_REGION", "ca-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDBENCH"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("S3_BUCKET_NAME", BUCKET),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// A file with the machine's authorities and ours: loading them all is part of what is measured. Ends with the run.
struct Trusted(PathBuf);

impl Trusted {
    fn write(authority: &str) -> Result<Self, String> {
        let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
        let machines = usual.iter().find_map(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let file = std::env::temp_dir().join(format!("bench-authorities-{}.pem", std::process::id()));
        write(&file, &format!("{machines}\n{authority}"))?;
        Ok(Self(file))
    }
}

impl Drop for Trusted {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn size(file: &Path) -> Result<u64, String> {
    std::fs::metadata(file).map(|found| found.len()).map_err(|error| format!("{}: {error}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}
