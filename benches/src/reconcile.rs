//! What the night costs as users grow: time, calls, memory.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::function::Function;
use crate::services::Services;
use crate::trips::by_kind;

/// So many calls of Parameter Store a second are no limit.
const LIFTED: &str = "1000";

/// What is swept, and how.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// How many users there are.
    pub users: usize,
    /// How many users at a time.
    pub concurrency: usize,
    /// How many calls of Parameter Store a second, where that is limited.
    pub limit: Option<usize>,
    /// What each call takes longer.
    pub added: Duration,
}

/// What one sweep cost.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Of what.
    pub case: Case,
    /// Whether everybody's key had to be written; otherwise nobody's.
    pub all_changed: bool,
    /// How long it took.
    pub seconds: f64,
    /// The calls of each kind.
    pub calls: BTreeMap<&'static str, usize>,
    /// The most resident memory since the process started, in bytes.
    pub memory: u64,
}

impl Sweep {
    /// The time that its calls need when nothing but what was added to each of them counts, and what that is.
    pub fn bound(&self) -> (f64, &'static str) {
        let count = |kind| self.calls.get(kind).copied().unwrap_or_default() as f64;
        let (added, concurrency) = (self.case.added.as_secs_f64(), self.case.concurrency as f64);
        let users = ["S3 read", "Vault metadata", "Vault write", "S3 write"].map(count).iter().sum::<f64>();
        let limited = self.case.limit.map_or(0.0, |limit| count("SSM") / limit as f64);
        let bounds = [
            (users * added / concurrency, "users, so many at a time"),
            (count("SSM") * added, "pages of parameters, one after the other"),
            (limited, "the limit of calls to Parameter Store"),
            (0.0, "nothing but the work itself"),
        ];
        bounds.into_iter().max_by(|one, other| one.0.total_cmp(&other.0)).expect("there are four")
    }
}

/// Sweeps twice: everybody new, then everybody unchanged.
pub async fn sweep(
    services: &Services,
    command: &[String],
    environment: &[(String, String)],
    case: Case,
) -> Result<Vec<Sweep>, String> {
    services.clear(case.added);
    for n in 0..case.users {
        services.rotate(&format!("user{n:05}"));
    }
    let mut environment = environment.to_vec();
    environment.push(("SYNC_CONCURRENCY".to_owned(), case.concurrency.to_string()));
    let calls_a_second = case.limit.map_or(LIFTED.to_owned(), |limit| limit.to_string());
    environment.push(("SSM_MAX_CALLS_PER_SECOND".to_owned(), calls_a_second));
    let mut function = Function::start(command, &environment).await?;
    let mut sweeps = Vec::new();
    for all_changed in [true, false] {
        services.take();
        let (report, took) = function.invoke(&json!({"action": "reconcile", "force": true})).await?;
        let done = &report["counts"][if all_changed { "written" } else { "unchanged" }];
        if done.as_u64() != Some(case.users as u64) {
            return Err(format!("a sweep of {} users did something else: {}", case.users, report["counts"]));
        }
        let calls = by_kind(&services.take());
        let memory = function.memory().1;
        sweeps.push(Sweep { case, all_changed, seconds: took.as_secs_f64(), calls, memory });
    }
    function.end().await;
    Ok(sweeps)
}
