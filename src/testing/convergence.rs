//! Convergence as a property: from any state of the ctx, after whatever one or two calls faults, a sweep reaches the goal,
//! and the next one finds nothing to do. On the way no older key follows a newer one, and nothing is deleted that no plan
//! names.

mod fault;
mod initial_state;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use fault::{Fault, fault};
use initial_state::{Held, InitialState, Record, Recorder, build, initial_state, state_of};

use crate::context::Context;
use crate::error::Error;
use crate::handler::handle;
use crate::telemetry::Metrics;
use crate::testing::memory::Memory;

/// What wakes the service while there is trouble.
#[derive(Clone, Copy, Debug)]
enum Trigger {
    Sweep,
    Event(&'static str),
    Sync,
}

/// Everything that a case varies.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is varied by itself")]
struct Case {
    users: Vec<InitialState>,
    trigger: Trigger,
    /// Whether the first user's event is worked on by another process at the same time.
    beside: bool,
    faults: Vec<Fault>,
    paces: Vec<u8>,
    lists_metadata: bool,
    one_by_one: bool,
    soft_delete: bool,
    roster: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let trigger = prop_oneof![
        4 => Just(Trigger::Sweep),
        1 => Just(Trigger::Event("Update")),
        1 => Just(Trigger::Event("Delete")),
        1 => Just(Trigger::Sync),
    ];
    let call_faults = (
        trigger,
        any::<bool>(),
        proptest::collection::vec(fault(), 1..3),
        proptest::collection::vec(0_u8..3, 1..8),
    );
    (
        proptest::collection::vec(initial_state(), 1..4),
        call_faults,
        any::<[bool; 4]>(),
    )
        .prop_map(
            |(
                users,
                (trigger, beside, faults, paces),
                [lists_metadata, one_by_one, soft_delete, roster],
            )| Case {
                users,
                trigger,
                beside,
                faults,
                paces,
                lists_metadata,
                one_by_one,
                soft_delete,
                roster,
            },
        )
}

impl Case {
    /// A fresh process on these stores.
    fn ctx(&self, memory: &Memory) -> Context<Memory> {
        memory.ctx(&[
            ("SYNC_CONCURRENCY", if self.one_by_one { "1" } else { "16" }),
            (
                "ON_USER_DELETED",
                if self.soft_delete {
                    "soft-delete"
                } else {
                    "retain"
                },
            ),
            ("IAM_USER_TABLE", if self.roster { "table" } else { "-" }),
        ])
    }

    /// What happens while there is trouble. Ends when the work has ended, or a day after a process was killed.
    async fn run_with_faults(&self, memory: &Memory) {
        let (first, second) = (self.ctx(memory), self.ctx(memory));
        let users = (0..self.users.len())
            .map(|n| format!("user{n}"))
            .collect::<Vec<_>>();
        let payload = match self.trigger {
            Trigger::Sweep => sweep(false),
            Trigger::Event(operation) => event(operation),
            Trigger::Sync => json!({"action": "sync", "users": users}),
        };
        let work = async {
            let beside = async {
                if self.beside {
                    let _ = invoke(&second, event("Update")).await;
                }
            };
            // Whatever comes of it.
            let _ = tokio::join!(invoke(&first, payload), beside);
        };
        let _ = tokio::time::timeout(Duration::from_hours(24), work).await;
        let mut inner = memory.0.borrow_mut();
        (inner.dead, inner.call_faults) = (false, BTreeMap::new());
    }

    /// Whether a user with this beginning was to be retired; `None` where it may be or not, as it hung on an event's word.
    fn retires(&self, before: &InitialState, user: usize) -> Option<bool> {
        // A damaged record tells of nobody.
        let recorded = before
            .recorded
            .is_some_and(|record| record.by != Recorder::Damaged);
        let told = user == 0 && matches!(self.trigger, Trigger::Event("Delete"));
        // An event's word is enough where there is no roster, or one that is closed to us.
        let closed = self.faults.iter().any(|fault| fault.what.denies());
        match (before.held, self.roster) {
            (Held::Absent, true) if told && recorded && before.listed && closed => None,
            (Held::Absent, true) => Some(!before.listed && recorded),
            (Held::Absent, false) if told && recorded => None,
            _ => Some(false),
        }
    }

    /// Holds what has come of it to what was to come.
    fn check(&self, memory: &Memory, original: &[Vec<String>]) {
        for (n, before) in self.users.iter().enumerate() {
            let user = format!("user{n}");
            let (history, state) = (memory.history(&user), memory.state(&user));
            let retired = state
                .as_ref()
                .is_some_and(|state| state.retired_at.is_some());
            let was = before
                .recorded
                .is_some_and(|record| record.by == Recorder::Retired);
            self.check_history(
                &user,
                before,
                &history,
                &original[n],
                self.retires(before, n),
            );
            let held = memory
                .0
                .borrow()
                .parameters
                .get(&format!("/iam_users/{user}_keys"))
                .map(|(held, _)| key_in(held));
            match held {
                Some(Some(key)) if before.recorded.is_some_and(|record| newer(record, key)) => {
                    assert_eq!(
                        retired, was,
                        "{user}: an older parameter than is recorded changes nothing"
                    );
                }
                Some(Some(key)) => {
                    assert_eq!(
                        history.last(),
                        Some(&format!("KEY-{key}")),
                        "{user}: Vault has the current key"
                    );
                    let state = state.expect("a written key is recorded");
                    let expected = state_of(
                        &user,
                        Record {
                            key,
                            version: 0,
                            by: Recorder::Ours,
                        },
                    );
                    assert_eq!(state.last_secret_hash, expected.last_secret_hash, "{user}");
                    assert_eq!(
                        (state.vault_version, retired),
                        (Some(history.len() as u64), false),
                        "{user}"
                    );
                }
                Some(None) => assert_eq!(retired, was, "{user}: only who is gone is retired"),
                None => {
                    let expected = self.retires(before, n).map(|retires| retires || was);
                    assert!(
                        expected.is_none_or(|expected| retired == expected),
                        "{user}: retired when gone, and only then"
                    );
                }
            }
        }
    }

