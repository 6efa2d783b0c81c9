//! The commands below `token`, `targets` and `policy`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use nr_iam_key_sync::{Rehearse, UserName};

use crate::examples;

/// The commands for the Vault token.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Show the token's properties and lifetime
    #[command(after_help = examples::TOKEN_SHOW)]
    Show,
    /// Renew the token now
    #[command(after_help = examples::TOKEN_RENEW)]
    Renew,
    /// Check a new token, from standard input or a prompt, and store it
    ///
    /// Accepts a token, or a response-wrapping token (`vault token create -wrap-ttl=…`), which is
    /// unwrapped. The token is never an argument, because other users of the host could read it.
    #[command(after_help = examples::TOKEN_IMPORT)]
    Import {
        /// Also accept a token that is not periodic, is short-lived, or has unneeded capabilities
        #[arg(long)]
        accept_warnings: bool,
        /// Log in once with this AppRole; standard input has the secret id, or its wrapping token
        #[arg(long, value_name = "ROLE_ID")]
        approle: Option<String>,
        /// The mount of the AppRole
        #[arg(
            long,
            value_name = "MOUNT",
            default_value = "approle",
            requires = "approle"
        )]
        mount: String,
    },
}

/// The commands for targets.
#[derive(Debug, Subcommand)]
pub enum Targets {
    /// Check a targets document, without a request, and show the targets of each user
    ///
    /// Depends on `SSM_PARAMETER_PREFIX`, `SSM_PARAMETER_SUFFIX` and `VAULT_NAMESPACE` only. Lists
    /// every problem with its place in the document; the exit code is then 2.
    #[command(after_help = examples::TARGETS_CHECK)]
    Check {
        /// The document, a JSON file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Check a targets document and store it in the bucket
    ///
    /// A change takes effect with the next event of a user, and for all users with the next
    /// reconcile run.
    #[command(after_help = examples::TARGETS_IMPORT)]
    Import {
        /// The document, a JSON file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show the targets that are in use, of all users or of one
    #[command(after_help = examples::TARGETS_SHOW)]
    Show {
        /// The IAM user
        #[arg(value_parser = UserName::parse, value_name = "USER")]
        user: Option<UserName>,
    },
}

/// The user of a rehearsal.
const REHEARSAL_USER: &str = "keysync-rehearsal";

/// The arguments of `rehearse`.
#[derive(Args, Debug)]
pub struct RehearseArgs {
    /// The user, who must not exist
    #[arg(
        long,
        value_parser = UserName::parse,
        value_name = "USER",
        default_value = REHEARSAL_USER
    )]
    user: UserName,
    /// The deployed function, to find out why a stage fails
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// How long to wait for each stage
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 180,
        value_parser = clap::value_parser!(u64).range(1..=900)
    )]
    wait: u64,
}

impl RehearseArgs {
    /// Returns the request for the library.
    pub fn request(self) -> Rehearse {
        Rehearse {
            user: self.user,
            wait: Duration::from_secs(self.wait),
            function: self.function,
        }
    }
}

/// The policies to print.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// The Vault policy of the token, without a targets document or for the given one
    #[command(after_help = examples::POLICY_VAULT)]
    Vault {
        /// The targets document, a JSON file; `TARGETS_FILE` if not given
        #[arg(long, value_name = "FILE")]
        targets: Option<PathBuf>,
    },
    /// The IAM policy of the host or role that runs this program
    #[command(after_help = examples::POLICY_IAM)]
    Iam {
        /// The AWS account; any if not given
        #[arg(long, value_name = "ID", value_parser = account_id)]
        account: Option<String>,
        /// The customer-managed KMS key of the bucket, if it has one
        #[arg(long, value_name = "ARN", value_parser = key_arn)]
        kms_key: Option<String>,
        /// The policy of a host that runs `keysync rehearse`, instead
        #[arg(long)]
        rehearse: bool,
        /// The user of the rehearsal
        #[arg(
            long,
            value_parser = UserName::parse,
            value_name = "USER",
            default_value = REHEARSAL_USER,
            requires = "rehearse"
        )]
        user: UserName,
        /// The function that the rehearsal names
        #[arg(long, value_name = "NAME", requires = "rehearse")]
        function: Option<String>,
    },
}

fn key_arn(text: &str) -> Result<String, String> {
    let valid = text.starts_with("arn:aws:kms:") && text.contains(":key/");
    if valid {
        Ok(text.to_owned())
    } else {
        Err("expected an ARN such as arn:aws:kms:ca-central-1:123456789012:key/…".to_owned())
    }
}

fn account_id(text: &str) -> Result<String, String> {
    let valid = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if valid {
        Ok(text.to_owned())
    } else {
        Err("expected the 12 digits of an AWS account".to_owned())
    }
}
