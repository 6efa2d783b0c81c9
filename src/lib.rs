//! Keeps HashiCorp Vault equal to the rotating IAM access keys in AWS SSM Parameter Store.
//!
//! ```no_run
//! use nr_iam_key_sync::{Config, KeySync, SyncUsers, UserName};
//!
//! # async fn sync() -> Result<(), Box<dyn std::error::Error>> {
//! # let environment = |_: &str| None;
//! let keysync = KeySync::connect(Config::read(environment)?).await?;
//! let users = vec![UserName::parse("alice")?];
//! let report = keysync.sync(&SyncUsers { users, ..SyncUsers::default() }).await;
//! # Ok(())
//! # }
//! ```
//!
//! With a bucket in the [`Config`] the service works in enhanced mode: state and token are stored
//! in S3, so it knows which keys it wrote and which users are gone. With a fixed token instead it
//! is stateless (basic mode). [`KeySync`] lists the operations, [`Error`] the failures, grouped by
//! what the caller does next.
//!
//! # How it works
//!
//! Data flows one way. Each module uses only modules above it in this list:
//!
//! 1. `error`, `panics` (a panic as an error), `keys` (names and secrets), [`time_format`], `config`
//!    (the environment), `targets` (where and in which form keys are published), `snapshot` (what
//!    was read, as plain data), `token` (the rules for the Vault token) and `deadlines` are the
//!    vocabulary. They perform no I/O, except that `config` reads files of CAs.
//! 2. `backends` (one trait and one adapter per external system), `session` (Vault with its token),
//!    `context` (configuration and backends), `breaker` (the circuit breaker), `pace` (the rate of
//!    calls to SSM) and `invocation` (context, deadline, circuit breaker, pace) are the tools.
//! 3. `trigger` parses the payload, `observe` reads one user, `plan` decides, `apply` writes, and
//!    `sync` is the loop around them. Its result becomes the `report`, the metrics (`telemetry`),
//!    and the messages to redeliver.
//! 4. `reconcile` runs the same pipeline for all users. `status` and `explain` are a dry run of it.
//! 5. `doctor`, `capabilities` and `token_import` examine a deployment and its token, and `rehearse`
//!    tries its event path; [`policy`] prints the permissions that it needs.
//! 6. `handler` answers a Lambda payload. `keysync` is the entry point; `schema` describes its
//!    results.

#![warn(clippy::print_stderr)]

mod apply;
mod backends;
mod breaker;
mod capabilities;
mod config;
mod context;
mod deadlines;
mod doctor;
mod error;
mod explain;
mod handler;
mod invocation;
mod keys;
mod keysync;
mod observe;
mod pace;
mod panics;
mod plan;
mod reconcile;
#[cfg(feature = "cli")]
mod rehearse;
mod report;
#[cfg(feature = "cli")]
mod schema;
mod session;
mod snapshot;
mod status;
mod sync;
mod targets;
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

pub use config::{
    Authorities, AwsConfig, AwsCredentials, BucketConfig, Config, Endpoints, OnUserDeleted,
    TargetDefaults, VaultConfig, log_level,
};
pub use deadlines::time_left;
pub use doctor::{Check, CheckStatus, misconfigured};
#[cfg(feature = "cli")]
pub use error::ErrorLine;
pub use error::{DocumentProblem, Error, Problem};
pub use explain::{Explanation, Paragraph};
#[cfg(feature = "cli")]
pub use explain::{KeyUse, Usage};
pub use keys::{ParameterNaming, UserName, UserNameError};
pub use keysync::KeySync;
pub use panics::{catch_panic, record_panics};
pub use plan::Outcome;
pub use reconcile::{Progress, ReconcileResult};
#[cfg(feature = "cli")]
pub use rehearse::{Rehearsal, Rehearse, Stage};
pub use report::{Report, UserReport};
#[cfg(feature = "cli")]
pub use schema::schema;
pub use snapshot::ReconcileRecord;
pub use status::{Condition, LastSync, Row, Status, SyncOutcome};
pub use sync::SyncResult;
pub use targets::{
    ImportedTargets, MAX_BYTES as MAX_TARGETS_BYTES, TargetRow, TargetsCheck, check_targets,
};
pub use telemetry::{Metrics, NAMESPACE, start_log};
pub use token::{TokenStatus, TokenView};
pub use token_import::{AppRole, Imported};
pub use trigger::{Reconcile, SyncUsers};

/// For [`KeySync::import_token`].
pub use secrecy::SecretString;
/// For [`KeySync::reconcile`] and [`KeySync::status`].
pub use tokio_util::sync::CancellationToken;
