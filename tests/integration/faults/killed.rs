//! The function killed, or cut off, right before and right after each request that it makes: at the next delivery, or in
//! the next night at the latest, all is as if nothing had happened. `docs/crash-points.md` is the table of all points.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::meddler::{Meddler, Meddling, Point};
use super::scenarios::{Prepared, Scenario};
use crate::corner::{Corner, Key};
use crate::function::Function;
use crate::proxy::Proxies;
use crate::stack::checkout;

/// How many points are tried at a time.
const AT_A_TIME: usize = 6;

/// Everything that is left to see of a user: what each version in Vault holds, oldest first, by the number of the key; and
/// whether the record tells of the last version, and of a retirement.
type Seen = (Vec<Option<usize>>, bool, bool);

/// When all had come right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    /// Without anybody's help.
    AtOnce,
    /// With the second delivery.
    Again,
    /// With the next sweep.
    Swept,
}

/// A scenario in a corner of its own, behind proxies.
struct Stage {
    corner: Corner<'static>,
    prepared: Prepared,
    meddler: Arc<Meddler>,
    proxies: Proxies,
}

impl Stage {
    async fn set(scenario: Scenario) -> Self {
        let corner = Corner::new().await;
        let prepared = scenario.prepare(&corner).await;
        let meddler = Arc::<Meddler>::default();
        let proxies = Proxies::meddling(&corner, Duration::ZERO, &meddler).await;
        Self {
            corner,
            prepared,
            meddler,
            proxies,
        }
    }

    async fn function(&self) -> Function {
        let mut variables = self.proxies.variables().to_vec();
        variables.push(("LOG_LEVEL", "trace"));
        variables.extend(
            self.prepared
                .variables
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        self.corner.function_with(&variables).await
    }

    /// What is to be seen of each user.
    async fn seen(&self) -> BTreeMap<&'static str, Seen> {
        let mut all = BTreeMap::new();
        for (user, keys) in &self.prepared.keys {
            let metadata = format!("secret/metadata/{}", self.corner.path(user));
            let (_, metadata) = self
                .corner
                .vault(reqwest::Method::GET, &metadata, None)
                .await;
            let latest = metadata
                .pointer("/data/current_version")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let mut versions = Vec::new();
            for version in 1..=latest {
                let held = self.corner.version(user, Some(version)).await;
                versions.push(held.and_then(|(held, _)| keys.iter().position(|key| *key == held)));
            }
            let state = self.corner.state(user).await.unwrap_or_default();
            let fingerprint = keys.last().map(Key::fingerprint);
            let recorded = state["vaultVersion"] == latest
                && state["lastSecretHash"].as_str() == fingerprint.as_deref();
            all.insert(*user, (versions, recorded, state["retiredAt"].is_string()));
        }
        all
    }

    /// Whether all is as it is to be.
    async fn is_right(&self) -> bool {
        let token: Value =
            serde_json::from_str(&self.corner.object("vault-token.json").await.unwrap()).unwrap();
        assert!(token["token"].is_string(), "the token is never lost");
        if self.prepared.renews && !token["expiresAt"].is_string() {
            return false;
        }
        let seen = self.seen().await;
        self.prepared.keys.iter().all(|(user, keys)| {
            let (versions, recorded, retired) = &seen[user];
            let never_backwards = versions.iter().flatten().is_sorted();
            assert!(
                never_backwards,
                "{user}: no older key follows a newer one: {versions:?}"
            );
            let gone = self.prepared.gone == Some(user);
            let deleted = gone
                && self
                    .prepared
                    .variables
                    .iter()
                    .any(|(name, _)| *name == "ON_USER_DELETED");
            let held = versions.last().copied().flatten();
            let expected = (!deleted).then_some(keys.len() - 1);
            assert!(
                gone || !retired,
                "{user}: nobody is retired who is not gone"
            );
            (held, *recorded, *retired) == (expected, true, gone)
        })
    }

    /// Sweeps everybody; how many of each outcome.
    async fn sweep(&self) -> Value {
        let function = self.function().await;
        let report = function
            .invoke(&json!({"action": "reconcile", "force": true}))
            .await
            .unwrap();
        let record = self
            .corner
            .object("sync-state/last-run.json")
            .await
            .unwrap();
        let record: Value = serde_json::from_str(&record).unwrap();
        assert!(
            record["finishedAt"].is_string(),
            "the sweep is recorded as finished: {record}"
        );
        report["counts"].clone()
    }

    /// How many versions there are in Vault, of all users.
    async fn versions(&self) -> usize {
        self.seen()
            .await
            .values()
            .map(|(versions, ..)| versions.len())
            .sum()
    }
}

