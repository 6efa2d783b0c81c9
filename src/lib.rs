//! Keeps HashiCorp Vault equal to the rotating IAM access keys in AWS SSM Parameter Store.
//!
//! ```no_run
//! use nr_iam_key_sync::{Config, KeySync, UserName};
//!
//! # async fn sync() -> Result<(), Box<dyn std::error::Error>> {
//! # let environment = |_: &str| None;
//! let keysync = KeySync::connect(Config::read(environment)?).await?;
//! let report = keysync.sync(&[UserName::parse("alice")?], false).await;
//! # Ok(())
//! # }
//! ```
//!
//! With a bucket in the [`Config`] it works in enhanced mode: state and token in S3, so that it knows who is gone, and what
//! it wrote. With a fixed token instead it is stateless (basic mode). [`KeySync`] says what can be asked, [`Error`] what can go wrong, by what
//! the caller does next.
//!
//! # How it works
//!
//! The data flows one way: `trigger` (what woke us) → `observe` (what there is: a `snapshot`) → `plan` (what to do, and
//! why) → `apply` (Vault first, then the state) → `report` (what happened). `sync` is that pipeline on one screen;
//! `handler` runs it for a Lambda payload, `reconcile` for everybody, once a night. `doctor` looks whether everything is
//! there that it needs.
//!
//! Around it: `config` (the environment), `ctx` (what an invocation works with), `stores` (the outside, one trait and
//! one adapter each), `live` (which of them), `token` (the key to Vault), `keys` (names and secrets), `error`, `telemetry`. For people: `status`
//! and `explain` (a dry run, told), `policy` (the permissions that are needed), `words`. `keysync` is the way in.

mod apply;
mod backends;
mod capabilities;
mod config;
mod context;
mod doctor;
mod error;
mod explain;
mod handler;
mod keys;
mod keysync;
mod observe;
mod plan;
mod reconcile;
mod report;
mod session;
mod snapshot;
mod status;
mod sync;
mod telemetry;
mod token;
mod token_import;
mod trigger;

pub mod policy;
#[cfg(fuzzing)]
pub mod testing;
#[cfg(all(test, not(fuzzing)))]
mod testing;
pub mod time_format;

pub use config::{BucketConfig, Config, OnUserDeleted, VaultConfig, log_level};
pub use doctor::{Check, CheckStatus, misconfigured};
pub use error::{Error, Problem};
pub use explain::{Explanation, Paragraph};
pub use keys::{ParameterNaming, UserName, UserNameError};
pub use keysync::KeySync;
pub use reconcile::{Run, Watch};
pub use report::{Outcome, Report, UserReport};
pub use snapshot::ReconcileRecord;
pub use status::{Condition, LastSync, Row, Status, SyncOutcome};
pub use telemetry::{Metrics, NAMESPACE, start_log};
pub use token::{TokenStatus, TokenView};
pub use token_import::Imported;
pub use trigger::Reconcile;

/// For [`KeySync::import_token`].
pub use secrecy::SecretString;
