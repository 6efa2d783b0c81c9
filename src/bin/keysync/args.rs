//! The arguments: one definition for parsing, help, manual pages and completions.

mod nested;

pub use nested::{Policy, RehearseArgs, Targets, Token};

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use nr_iam_key_sync::{Reconcile, UserName};
use tracing::Level;

use crate::examples;

/// Keeps HashiCorp Vault equal to the rotating IAM access keys in AWS SSM Parameter Store.
#[derive(Debug, Parser)]
#[command(name = "keysync", version, max_term_width = 80, arg_required_else_help = true, after_help = ENVIRONMENT_AND_EXIT_CODES)]
pub struct Arguments {
    /// Format of the result: text, or one JSON document on standard output
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    output: Format,
    /// The same as `--output json`
    #[arg(long, global = true, overrides_with = "output")]
    json: bool,
    /// Also log each step to standard error
    #[arg(long, short, global = true)]
    verbose: bool,
    /// Write only the result and errors: no warnings, no progress
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// When to use colour: on a terminal without `NO_COLOR`, or as given
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Colour,
    /// The command
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// Returns the format of the result.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }

    /// Returns the level of the log.
    pub fn verbosity(&self) -> Level {
        match (self.verbose, self.quiet) {
            (true, _) => Level::DEBUG,
            (false, true) => Level::ERROR,
            (false, false) => Level::WARN,
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

const ENVIRONMENT_AND_EXIT_CODES: &str = "\
The configuration comes from the environment: VAULT_ADDR, then S3_BUCKET_NAME (enhanced mode: state and token in S3) or \
VAULT_TOKEN (basic mode), and AWS credentials and Region as for the AWS CLI.

Exit codes: 0 done, or all users in sync; 1 a failure; 2 invalid usage or configuration; 3 `plan`, `status`, \
`explain` or a dry run found differences.";

/// The format of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences
    #[default]
    Text,
    /// JSON
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sync these users now: write current keys, retire users who are gone
    #[command(after_help = examples::SYNC)]
    Sync {
        /// The IAM users
        #[arg(required = true, value_parser = UserName::parse, value_name = "USER")]
        users: Vec<UserName>,
        /// Take over secrets that another tool manages
        #[arg(long)]
        adopt: bool,
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Sync all users: repair missed events and drift, and renew the token
    #[command(after_help = examples::RECONCILE)]
    Reconcile(ReconcileArgs),
    /// Show what `sync` or `reconcile` would do to which user, and why
    #[command(after_help = examples::PLAN)]
    Plan {
        /// The IAM users; all if none is named
        #[arg(value_parser = UserName::parse, value_name = "USER")]
        users: Vec<UserName>,
    },
    /// Show the status of users: last sync, key age, time left, drift
    #[command(after_help = examples::STATUS)]
    Status {
        /// The IAM users; all if none is named
        #[arg(value_parser = UserName::parse, value_name = "USER")]
        users: Vec<UserName>,
    },
    /// Explain the state of one user, and what to do
    #[command(after_help = examples::EXPLAIN)]
    Explain {
        /// The IAM user
        #[arg(value_parser = UserName::parse, value_name = "USER")]
        user: UserName,
        /// Also ask IAM when and where the user's keys were last used
        #[arg(long)]
        usage: bool,
    },
    /// Check, store or show the targets document: where and in which form keys are published
    #[command(subcommand, after_help = examples::TARGETS)]
    Targets(Targets),
    /// Show, renew or replace the Vault token
    #[command(subcommand, after_help = examples::TOKEN)]
    Token(Token),
    /// Check everything that a deployment needs
    #[command(after_help = examples::DOCTOR)]
    Doctor,
    /// Rehearse a rotation after a deployment, with a user who does not exist
    #[command(after_help = examples::REHEARSE)]
    Rehearse(RehearseArgs),
    /// Print the least permissions for the current configuration
    #[command(subcommand, after_help = examples::POLICY)]
    Policy(Policy),
    /// Print the JSON schema of all results
    #[command(after_help = examples::SCHEMA)]
    Schema,
    /// Print the completions of a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one for each command to a folder
    #[command(after_help = examples::MAN)]
    Man {
        /// The folder
        #[arg(value_name = "FOLDER")]
        directory: Option<PathBuf>,
    },
}

/// The arguments of `reconcile`.
#[derive(Args, Debug)]
pub struct ReconcileArgs {
    /// Only this user; can be repeated
    #[arg(long = "user", value_parser = UserName::parse, value_name = "USER", action = ArgAction::Append)]
    users: Vec<UserName>,
    /// Also if the last complete run is recent
    #[arg(long)]
    force: bool,
    /// Retire users without the mass-retire limit
    #[arg(long)]
    allow_mass_retire: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

impl ReconcileArgs {
    /// Returns the request for the library.
    pub fn request(self) -> Reconcile {
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

/// Returns the named users, sorted and each once; `None`, which means all users, if none is named.
pub fn named(mut users: Vec<UserName>) -> Option<Vec<UserName>> {
    users.sort();
    users.dedup();
    (!users.is_empty()).then_some(users)
}
