//! Convergence as a property: from any initial state, and after any one or two faults, a reconcile
//! run brings all users in sync, and the next run finds nothing to do.
//!
//! On the way no older key follows a newer one, and nothing is deleted except what a plan names.

mod check;
mod fault;
mod initial_state;
mod targets;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;

use check::check;
use fault::{Fault, fault};
use initial_state::{InitialState, initial_state};

use crate::context::Context;
use crate::error::Error;
use crate::handler::handle;
use crate::telemetry::Metrics;
use crate::testing::memory::Memory;

/// What triggers the service while the faults occur.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    Reconcile,
    /// An event of this operation on the first user's parameter.
    Event(&'static str),
    Sync,
}

/// Everything that a case varies.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is varied independently"
)]
struct Case {
    users: Vec<InitialState>,
    trigger: Trigger,
    /// Whether another process handles an event of the first user at the same time.
    concurrent_event: bool,
    faults: Vec<Fault>,
    latencies: Vec<u8>,
    lists_metadata: bool,
    sequential: bool,
    soft_delete: bool,
    has_roster: bool,
    /// Whether `IAM_USER_LIST` names the users.
    has_list: bool,
    /// The number of targets that a document gives each user beside the one without a document; 0 if
    /// there is no document.
    more_targets: usize,
    /// Whether a deployment with another prefix in Vault uses the same bucket at the same time.
    second_deployment: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let trigger = prop_oneof![
        4 => Just(Trigger::Reconcile),
        1 => Just(Trigger::Event("Update")),
        1 => Just(Trigger::Event("Delete")),
        1 => Just(Trigger::Sync),
    ];
    let users = proptest::collection::vec(initial_state(), 1..4);
    let faults = proptest::collection::vec(fault(), 1..3);
    let latencies = proptest::collection::vec(0_u8..3, 1..8);
    let calls = (trigger, any::<bool>(), faults, latencies);
    let more_targets = prop_oneof![2 => Just(0_usize), 1 => 1_usize..4];
    let all = (users, calls, any::<[bool; 6]>(), more_targets);
    all.prop_map(|(mut users, calls, switches, more_targets)| {
        if more_targets > 0 {
            users.iter_mut().for_each(InitialState::stay_here);
        }
        let (trigger, concurrent_event, faults, latencies) = calls;
        let [
            lists_metadata,
            sequential,
            soft_delete,
            has_roster,
            has_list,
            second_deployment,
        ] = switches;
        Case {
            users,
            trigger,
            concurrent_event,
            faults,
            latencies,
            lists_metadata,
            sequential,
            soft_delete,
            has_roster,
            has_list,
            more_targets,
            second_deployment,
        }
    })
}

impl Case {
    /// Creates backends in the initial state.
    fn memory(&self) -> Memory {
        let memory = Memory::default();
        for (n, user) in self.users.iter().enumerate() {
            user.store(&mut memory.inner(), &format!("user{n}"));
        }
        targets::store(&mut memory.inner(), self.users.len(), self.more_targets);
        memory.inner().lists_metadata = self.lists_metadata;
        memory.inner().latencies.clone_from(&self.latencies);
        memory
    }

    /// Creates the context of a new process on these backends.
    fn ctx(&self, memory: &Memory) -> Context<Memory> {
        self.ctx_with(memory, "aws/iam-keys")
    }

    /// Creates the context of a new process of a deployment with this prefix in Vault.
    fn ctx_with(&self, memory: &Memory, prefix: &str) -> Context<Memory> {
        let choose = |switch, on, off| if switch { on } else { off };
        let users = (0..self.users.len()).map(|n| format!("user{n}"));
        let users = users.collect::<Vec<_>>().join(",");
        memory.ctx(&[
            ("VAULT_PATH_PREFIX", prefix),
            ("IAM_USER_LIST", choose(self.has_list, users.as_str(), "")),
            ("SYNC_CONCURRENCY", choose(self.sequential, "1", "16")),
            (
                "ON_USER_DELETED",
                choose(self.soft_delete, "soft-delete", "retain"),
            ),
            ("IAM_USER_TABLE", choose(self.has_roster, "table", "-")),
        ])
    }

