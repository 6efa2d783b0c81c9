//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

use crate::implementation::Implementation;
use crate::measure::{Sizes, WARM_UP};
use crate::payload::{NamedPayload, Payload};

/// Measures the function, and other implementations beside it, between fakes of AWS, Vault and
/// Lambda that count calls.
#[derive(Parser)]
#[command(name = "bench", after_long_help = CONTRACT)]
pub struct Options {
    /// Measures fewer invocations and users
    #[arg(long)]
    pub quick: bool,
    /// Number of cold starts [default: 15]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    starts: Option<u64>,
    /// Number of rotations by one process, 100 of them to warm up [default: 10000, or 300 if quick]
    #[arg(long, value_name = "N", value_parser = at_least(WARM_UP as u64 + 1))]
    invocations: Option<u64>,
    /// Duration for which the process is frozen [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pause: Option<u64>,
    /// Numbers of users of the reconcile runs, in place of all usual runs
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = at_least(1))]
    users: Vec<u64>,
    /// Payload of a rotation for one command, in place of an event
    #[arg(long, value_name = "NAME=JSON", value_parser = NamedPayload::parse)]
    rotation_payload: Vec<NamedPayload>,
    /// Payload of a reconcile run for one command
    #[arg(long, value_name = "NAME=JSON", value_parser = NamedPayload::parse)]
    reconcile_payload: Vec<NamedPayload>,
    /// Deployment package of the first command, whose size is reported
    #[arg(long, value_name = "FILE")]
    pub zip: Option<PathBuf>,
    /// Markdown page to write; of an existing page, the part between its markers
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
    /// SVG file to write
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Limits to check the first command against
    #[arg(long, value_name = "FILE", requires = "quick", conflicts_with_all = SIZES)]
    pub limits: Option<PathBuf>,
    /// Name for the tables, and command to measure
    #[arg(value_name = "NAME=COMMAND", required = true, value_parser = Implementation::parse)]
    pub implementations: Vec<Implementation>,
}

/// The options that change the sizes for which the limits are.
const SIZES: [&str; 4] = ["starts", "invocations", "pause", "users"];

const CONTRACT: &str = "\
A command is written as in a shell, with quotes where needed: variables of its environment, the
program, and its arguments. PATH applies. No shell is started. For example:

  bench keysync=target/release/lambda 'other=TABLE=\"my table\" node other.mjs'

The first command is the function of this repository. The others are measured beside it, but not
with a login, with a targets document or with a quota of Vault.

A command polls AWS_LAMBDA_RUNTIME_API for invocations. Its AWS services are at AWS_ENDPOINT_URL,
its Vault is at VAULT_ADDR. A measurement counts if the fakes hold what is expected afterwards:

  rotation        Payload: the EventBridge event of a changed parameter. Vault has exactly one new
                  version of secret/aws/iam-keys/USER, which contains the new key.
  reconcile run   Payload: {\"action\": \"reconcile\", \"force\": true}. Every parameter has been read.
                  Vault has every key. The second run has written nothing.

In the strings of a payload, {user} stands for the user's name, {time} for the time of the change,
and {event} for the text of the usual event, as in the body of an SQS message.

benches/README.md describes the environment, the payloads and the fakes.";

fn at_least(least: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(least..)
}

impl Options {
    /// Parses the command line. Ends the process if it is invalid, or if only help is requested.
    pub fn from_arguments() -> Self {
        let mut options = Self::parse();
        if let Err(problem) = options.resolve() {
            let kind = clap::error::ErrorKind::ValueValidation;
            clap::Error::raw(kind, format!("{problem}\n")).exit();
        }
        options
    }

    /// Returns how much is measured.
    pub fn sizes(&self) -> Sizes {
        let usual = if self.quick { 300 } else { 10_000 };
        let count = |given: Option<u64>, usual| {
            given.map_or(usual, |given| {
                usize::try_from(given).expect("counts fit into 64 bits")
            })
        };
        Sizes {
            starts: count(self.starts, 15),
            invocations: count(self.invocations, usual),
            pause: Duration::from_secs(self.pause.unwrap_or(30)),
        }
    }

    /// Returns the numbers of users to reconcile; empty for the usual runs.
    pub fn users(&self) -> Vec<usize> {
        let users = self.users.iter().copied().map(usize::try_from);
        users
            .map(|users| users.expect("counts fit into 64 bits"))
            .collect()
    }

    /// Assigns the payloads to their commands.
    fn resolve(&mut self) -> Result<(), String> {
        let names: Vec<_> = self.implementations.iter().map(|one| &one.name).collect();
        for (n, name) in names.iter().enumerate() {
            if names[..n].contains(name) {
                return Err(format!("{name}: two commands have this name"));
            }
        }
        for NamedPayload { name, payload } in std::mem::take(&mut self.rotation_payload) {
            *self.payload(&name, |one| &mut one.rotation)? = payload;
        }
        for NamedPayload { name, payload } in std::mem::take(&mut self.reconcile_payload) {
            *self.payload(&name, |one| &mut one.reconcile)? = payload;
        }
        Ok(())
    }

    fn payload(
        &mut self,
        name: &str,
        choose: fn(&mut Implementation) -> &mut Payload,
    ) -> Result<&mut Payload, String> {
        let found = self.implementations.iter_mut().find(|one| one.name == name);
        found
            .map(choose)
            .ok_or_else(|| format!("payload for {name}: no command has this name"))
    }
}
