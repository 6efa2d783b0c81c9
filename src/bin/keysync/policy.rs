//! Prints the least permissions for a configuration.

use nr_iam_key_sync::policy::{IamPolicy, VaultPolicy};
use nr_iam_key_sync::{Config, Error};

use crate::args::Policy;
use crate::exit::Exit;
use crate::output::{Output, write_json};
use crate::printable::print_stderr;
use crate::targets;

/// Runs a command for policies.
///
/// # Errors
/// [`Error::BadConfiguration`], and [`Error::BadTargets`] for a document that is refused.
pub fn run(
    command: Policy,
    environment: fn(&str) -> Option<String>,
    out: Output,
    quiet: bool,
) -> Result<Exit, Error> {
    let config = Config::read(environment)?;
    match command {
        Policy::Vault { targets: file } => {
            let policy = match file.as_ref().or(config.targets_file.as_ref()) {
                None => {
                    if config.bucket.is_some() && !quiet {
                        print_stderr(
                            "note: for the default target; a targets document in the bucket is not \
                             read, and needs the policy of `--targets FILE`",
                        );
                    }
                    VaultPolicy::of(&config)
                }
                Some(file) => {
                    let Some(document) = targets::read(file, out) else {
                        return Ok(Exit::Usage);
                    };
                    VaultPolicy::of_document(&config, &document)?
                }
            };
            out.write(&policy, |_| policy.to_hcl());
        }
        Policy::Iam {
            account,
            kms_key,
            rehearse,
            user,
            function,
        } => {
            let (account, kms_key) = (account.as_deref(), kms_key.as_deref());
            let policy = if rehearse {
                let function = function.as_deref();
                IamPolicy::of_rehearsal(&config, account, kms_key, &user, function)
            } else {
                IamPolicy::of(&config, account, kms_key)
            };
            write_json(&policy);
            if !policy.left_out.is_empty() && !quiet {
                let names = policy.left_out.join(", ");
                print_stderr(&format!(
                    "note: left out, because their values are known only in a deployment: {names}"
                ));
            }
        }
    }
    Ok(Exit::Done)
}
