//! Logs and metrics: one JSON object per line on standard output, without any endpoint.
//!
//! Logs come from `tracing`, metrics are in CloudWatch's Embedded Metric Format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//! The configured level never applies to other crates: at TRACE some of them print headers and
//! bodies.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use metrique::emf::Emf;
use metrique::unit::{Millisecond, Second};
use metrique::writer::Entry;
use metrique::writer::format::Format;
use metrique::writer::unit::WithUnit;
use metrique::writer::value::Distribution;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::plan::Outcome;
use crate::report::UserReport;
use crate::sync::SyncResult;

/// The namespace of the metrics.
pub const NAMESPACE: &str = "IamKeySync";

/// Starts logging this library and its binaries to standard output from `level` on. Other crates
/// stay silent: their errors are returned to the caller, and some of their lines quote answers.
pub fn start_log(level: tracing::Level) {
    let targets = Targets::new()
        .with_target("nr_iam_key_sync", level)
        .with_target("lambda", level)
        // A target covers all targets that it is a prefix of.
        .with_target("lambda_runtime", LevelFilter::OFF);
    let lines = json_subscriber::fmt::layer()
        .with_writer(std::io::stdout)
        .flatten_event(true)
        // `target` is that of a user, not a module.
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .flatten_span_list_on_top_level(true);
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .init();
}

/// Logs what happened to one user.
pub fn log_user(report: &UserReport) {
    let UserReport {
        user,
        target,
        outcome,
        reason,
        parameter_version,
        vault_version,
        millis,
        ..
    } = report;
    let (user, outcome) = (user.as_str(), outcome.as_str());
    let subject = match target {
        Some(target) => format!("{user} at {target}"),
        None => user.to_owned(),
    };
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                user,
                target,
                outcome,
                reason,
                millis,
                parameterVersion = parameter_version,
                vaultVersion = vault_version,
                "{subject}: {outcome}, {reason}"
            )
        };
    }
    match report.outcome {
        Outcome::Held | Outcome::Missing => line!(warn),
        Outcome::Failed => line!(error),
        _ => line!(info),
    }
}

/// The metrics of one invocation. They never contain a user name: each would be a separate metric.
#[derive(Debug, Entry)]
#[entry(rename_all = "PascalCase")]
pub struct Metrics {
    #[entry(timestamp)]
    at: SystemTime,
    function: String,
    #[entry(name = "requestId")]
    request_id: String,
    written: u64,
    unchanged: u64,
    held: u64,
    superseded: u64,
    retired: u64,
    missing: u64,
    failed: u64,
    foreign: u64,
    untargeted: u64,
    /// The number of payloads and message bodies that are not events.
    pub bad_events: u64,
    drift_repaired: u64,
    state_conflicts: u64,
    sync_millis: Option<WithUnit<u64, Millisecond>>,
    event_to_vault_seconds: Distribution<WithUnit<f64, Second>>,
    oldest_unsynced_hours: Option<f64>,
    stalled_rotations: Option<u64>,
    /// The number of secrets that two full runs, one after the other, wrote again.
    pub(crate) rewritten_again: Option<u64>,
    sweep_completed: Option<u64>,
    /// The hours until the Vault token expires.
    pub vault_token_hours_left: Option<f64>,
}

impl Metrics {
    /// Creates metrics without counts.
    pub fn new(function: &str, request_id: &str) -> Self {
        let (function, request_id) = (function.to_owned(), request_id.to_owned());
        Self {
            at: SystemTime::now(),
            function,
            request_id,
            written: 0,
            unchanged: 0,
            held: 0,
            superseded: 0,
            retired: 0,
            missing: 0,
            failed: 0,
            foreign: 0,
            untargeted: 0,
            bad_events: 0,
            drift_repaired: 0,
            state_conflicts: 0,
            sync_millis: None,
            event_to_vault_seconds: Distribution::default(),
            oldest_unsynced_hours: None,
            stalled_rotations: None,
            rewritten_again: None,
            sweep_completed: None,
            vault_token_hours_left: None,
        }
    }

    /// Counts what happened to a secret.
    pub(crate) fn count(&mut self, result: &SyncResult, now: Timestamp) {
        match result.outcome() {
            Outcome::Written => self.written += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Held => self.held += 1,
            Outcome::Superseded => self.superseded += 1,
            Outcome::Retired => self.retired += 1,
            Outcome::Missing => self.missing += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Foreign => self.foreign += 1,
            Outcome::Untargeted => self.untargeted += 1,
            Outcome::PlannedWritten | Outcome::PlannedRetired => {}
        }
        self.drift_repaired += u64::from(result.repaired_drift());
        self.state_conflicts += result.state_conflicts;
        if let Some(duration) = result.event_to_vault() {
            self.event_to_vault_seconds
                .add(duration.as_secs_f64().into());
        }
        // An event concerns its own users only, so it never reports 0: a reconcile run does.
        if let Some(missing) = result.unsynced_for(now) {
            let hours = missing.as_secs_f64() / 3600.0;
            self.oldest_unsynced_hours = Some(self.oldest_unsynced_hours.unwrap_or(0.0).max(hours));
        }
    }

    /// Counts a reconcile run: whether it was complete, and if all users are in sync, that no key is
    /// missing. `stalled_rotations` is `None` for a run that did not cover all users.
    pub(crate) fn count_reconcile(
        &mut self,
        stalled_rotations: Option<u64>,
        complete: bool,
        in_sync: bool,
    ) {
        self.stalled_rotations = stalled_rotations;
        self.sweep_completed = Some(u64::from(complete));
        if complete && in_sync && stalled_rotations.is_some() {
            self.oldest_unsynced_hours.get_or_insert(0.0);
        }
    }

    /// Sets how long the invocation took.
    pub(crate) fn set_duration(&mut self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.sync_millis = Some(millis.into());
    }

    /// Returns the metrics as one line of the Embedded Metric Format.
    pub fn to_line(&self) -> String {
        let mut line = Vec::new();
        let dimensions = vec![vec!["Function".to_owned()]];
        let mut format = Emf::builder(NAMESPACE.to_owned(), dimensions).build();
        match format.format(self, &mut line) {
            Ok(()) => String::from_utf8_lossy(&line).into_owned(),
            Err(error) => {
                tracing::error!(error = %error, "the metrics of this invocation could not be formatted");
                String::new()
            }
        }
    }
}

#[cfg(test)]
mod tests;
