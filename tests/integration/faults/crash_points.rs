//! Kills the function, or cuts its connection, right before and right after each request. The next
//! delivery or the next reconcile run repairs everything. `docs/crash-points.md` lists all points.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use snapbox::Data;

use super::fault_injector::{Fault, FaultInjector, RequestPoint};
use super::scenarios::{InitialState, Scenario};
use crate::function::Function;
use crate::proxy::Proxies;
use crate::stack::{checkout, read};
use crate::test_env::{Key, TestEnv};

/// Number of points that are tested at the same time.
const CONCURRENCY: usize = 6;

/// What remains of a user after a fault.
#[derive(Debug)]
struct UserState {
    /// For each version in Vault, oldest first: the index of its key.
    versions: Vec<Option<usize>>,
    /// Whether the state records the last version.
    recorded: bool,
    /// Whether the state records a retirement.
    retired: bool,
}

/// When everything was repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    Immediate,
    Redelivery,
    Reconcile,
}

/// A scenario in its own environment, behind proxies.
struct Setup {
    env: TestEnv<'static>,
    initial: InitialState,
    injector: Arc<FaultInjector>,
    proxies: Proxies,
}

impl Setup {
    async fn new(scenario: Scenario) -> Self {
        let env = TestEnv::new().await;
        let initial = scenario.prepare(&env).await;
        let injector = Arc::<FaultInjector>::default();
        let proxies = Proxies::with_injector(&env, Duration::ZERO, &injector).await;
        Self {
            env,
            initial,
            injector,
            proxies,
        }
    }

    async fn function(&self) -> Function {
        let mut variables = self.proxies.variables().to_vec();
        variables.push(("LOG_LEVEL", "trace"));
        let own = self.initial.variables.iter();
        variables.extend(own.map(|(name, value)| (*name, value.as_str())));
        self.env.function_with(&variables).await
    }

    /// Returns what remains of each user.
    async fn users(&self) -> BTreeMap<&'static str, UserState> {
        let mut users = BTreeMap::new();
        for (user, keys) in &self.initial.keys {
            let path = format!("secret/metadata/{}", self.env.path(user));
            let (_, metadata) = self.env.vault(Method::GET, &path, None).await;
            let latest = metadata
                .pointer("/data/current_version")
                .and_then(Value::as_u64);
            let latest = latest.unwrap_or_default();
            let mut versions = Vec::new();
            for version in 1..=latest {
                let found = self.env.version(user, Some(version)).await;
                versions
                    .push(found.and_then(|(found, _)| keys.iter().position(|key| *key == found)));
            }
            let state = match self.initial.user {
                Some(of_targets) => self.env.record(of_targets, user).await,
                None => self.env.state(user).await,
            };
            let state = state.unwrap_or_default();
            let fingerprint = keys.last().map(Key::fingerprint);
            let recorded = state["vaultVersion"] == latest
                && state["lastSecretHash"].as_str() == fingerprint.as_deref();
            let retired = state["retiredAt"].is_string();
            users.insert(
                *user,
                UserState {
                    versions,
                    recorded,
                    retired,
                },
            );
        }
        users
    }

    /// Returns true if everything is as expected at the end.
    async fn is_repaired(&self) -> bool {
        let token = self.env.json_object("vault-token.json").await;
        assert!(token["token"].is_string(), "the token is lost");
        if self.initial.renews && !token["expiresAt"].is_string() {
            return false;
        }
        let deletes = self
            .initial
            .variables
            .iter()
            .any(|(name, _)| *name == "ON_USER_DELETED");
        let users = self.users().await;
        self.initial.keys.iter().all(|(user, keys)| {
            let UserState {
                versions,
                recorded,
                retired,
            } = &users[user];
            let ordered = versions.iter().flatten().is_sorted();
            assert!(
                ordered,
                "{user}: an older key follows a newer one: {versions:?}"
            );
            let gone = self.initial.gone == Some(user);
            assert!(
                gone || !retired,
                "{user}: retired although the user is not gone"
            );
            let current = versions.last().copied().flatten();
            let expected = (!gone || !deletes).then_some(keys.len() - 1);
            (current, *recorded, *retired) == (expected, true, gone)
        })
    }

    /// Reconciles all users; returns the number of each outcome.
    async fn reconcile(&self) -> Value {
        let function = self.function().await;
        let reconcile = json!({"action": "reconcile", "force": true});
        let report = function.invoke(&reconcile).await.unwrap();
        let record = self.env.json_object("sync-state/last-run.json").await;
        assert!(
            record["finishedAt"].is_string(),
            "the run is not recorded as finished: {record}"
        );
        report["counts"].clone()
    }

    /// Returns the number of versions in Vault, of all users.
    async fn versions(&self) -> usize {
        self.users()
            .await
            .values()
            .map(|user| user.versions.len())
            .sum()
    }
}

