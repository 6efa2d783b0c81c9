//! Measures the function between fake AWS and Vault services that count its calls; see
//! `docs/performance.md`.
//!
//! ```text
//! bench [--quick] [--zip FILE] [--page FILE] [--picture FILE] [--limits FILE] NAME=COMMAND…
//! ```
//!
//! All commands are measured in one run. Reconcile runs and limits apply to the first one. A
//! command receives the function's environment and `AWS_LAMBDA_RUNTIME_API`. It may be any
//! implementation of the same contract.

mod calls;
mod function;
mod limits;
mod measure;
mod options;
mod page;
mod picture;
mod reconcile;
mod services;
mod targets;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use measure::{ADDED_LATENCY, Figures, Setup, measure, measure_login, measure_targets};
use options::{Implementation, Options};
use reconcile::{Case, ReconcileRun, measure_reconcile};
use services::{BUCKET, Services};
use targets::Targets;
use wire::TlsIdentity;

/// All measured figures.
pub struct Results {
    /// The figures of each command.
    pub figures: Vec<Figures>,
    /// The figures of the first command with a login in place of a stored token.
    pub login: Figures,
    /// The figures of the first command with targets, for each number of them.
    pub targets: Vec<Figures>,
    /// The reconcile runs of the first command.
    pub reconcile_runs: Vec<ReconcileRun>,
    /// The size of the first command's program, in bytes.
    pub binary_size: u64,
    /// The size of its deployment package in bytes, if the package was given.
    pub package_size: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => run(&options).await,
        Err(problem) => Err(problem),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let results = measure_all(options).await?;
    let tables = page::tables(&results);
    println!("{tables}");
    if let Some(file) = &options.page {
        page::update(file, &tables)?;
    }
    if let Some(file) = &options.picture {
        write(file, &picture::draw(&results)?)?;
    }
    options
        .limits
        .as_deref()
        .map_or(Ok(()), |file| limits::check(file, &results))
}

async fn measure_all(options: &Options) -> Result<Results, String> {
    let identity = TlsIdentity::new();
    let services = Services::start(&identity).await;
    let trust_bundle = TrustBundle::write(&identity.authority)?;
    let environment = environment(&services, &trust_bundle.0);
    let (invocations, with_targets) = if options.quick {
        (300, 300)
    } else {
        (10_000, 2000)
    };
    let setup = Setup {
        services: &services,
        command: &options.implementations[0].command,
        environment: &environment,
        targets: None,
    };
    let mut figures = Vec::new();
    for Implementation { name, command } in &options.implementations {
        eprintln!("bench: measuring {name}");
        let measured = measure(Setup { command, ..setup }, name, invocations).await;
        figures.push(measured.map_err(|problem| format!("measure {name}: {problem}"))?);
    }
    eprintln!("bench: measuring the login");
    let login = [("VAULT_AUTH_METHOD", "aws"), ("VAULT_AUTH_ROLE", "bench")];
    let login = login.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment_of_login = [&environment[..], &login].concat();
    let setup_of_login = Setup {
        environment: &environment_of_login,
        ..setup
    };
    let login = measure_login(setup_of_login, with_targets).await?;
    let mut targets = Vec::new();
    for case in TARGETS {
        eprintln!("bench: measuring {}", case.name());
        targets.push(measure_targets(setup, case, with_targets).await?);
    }
    let command = setup.command;
    let mut reconcile_runs = Vec::new();
    for case in reconcile_cases(options.quick) {
        eprintln!("bench: reconciling {} users", case.users);
        reconcile_runs.extend(measure_reconcile(&services, command, &environment, case).await?);
    }
    let binary_size = file_size(Path::new(&command[0]))?;
    let package_size = options.zip.as_deref().map(file_size).transpose()?;
    Ok(Results {
        figures,
        login,
        targets,
        reconcile_runs,
        binary_size,
        package_size,
    })
}

/// The targets of each user whose rotations are measured.
const TARGETS: [Targets; 4] = [
    replaced(1),
    replaced(3),
    replaced(10),
    Targets {
        per_user: 10,
        merge: true,
    },
];

const fn replaced(per_user: usize) -> Targets {
    let merge = false;
    Targets { per_user, merge }
}

/// Returns the reconcile runs to measure: growing numbers of users, then 5,000 users with other
/// settings, and users with one and two merged targets each.
fn reconcile_cases(quick: bool) -> Vec<Case> {
    let with_users = |users| Case {
        users,
        concurrency: 16,
        ssm_limit: None,
        vault_quota: None,
        targets: None,
        added_latency: ADDED_LATENCY,
    };
    let mut cases = [100, 1000].map(with_users).to_vec();
    cases.push(Case {
        vault_quota: Some(20),
        ..with_users(80)
    });
    let with_targets = |users, per_user| Case {
        targets: Some(Targets {
            per_user,
            merge: true,
        }),
        ..with_users(users)
    };
    cases.extend([1, 2].map(|per_user| with_targets(1000, per_user)));
    if !quick {
        cases.extend([
            with_users(5000),
            with_users(20_000),
            Case {
                ssm_limit: Some(10),
                ..with_users(5000)
            },
            Case {
                concurrency: 128,
                ..with_users(5000)
            },
            Case {
                added_latency: Duration::ZERO,
                ..with_users(5000)
            },
            with_targets(5000, 1),
            with_targets(5000, 2),
        ]);
    }
    cases
}

fn environment(services: &Services, trust_bundle: &Path) -> Vec<(String, String)> {
    let trust_bundle = trust_bundle
        .to_str()
        .expect("the temporary folder has a UTF-8 path");
    let pairs = [
        ("AWS_ENDPOINT_URL", services.aws.as_str()),
        ("VAULT_ADDR", &services.vault),
        ("SSL_CERT_FILE", trust_bundle),
        ("NODE_EXTRA_CA_CERTS", trust_bundle),
        ("AWS_REGION", "ca-central-1"),
        ("AWS_DEFAULT_REGION", "ca-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDBENCH"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("S3_BUCKET_NAME", BUCKET),
    ];
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// A temporary file with the system's CA certificates and the one of the fakes. A deployment
/// loads the system's CA certificates too, so the measurements include it.
struct TrustBundle(PathBuf);

impl TrustBundle {
    fn write(authority: &str) -> Result<Self, String> {
        let usual = [
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
        ];
        let system = usual
            .iter()
            .find_map(|file| std::fs::read_to_string(file).ok());
        let name = format!("bench-authorities-{}.pem", std::process::id());
        let file = std::env::temp_dir().join(name);
        write(
            &file,
            &format!("{}\n{authority}", system.unwrap_or_default()),
        )?;
        Ok(Self(file))
    }
}

impl Drop for TrustBundle {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
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