/// Runs a scenario without meddling: every request that is made, and how many versions there are in Vault at the end.
async fn calm(scenario: Scenario) -> (Vec<Point>, usize) {
    let stage = Stage::set(scenario).await;
    let function = stage.function().await;
    stage.meddler.forget();
    function.invoke(&stage.prepared.payload).await.unwrap();
    let points = stage.meddler.points();
    assert!(
        stage.is_right().await,
        "{scenario:?} without meddling: {:?}",
        stage.seen().await
    );
    (points, stage.versions().await)
}

/// Runs a scenario with one request meddled with; when all had come right, and the versions in Vault at the end.
async fn meddled(scenario: Scenario, point: &Point, meddling: Meddling) -> (Right, usize) {
    let stage = Stage::set(scenario).await;
    let function = stage.function().await;
    stage
        .meddler
        .await_point(point.clone(), meddling, function.pid());
    let killed = tokio::select! {
        _ = function.invoke(&stage.prepared.payload) => false,
        () = stage.meddler.killed.notified() => true,
    };
    assert!(
        !stage.meddler.waits(),
        "{scenario:?}: {point:?} was not made this time"
    );
    assert_eq!(
        killed,
        matches!(meddling, Meddling::KillBefore | Meddling::KillAfter)
    );
    let right = if stage.is_right().await {
        Right::AtOnce
    } else {
        // As AWS does it: in a new process if the old one is dead.
        let function = if killed {
            stage.function().await
        } else {
            function
        };
        let mut payload = stage.prepared.payload.clone();
        if let Some(count) = payload.pointer_mut("/Records/0/attributes/ApproximateReceiveCount") {
            *count = json!("2");
        }
        function.invoke(&payload).await.unwrap();
        if stage.is_right().await {
            Right::Again
        } else {
            Right::Swept
        }
    };
    stage.sweep().await;
    let place = || format!("{scenario:?}, {meddling:?}, {point:?}");
    assert!(
        stage.is_right().await,
        "{}: a sweep makes it right: {:?}",
        place(),
        stage.seen().await
    );
    let versions = stage.versions().await;
    let counts = stage.sweep().await;
    for outcome in ["written", "retired", "failed", "superseded"] {
        assert_eq!(
            counts[outcome],
            0,
            "{}: the next sweep has nothing to do: {counts}",
            place()
        );
    }
    assert_eq!(stage.versions().await, versions);
    (right, versions)
}

/// A cell of the table. What a read shows does not depend on how far a write got that was under way beside it.
fn told(what: &str, right: Right, extra: usize) -> String {
    let right = match right {
        Right::AtOnce => "at once",
        Right::Again => "when delivered again",
        Right::Swept => "by the sweep",
    };
    assert!(extra <= 1, "{what}: {extra} versions more than needed");
    let writes = what.contains("PUT") || what.contains("POST");
    if extra == 1 && writes {
        format!("{right}, 1 version more")
    } else {
        right.to_owned()
    }
}

#[tokio::test]
async fn killed_or_cut_off_at_any_request_all_comes_right() {
    let mut table = String::new();
    for scenario in Scenario::ALL {
        let (points, versions) = calm(scenario).await;
        let tries = points
            .iter()
            .flat_map(|point| Meddling::ALL.map(|meddling| (point, meddling)));
        let results =
            stream::iter(tries).map(|(point, meddling)| meddled(scenario, point, meddling));
        let results = results.buffered(AT_A_TIME).collect::<Vec<_>>().await;
        write!(table, "\n## {}\n\n", scenario.title()).unwrap();
        table
            .push_str("| request | killed before | killed after | cut before | answer lost |\n|---|---|---|---|---|\n");
        for ((what, nth), results) in points.iter().zip(results.chunks(Meddling::ALL.len())) {
            let nth = if *nth == 1 {
                String::new()
            } else {
                format!(" ({nth})")
            };
            let cells = results
                .iter()
                .map(|(right, made)| told(what, *right, made - versions))
                .collect::<Vec<_>>();
            writeln!(table, "| {what}{nth} | {} |", cells.join(" | ")).unwrap();
        }
    }
    let page = checkout().join("docs/crash-points.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (introduction, tables) = text
        .split_once("\n## ")
        .expect("the page has an introduction and tables");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, format!("{introduction}{table}")).unwrap();
    } else {
        assert_eq!(
            format!("\n## {tables}"),
            table,
            "docs/crash-points.md is not what was found: UPDATE_DOCS=1 writes it"
        );
    }
}
