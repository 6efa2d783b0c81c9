//! The cost of a reconcile run as the number of users grows: time, calls, memory.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::json;

use crate::calls::count_by_kind;
use crate::function::Function;
use crate::services::Services;
use crate::targets::Targets;

/// A limit of SSM calls per second that is never reached.
const UNLIMITED: usize = 1000;

/// The settings of a reconcile run.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The number of users.
    pub users: usize,
    /// The number of users processed concurrently.
    pub concurrency: usize,
    /// The limit of SSM calls per second; `None` means no limit.
    pub ssm_limit: Option<usize>,
    /// The rate-limit quota of Vault, in calls per second; `None` means no quota.
    pub vault_quota: Option<usize>,
    /// The targets of each user; `None` without a document.
    pub targets: Option<Targets>,
    /// The latency added to each call.
    pub added_latency: Duration,
}

/// The measured cost of one reconcile run.
#[derive(Clone, Debug)]
pub struct ReconcileRun {
    /// Its settings.
    pub case: Case,
    /// True if the key of every user had to be written; false if no key had changed.
    pub all_changed: bool,
    /// The duration in seconds.
    pub seconds: f64,
    /// The number of calls of each kind.
    pub calls: BTreeMap<&'static str, usize>,
    /// The number of TLS handshakes.
    pub handshakes: u64,
    /// The peak resident memory since the process started, in bytes.
    pub peak_memory: u64,
}

impl ReconcileRun {
    /// Returns the word for what the run found.
    pub fn kind(&self) -> &'static str {
        if self.all_changed {
            "changed"
        } else {
            "unchanged"
        }
    }

    /// Returns the number of calls of all kinds.
    pub fn total_calls(&self) -> usize {
        self.calls.values().sum()
    }

    /// Returns the lower bound of the duration in seconds, and its cause. Only the latency added to
    /// each call and the SSM call limit count towards it.
    pub fn lower_bound(&self) -> (f64, &'static str) {
        let count = |kind| self.calls.get(kind).copied().unwrap_or_default() as f64;
        let added = self.case.added_latency.as_secs_f64();
        let vault_calls = count("Vault metadata") + count("Vault write") + count("Vault patch");
        // The calls for all targets of a user are made at the same time, and a secret is marked
        // while the state is written.
        let targets = self.case.targets.map_or(1, |targets| targets.per_user);
        let user_calls = count("S3 read") + vault_calls / targets as f64 + count("S3 write");
        let limited = self
            .case
            .ssm_limit
            .map_or(0.0, |limit| count("SSM") / limit as f64);
        // The first second of a quota costs no wait.
        let quota = self.case.vault_quota.map_or(0.0, |quota| {
            ((vault_calls + count("Vault mark")) / quota as f64 - 1.0).max(0.0)
        });
        let bounds = [
            (
                user_calls * added / self.case.concurrency as f64,
                "calls per user, at this concurrency",
            ),
            (count("SSM") * added, "sequential parameter pages"),
            (limited, "SSM call limit"),
            (quota, "Vault's rate-limit quota"),
            (0.0, "no added latency, no limit"),
        ];
        bounds
            .into_iter()
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .expect("five bounds")
    }
}

/// Reconciles twice: first all users are new, then no user has changed.
pub async fn measure_reconcile(
    services: &Services,
    command: &[String],
    environment: &[(String, String)],
    case: Case,
) -> Result<Vec<ReconcileRun>, String> {
    services.reset(case.added_latency, case.vault_quota);
    let users: Vec<_> = (0..case.users).map(|n| format!("user{n:05}")).collect();
    for user in &users {
        services.rotate(user);
    }
    if let Some(targets) = case.targets {
        services.store_targets(targets.document(&users));
    }
    let secrets = case.users * case.targets.map_or(1, |targets| targets.per_user);
    let ssm_limit = case.ssm_limit.unwrap_or(UNLIMITED);
    let mut environment = environment.to_vec();
    environment.push(("SYNC_CONCURRENCY".to_owned(), case.concurrency.to_string()));
    environment.push(("SSM_MAX_CALLS_PER_SECOND".to_owned(), ssm_limit.to_string()));
    let mut function = Function::start(command, &environment).await?;
    let mut runs = Vec::new();
    for all_changed in [true, false] {
        services.take_calls();
        let handshakes = services.wire.handshakes.load(Relaxed);
        let payload = json!({"action": "reconcile", "force": true});
        let (report, duration) = function.invoke(&payload).await?;
        let (counts, expected) = (
            &report["counts"],
            if all_changed { "written" } else { "unchanged" },
        );
        if counts[expected].as_u64() != Some(secrets as u64) {
            return Err(format!(
                "reconcile {} users: expected all {secrets} secrets {expected}: {counts}",
                case.users
            ));
        }
        let calls = count_by_kind(&services.take_calls());
        let peak_memory = function.memory().peak;
        let seconds = duration.as_secs_f64();
        runs.push(ReconcileRun {
            case,
            all_changed,
            seconds,
            calls,
            handshakes: services.wire.handshakes.load(Relaxed) - handshakes,
            peak_memory,
        });
    }
    function.terminate().await;
    Ok(runs)
}