    /// Holds what was done to a user's versions to what may be done.
    fn check_history(
        &self,
        user: &str,
        before: &InitialState,
        now: &[String],
        then: &[String],
        retires: Option<bool>,
    ) {
        let (kept, added) = now.split_at(then.len());
        let ours = added
            .iter()
            .filter(|id| *id != "BY-HAND" && *id != "-")
            .map(|id| id.strip_prefix("KEY-").expect("only keys are added"));
        let ours = ours.map(|key| key.parse().unwrap()).collect::<Vec<u8>>();
        // A Vault that was set back behind the record gives a number twice, and the guard is a number.
        let set_back = before
            .recorded
            .is_some_and(|record| usize::from(record.version) > before.vault.len());
        assert!(
            ours.is_sorted() || (self.beside && set_back),
            "{user}: no older key follows a newer one: {now:?}"
        );
        let held = match before.held {
            Held::Key(key) => Some(key),
            _ => None,
        };
        assert!(
            ours.iter().all(|key| Some(*key) == held || *key == 5),
            "{user}: no key but the current one is written"
        );
        let deleted = kept
            .iter()
            .zip(then)
            .filter(|(now, then)| now != then)
            .count()
            + added.iter().filter(|id| *id == "-").count();
        // What a hand wrote after the first deletion is the last key of the second.
        let by_hand = added.len() - ours.len();
        let may = if self.soft_delete && retires != Some(false) {
            1 + by_hand
        } else {
            0
        };
        assert!(
            deleted <= may,
            "{user}: nothing is deleted but the last key of who is gone: {then:?} -> {now:?}"
        );
    }
}

/// The number of the key in a parameter's value.
fn key_in(value: &str) -> Option<u8> {
    let (_, rest) = value.split_once("KEY-")?;
    rest[..1].parse().ok()
}

/// Whether what is recorded, at the place in Vault that counts, is newer than a key.
fn newer(record: Record, key: u8) -> bool {
    record.key > key && matches!(record.by, Recorder::Ours | Recorder::Retired)
}

fn sweep(dry_run: bool) -> Value {
    json!({"action": "reconcile", "force": true, "allowMassRetire": true, "dryRun": dry_run})
}

/// An event of the first user's parameter.
fn event(operation: &str) -> Value {
    json!({
        "source": "aws.ssm", "detail-type": "Parameter Store Change", "time": "2026-01-12T00:00:00Z",
        "detail": {"operation": operation, "name": "/iam_users/user0_keys", "type": "SecureString"},
    })
}

async fn invoke(ctx: &Context<Memory>, payload: Value) -> Result<Value, Error> {
    let deadline = tokio::time::Instant::now() + Duration::from_hours(10);
    handle(
        ctx,
        payload,
        "request",
        deadline,
        &mut Metrics::new("function", "request"),
    )
    .await
}

async fn holds(case: Case) {
    // How many calls there are when nothing is wrong.
    let calm = build(&case.users, case.lists_metadata);
    calm.0.borrow_mut().paces.clone_from(&case.paces);
    case.run_with_faults(&calm).await;
    let calls = calm.0.borrow().calls.len();

    let memory = build(&case.users, case.lists_metadata);
    let original = (0..case.users.len())
        .map(|n| memory.history(&format!("user{n}")))
        .collect::<Vec<_>>();
    {
        let mut inner = memory.0.borrow_mut();
        inner.paces.clone_from(&case.paces);
        inner.call_faults = case
            .faults
            .iter()
            .map(|fault| (fault.at.index(calls), fault.what.call_fault()))
            .collect();
    }
    case.run_with_faults(&memory).await;

    let ctx = case.ctx(&memory);
    let swept = invoke(&ctx, sweep(false)).await;
    let malformed = memory
        .0
        .borrow()
        .parameters
        .values()
        .any(|(held, _)| held == "malformed");
    assert_eq!(
        swept.is_ok(),
        !malformed,
        "only a malformed parameter stays a failure: {swept:?}"
    );
    case.check(&memory, &original);
    let calls = memory.0.borrow().calls.len();
    let plan = invoke(&ctx, sweep(true)).await.unwrap();
    assert!(
        plan["counts"].get("planned-written").is_none(),
        "nothing is left to write: {plan}"
    );
    assert!(
        plan["counts"].get("planned-retired").is_none(),
        "nobody is left to retire: {plan}"
    );
    let inner = memory.0.borrow();
    let written = inner.calls[calls..]
        .iter()
        .filter(|call| call.contains("save") || call.contains("write"));
    assert_eq!(written.count(), 0, "a dry run writes nothing");
}

proptest! {
    // PROPTEST_CASES asks for more. What was found once is kept in proptest-regressions, and tried first.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(10_000), ..ProptestConfig::default() })]

    #[test]
    fn a_sweep_after_any_trouble_reaches_the_goal_and_the_next_finds_nothing_to_do(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(holds(case));
    }
}