/// Runs a scenario without a fault; returns all requests, and the number of versions in Vault.
async fn run_without_fault(scenario: Scenario) -> (Vec<RequestPoint>, usize) {
    let setup = Setup::new(scenario).await;
    let function = setup.function().await;
    setup.injector.reset();
    function.invoke(&setup.initial.payload).await.unwrap();
    let points = setup.injector.points();
    let users = setup.users().await;
    assert!(
        setup.is_repaired().await,
        "{scenario:?} without a fault: {users:?}"
    );
    (points, setup.versions().await)
}

/// Runs a scenario with a fault; returns when it was repaired, and the number of versions in Vault.
async fn run_with_fault(
    scenario: Scenario,
    point: &RequestPoint,
    fault: Fault,
) -> (Recovery, usize) {
    let setup = Setup::new(scenario).await;
    let function = setup.function().await;
    setup.injector.arm(point.clone(), fault, function.pid());
    let killed = tokio::select! {
        biased;
        () = setup.injector.killed.notified() => true,
        _ = function.invoke(&setup.initial.payload) => false,
    };
    assert!(
        !setup.injector.is_pending(),
        "{scenario:?}: {point:?} was not requested"
    );
    assert_eq!(killed, fault.kills());
    let recovery = if setup.is_repaired().await {
        Recovery::Immediate
    } else {
        // As Lambda does: in a new process if the previous one exited.
        let function = if killed {
            setup.function().await
        } else {
            function
        };
        let mut payload = setup.initial.payload.clone();
        let count = payload.pointer_mut("/Records/0/attributes/ApproximateReceiveCount");
        if let Some(count) = count {
            *count = json!("2");
        }
        function.invoke(&payload).await.unwrap();
        if setup.is_repaired().await {
            Recovery::Redelivery
        } else {
            Recovery::Reconcile
        }
    };
    setup.reconcile().await;
    let case = format!("{scenario:?}, {fault:?}, {point:?}");
    let users = setup.users().await;
    assert!(
        setup.is_repaired().await,
        "{case}: not repaired by a reconcile run: {users:?}"
    );
    let versions = setup.versions().await;
    let counts = setup.reconcile().await;
    for outcome in ["written", "retired", "failed", "superseded"] {
        assert_eq!(
            counts[outcome], 0,
            "{case}: the next run is not idle: {counts}"
        );
    }
    assert_eq!(setup.versions().await, versions);
    (recovery, versions)
}

/// Returns a cell of the table. Versions are shown for writes only: at a read, they depend on how
/// far a concurrent write got. So does everything about the writes of several targets.
fn cell(scenario: Scenario, request: &str, recovery: Recovery, extra_versions: usize) -> String {
    let recovery = match recovery {
        // The mark is written beside the state.
        Recovery::Immediate | Recovery::Redelivery if request.contains("PATCH metadata") => {
            return "at once, or when delivered again".to_owned();
        }
        Recovery::Immediate => "at once",
        Recovery::Redelivery => "when delivered again",
        Recovery::Reconcile => "by the next reconcile run",
    };
    let secrets = if scenario == Scenario::Targets { 2 } else { 1 };
    assert!(
        extra_versions <= secrets,
        "{request}: {extra_versions} extra versions"
    );
    let writes = request.contains("PUT") || request.contains("POST");
    let extra = if extra_versions == 1 && writes && secrets == 1 {
        ", 1 version more"
    } else {
        ""
    };
    format!("{recovery}{extra}")
}

#[tokio::test]
async fn crash_points_are_all_repaired() {
    let mut tables = String::new();
    for scenario in Scenario::ALL {
        let (points, versions) = run_without_fault(scenario).await;
        let runs = points
            .iter()
            .flat_map(|point| Fault::ALL.map(|fault| (point, fault)));
        let runs = stream::iter(runs);
        let runs = runs.map(|(point, fault)| run_with_fault(scenario, point, fault));
        let results = runs.buffered(CONCURRENCY).collect::<Vec<_>>().await;
        write!(tables, "\n## {}\n\n", scenario.title()).unwrap();
        tables += "| request | killed before | killed after | cut before | answer lost |\n";
        tables += "|---|---|---|---|---|\n";
        for ((request, number), results) in points.iter().zip(results.chunks(Fault::ALL.len())) {
            let number = if *number == 1 {
                String::new()
            } else {
                format!(" ({number})")
            };
            let cells = results.iter();
            let cells =
                cells.map(|(recovery, made)| cell(scenario, request, *recovery, made - versions));
            let cells = cells.collect::<Vec<_>>().join(" | ");
            writeln!(tables, "| {request}{number} | {cells} |").unwrap();
        }
    }
    let page = read("docs/crash-points.md");
    let introduction = page.split("\n## ").next().unwrap();
    let expected = Data::read_from(&checkout().join("docs/crash-points.md"), None).raw();
    snapbox::assert_data_eq!(format!("{introduction}{tables}"), expected);
}