    /// Runs the trigger while the faults occur. Ends with the work, or after a day if the process
    /// was killed.
    async fn run_with_faults(&self, memory: &Memory) {
        let (first, second) = (self.ctx(memory), self.ctx(memory));
        let users = (0..self.users.len()).map(|n| format!("user{n}"));
        let payload = match self.trigger {
            Trigger::Reconcile => reconcile(false),
            Trigger::Event(operation) => event(operation),
            Trigger::Sync => json!({"action": "sync", "users": users.collect::<Vec<_>>()}),
        };
        let concurrent_event = async {
            if self.concurrent_event {
                let _ = invoke(&second, event("Update")).await;
            }
        };
        let second_deployment = async {
            if self.second_deployment {
                let other = self.ctx_with(memory, "aws/other");
                let _ = invoke(&other, reconcile(false)).await;
            }
        };
        let work =
            async { tokio::join!(invoke(&first, payload), concurrent_event, second_deployment) };
        // The work may fail.
        let _ = tokio::time::timeout(Duration::from_hours(24), Box::pin(work)).await;
        let mut inner = memory.inner();
        (inner.killed, inner.call_faults) = (false, BTreeMap::new());
    }

    async fn converges(&self) {
        // The faults are placed among the calls that are made without faults.
        let undisturbed = self.memory();
        self.run_with_faults(&undisturbed).await;
        let calls = undisturbed.inner().calls.len();
        let faults = self.faults.iter();
        let faults = faults.map(|fault| (fault.at.index(calls), fault.kind.call_fault()));

        let memory = self.memory();
        memory.inner().call_faults = faults.collect();
        self.run_with_faults(&memory).await;

        let ctx = self.ctx(&memory);
        let report = invoke(&ctx, reconcile(false)).await;
        let is_malformed = |(value, _): &(String, _)| value == "malformed";
        let any_malformed = memory.inner().parameters.values().any(is_malformed);
        // Without any parameter, a user who is not gone shows that the listing is broken.
        let is_empty = memory.inner().parameters.is_empty();
        let plan = invoke(&ctx, reconcile(true)).await;
        let is_broken = is_empty
            && plan
                .as_ref()
                .map_or(true, |plan| self.is_missing(&memory, plan));
        assert_eq!(
            report.is_ok(),
            !any_malformed && !is_broken,
            "only a malformed parameter or a broken listing fails: {report:?}"
        );
        check(self, &memory);
        targets::check(self, &memory);

        let calls = memory.inner().calls.len();
        let plan = match invoke(&ctx, reconcile(true)).await {
            Err(_) if is_broken => return,
            plan => plan.unwrap(),
        };
        for planned in ["planned-written", "planned-retired"] {
            assert!(
                plan["counts"].get(planned).is_none(),
                "nothing is left to do: {plan}"
            );
        }
        let inner = memory.inner();
        let is_write = |call: &&String| {
            ["save", "write", "patch"]
                .iter()
                .any(|write| call.contains(write))
        };
        assert_eq!(
            inner.calls[calls..].iter().find(is_write),
            None,
            "a dry run writes nothing"
        );
    }

    /// Returns whether a user is missing who is known from the roster or from Vault. A state object alone
    /// may be made up.
    fn is_missing(&self, memory: &Memory, plan: &Value) -> bool {
        let inner = memory.inner();
        let is_known = |user: &str| {
            let is_listed = inner.roster.iter().any(|listed| listed == user);
            let recorded = inner
                .states
                .get(user)
                .and_then(|(state, _)| state.records[0].vault_path.clone());
            let path = recorded.unwrap_or_else(|| format!("secret/aws/iam-keys/{user}"));
            (is_listed && self.has_roster) || inner.vault.contains_key(&path)
        };
        let mut users = plan["users"].as_array().unwrap().iter();
        users
            .any(|entry| entry["outcome"] == "missing" && is_known(entry["user"].as_str().unwrap()))
    }
}

fn reconcile(dry_run: bool) -> Value {
    json!({"action": "reconcile", "force": true, "allowMassRetire": true, "dryRun": dry_run})
}

/// Returns an event of the first user's parameter.
fn event(operation: &str) -> Value {
    json!({
        "source": "aws.ssm", "detail-type": "Parameter Store Change", "time": "2026-01-12T00:00:00Z",
        "detail": {"operation": operation, "name": "/iam_users/user0_keys", "type": "SecureString"},
    })
}

async fn invoke(ctx: &Context<Memory>, payload: Value) -> Result<Value, Error> {
    let deadline = Instant::now() + Duration::from_hours(10);
    let mut metrics = Metrics::new("function", "request");
    handle(ctx, payload, "request", deadline, &mut metrics).await
}

/// The configuration: `PROPTEST_CASES` can raise the number of cases. Cases that failed once are
/// kept in `proptest-regressions`, and run first.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: config.cases.max(2_000),
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_run_after_any_fault_brings_all_users_in_sync(case in case()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(case.converges());
    }
}
