//! What can be typed: one definition, from which help, man page and completions come.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use nr_iam_key_sync::{Reconcile, UserName};

/// Keeps HashiCorp Vault equal to the rotating IAM access keys in AWS SSM Parameter Store.
#[derive(Debug, Parser)]
#[command(name = "keysync", version, max_term_width = 80, arg_required_else_help = true, after_help = AFTER)]
pub struct Arguments {
    /// For people, or for programs: one JSON document on standard output
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub output: Output,
    /// Also log what is done, to standard error
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
The configuration comes from the environment: VAULT_ADDR, then S3_BUCKET_NAME (enhanced mode: state and token in S3) or \
VAULT_TOKEN (basic mode), and credentials and Region of AWS as for its own command line.

Exit codes: 0 done, or all in step; 1 something failed; 2 wrong usage or configuration; 3 `plan`, `status`, \
`explain` or a dry run found differences.";

/// How the result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables and sentences
    #[default]
    Text,
    /// JSON
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the current keys of these users to Vault, where they are not there
    Sync {
        /// The IAM users
        #[arg(required = true, value_parser = UserName::parse, value_name = "USER")]
        users: Vec<UserName>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Sweep all users: repair what events missed or people changed, and renew the token
    Reconcile(Sweep),
    /// Say what `sync` or `reconcile` would do to whom, and why
    Plan {
        /// The IAM users; all, if none is named
        #[arg(value_parser = UserName::parse, value_name = "USER")]
        users: Vec<UserName>,
    },
    /// Show how all users stand: last sync, age of the key, time left, drift
    Status {
        /// The IAM users; all, if none is named
        #[arg(value_parser = UserName::parse, value_name = "USER")]
        users: Vec<UserName>,
    },
    /// Tell the whole story of one user, and what to do
    Explain {
        /// The IAM user
        #[arg(value_parser = UserName::parse, value_name = "USER")]
        user: UserName,
    },
    /// Look after the Vault token
    #[command(subcommand)]
    Token(Token),
    /// Check everything that a deployment needs
    Doctor,
    /// Print the smallest permissions for the current configuration
    #[command(subcommand)]
    Policy(Policy),
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one for each command to a folder
    Man {
        /// The folder
        #[arg(value_name = "FOLDER")]
        directory: Option<PathBuf>,
    },
}

/// How to sweep.
#[derive(Args, Debug)]
pub struct Sweep {
    /// Only this user; may be given several times
    #[arg(long = "user", value_parser = UserName::parse, value_name = "USER", action = ArgAction::Append)]
    users: Vec<UserName>,
    /// Also when the last sweep was complete and is not old
    #[arg(long)]
    force: bool,
    /// Retire users however many seem to be gone at once
    #[arg(long)]
    allow_mass_retire: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Sweep {
    /// The sweep that is asked for.
    pub fn order(self) -> Reconcile {
        let Self {
            users,
            force,
            allow_mass_retire,
            dry_run,
        } = self;
        Reconcile {
            force,
            users: named(users),
            dry_run,
            allow_mass_retire,
        }
    }
}

/// Exactly these users, each once; everybody, if none is named.
pub fn named(mut users: Vec<UserName>) -> Option<Vec<UserName>> {
    users.sort();
    users.dedup();
    (!users.is_empty()).then_some(users)
}

/// What to do with the Vault token.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Show what the token is, and how long it lives
    Show,
    /// Renew the token now
    Renew,
    /// Store another token, from standard input or a prompt, after Vault has been asked about it
    ///
    /// Takes a token, or a response-wrapping token (`vault token create -wrap-ttl=…`), which is unwrapped. Never give a
    /// token as an argument: others could read it.
    Import {
        /// Also a token that is not periodic, lives too briefly, or may do more than it needs
        #[arg(long)]
        accept_warnings: bool,
    },
}

/// Which permissions to print.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Vault's policy for the token
    Vault,
    /// The IAM policy of the host or role that runs this program
    Iam {
        /// The AWS account; any, if it is not given
        #[arg(long, value_name = "ID", value_parser = account)]
        account: Option<String>,
        /// The KMS key of the bucket, where it has one of the customer's
        #[arg(long, value_name = "ARN", value_parser = key)]
        kms_key: Option<String>,
    },
}

fn key(text: &str) -> Result<String, String> {
    let is_key = text.starts_with("arn:aws:kms:") && text.contains(":key/");
    if is_key {
        Ok(text.to_owned())
    } else {
        Err("expected an ARN such as arn:aws:kms:ca-central-1:123456789012:key/…".to_owned())
    }
}

fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account {
        Ok(text.to_owned())
    } else {
        Err("expected the 12 digits of an AWS account".to_owned())
    }
}
