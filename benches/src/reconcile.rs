//! The cost of a reconcile run as the number of users grows: time, calls, memory.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::Value;

use crate::calls::count_by_kind;
use crate::setup::{Setup, shorten};
use crate::targets::{Targets, secrets_of};

/// The time that a reconcile run may take; the maximum of Lambda.
const DEADLINE: Duration = Duration::from_mins(15);

/// A limit of SSM calls per second that is never reached.
const UNLIMITED: usize = 1000;

/// The settings of a reconcile run.
#[derive(Clone, Copy, Debug, PartialEq)]
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
        let vault_calls = ["Vault read", "Vault metadata", "Vault write", "Vault patch"]
            .map(count)
            .iter()
            .sum::<f64>();
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

/// Reconciles twice: first all users are new, then no user has changed. Adds each run to `runs`.
pub async fn measure_reconcile(
    setup: Setup<'_>,
    case: Case,
    runs: &mut Vec<ReconcileRun>,
) -> Result<(), String> {
    let services = setup.services;
    services.reset(case.added_latency, case.vault_quota);
    let users: Vec<_> = (0..case.users).map(|n| format!("user{n:05}")).collect();
    for user in &users {
        services.rotate(user);
    }
    if let Some(targets) = case.targets {
        services.store_targets(targets.document(&users));
    }
    let ssm_limit = case.ssm_limit.unwrap_or(UNLIMITED);
    let settings = [
        ("SYNC_CONCURRENCY".to_owned(), case.concurrency.to_string()),
        ("SSM_MAX_CALLS_PER_SECOND".to_owned(), ssm_limit.to_string()),
    ];
    let environment = [setup.environment, &settings].concat();
    let setup = Setup {
        environment: &environment,
        ..setup
    };
    let mut function = setup.start(DEADLINE).await?;
    for all_changed in [true, false] {
        services.take_calls();
        let handshakes = services.wire.handshakes.load(Relaxed);
        let payload = setup.implementation.reconcile.as_json();
        let (answer, duration) = function.invoke(payload).await?;
        check(setup, case, &users, all_changed, &answer)
            .map_err(|problem| format!("reconcile {} users: {problem}", case.users))?;
        runs.push(ReconcileRun {
            case,
            all_changed,
            seconds: duration.as_secs_f64(),
            calls: count_by_kind(&services.take_calls()),
            handshakes: services.wire.handshakes.load(Relaxed) - handshakes,
            peak_memory: function.memory().peak,
        });
    }
    function.terminate().await;
    Ok(())
}

/// Checks what the fakes hold after a run: the first one has written every secret once, and the
/// second one nothing. An answer that counts secrets must count all of them.
fn check(
    setup: Setup<'_>,
    case: Case,
    users: &[String],
    all_changed: bool,
    answer: &Value,
) -> Result<(), String> {
    let services = setup.services;
    let wrong = |problem: String| Err(format!("{problem}; the answer was {}", shorten(answer)));
    let mut count = 0_u64;
    for user in users {
        for secret in secrets_of(case.targets, user) {
            count += 1;
            let version = services.vault_version(&secret);
            if version != 1 || !services.has_key(&secret, user) {
                return wrong(format!(
                    "expected one version of {secret} with the key, found {version}"
                ));
            }
        }
    }
    if !services.all_parameters_were_read() {
        return wrong("expected a read of every parameter".to_owned());
    }
    let expected = if all_changed { "written" } else { "unchanged" };
    let counts = answer["counts"].as_object();
    if counts.is_some_and(|counts| counts.get(expected) != Some(&count.into())) {
        return wrong(format!("expected all {count} secrets {expected}"));
    }
    Ok(())
}
