//! Measures all commands, one after the other.

use crate::cases::{TARGETS, reconcile_cases};
use crate::environment::Folder;
use crate::measure::{Rotations, Sizes};
use crate::options::Options;
use crate::reconcile::measure_reconcile;
use crate::results::{Measured, Results};
use crate::services::Services;
use crate::setup::Setup;
use crate::tls::TlsIdentity;

/// The most rotations by one process that has a login or targets.
const MAX_VARIANT_INVOCATIONS: usize = 2000;

/// Measures all commands. A command that fails is named at once with the reason, and does not stop
/// the others.
pub async fn measure_all(options: &Options, results: &mut Results) -> Result<(), String> {
    let identity = TlsIdentity::generate();
    let folder = Folder::create(&identity)?;
    let services = Services::start(&identity).await;
    let environment = folder.environment(&services);
    for (n, implementation) in options.implementations.iter().enumerate() {
        services.wire.forget_failures();
        let setup = Setup {
            services: &services,
            implementation,
            environment: &environment,
            output: &folder.output,
        };
        let measured = &mut results.commands[n];
        let outcome = tokio::select! {
            outcome = measure_command(setup, options, n == 0, measured) => outcome,
            failure = services.wire.failure() => Err(failure),
        };
        match outcome {
            Ok(()) => measured.is_complete = true,
            Err(problem) => eprintln!("bench: {}", setup.explain(&problem)),
        }
    }
    Ok(())
}

/// Measures one command; the function also with a login, with targets and with a quota of Vault.
async fn measure_command(
    setup: Setup<'_>,
    options: &Options,
    is_function: bool,
    measured: &mut Measured,
) -> Result<(), String> {
    let name = &setup.implementation.name;
    eprintln!("bench: measuring {name}");
    let rotations = Rotations {
        setup,
        targets: None,
        sizes: options.sizes(),
    };
    measured.rotations = Some(rotations.measure(name).await?);
    if is_function {
        measure_variants(rotations, measured).await?;
    }
    for case in reconcile_cases(options) {
        if is_function || case.targets.is_none() && case.vault_quota.is_none() {
            eprintln!("bench: reconciling {} users with {name}", case.users);
            measure_reconcile(setup, case, &mut measured.reconcile_runs).await?;
        }
    }
    Ok(())
}

/// Measures rotations with a login in place of a stored token, and with targets.
async fn measure_variants(rotations: Rotations<'_>, measured: &mut Measured) -> Result<(), String> {
    let sizes = Sizes {
        invocations: rotations.sizes.invocations.min(MAX_VARIANT_INVOCATIONS),
        ..rotations.sizes
    };
    let rotations = Rotations { sizes, ..rotations };
    eprintln!("bench: measuring the login");
    let login = [("VAULT_AUTH_METHOD", "aws"), ("VAULT_AUTH_ROLE", "bench")];
    let login = login.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let with_login = Rotations {
        setup: Setup {
            environment: &[rotations.setup.environment, &login].concat(),
            ..rotations.setup
        },
        ..rotations
    };
    measured.login = Some(with_login.measure_without_pause("with a login").await?);
    for targets in TARGETS {
        let name = targets.name();
        eprintln!("bench: measuring {name}");
        let targets = Some(targets);
        let with_targets = Rotations {
            targets,
            ..rotations
        };
        let figures = with_targets.measure_without_pause(&name).await?;
        measured.targets.push(figures);
    }
    Ok(())
}
