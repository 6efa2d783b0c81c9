//! An interrupted reconcile run stops soon, loses nothing, and the next run continues.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::command::{finish, start};
use crate::proxy::Proxies;
use crate::test_env::{Key, TestEnv};

/// Enough users that at the interrupt some are synced, some are in flight, and most remain.
const USERS: usize = 30;

/// Delay of every request, to leave time for an interrupt.
const DELAY: Duration = Duration::from_millis(40);

/// An environment with new users, behind slow proxies.
struct Setup {
    env: TestEnv<'static>,
    proxies: Proxies,
    users: Vec<(String, Key)>,
}

impl Setup {
    async fn new() -> Self {
        let env = TestEnv::new().await;
        let mut users = Vec::new();
        for n in 0..USERS {
            let user = format!("user{n:02}");
            let key = env.rotate(&user).await;
            users.push((user, key));
        }
        // The roster names the users that an interrupted run has not listed.
        env.roster(
            &users
                .iter()
                .map(|(user, _)| user.as_str())
                .collect::<Vec<_>>(),
        )
        .await;
        let proxies = Proxies::start(&env, DELAY).await;
        Self {
            env,
            proxies,
            users,
        }
    }

    /// Starts a reconcile run and waits until this number of users is recorded.
    async fn reconcile(&self, recorded: usize) -> Child {
        let own = [
            ("SYNC_CONCURRENCY", "2"),
            ("IAM_USER_TABLE", &self.env.bucket),
        ];
        let variables = [&self.proxies.variables()[..], &own].concat();
        let environment = self.env.environment_with(&variables);
        let child = start(&["reconcile", "--force"], &environment);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.recorded().await < recorded {
            assert!(Instant::now() < deadline, "the run makes no progress");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child
    }

    async fn recorded(&self) -> usize {
        let list = self.env.s3.list_objects_v2().bucket(&self.env.bucket);
        list.prefix("sync-state/users/")
            .send()
            .await
            .unwrap()
            .contents()
            .len()
    }

    /// Returns how many users are in sync. All others have neither a key in Vault nor a state.
    async fn in_sync(&self) -> usize {
        let mut in_sync = 0;
        for (user, key) in &self.users {
            let state = self.env.state(user).await;
            let Some((found, version)) = self.env.key(user).await else {
                assert_eq!(state, None, "{user} is recorded, but not in Vault");
                continue;
            };
            assert_eq!((&found, version), (key, 1), "{user}");
            let state = state.unwrap_or_else(|| panic!("{user} is in Vault, but not recorded"));
            assert_eq!(state["lastSecretHash"], key.fingerprint().as_str());
            in_sync += 1;
        }
        in_sync
    }

    /// Runs a reconcile run without delay, under another address of Vault; returns its report.
    async fn report(&self, arguments: &str) -> Value {
        let line = format!("reconcile {arguments}--output json");
        let output = self.env.keysync_line(&line, &[]).await;
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
        output.json()
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn interrupted_reconcile_finishes_users_and_is_continued() {
    let setup = Setup::new().await;
    for name in ["INT", "TERM", "HUP"] {
        let before = setup.in_sync().await;
        let mut child = setup.reconcile(before + 3).await;
        if name == "HUP" {
            // The terminal is closed.
            drop(child.stderr.take());
        }
        signal(&child, name);
        let interrupted = Instant::now();
        let output = finish(child, "").await;
        let elapsed = interrupted.elapsed();
        assert!(elapsed < Duration::from_secs(5), "{name}: {elapsed:?}");
        assert_eq!(output.code, 1, "{name}: {output:?}");
        let in_sync = setup.in_sync().await;
        assert!(
            before < in_sync && in_sync < USERS,
            "{name}: {before} then {in_sync} of {USERS}"
        );
        let remaining = format!(" {} not ", USERS - (in_sync - before));
        assert!(
            name == "HUP" || output.err.contains(&remaining),
            "{name}: expected{remaining}in {output:?}"
        );
        let record = setup.env.json_object("sync-state/last-run.json").await;
        assert!(record["finishedAt"].is_string(), "{name}: {record}");
    }
    // It continues without force.
    setup.report("").await;
    assert_eq!(setup.in_sync().await, USERS);
    let report = setup.report("").await;
    assert!(report["skipped"].is_string(), "{report}");
}

#[tokio::test]
async fn interrupted_twice_reconcile_exits_at_once() {
    let setup = Setup::new().await;
    let mut child = setup.reconcile(3).await;
    signal(&child, "INT");
    // Wait until the first signal is handled, so that the second is not merged with it.
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    errors
        .next_line()
        .await
        .unwrap()
        .expect("the command reports the first signal");
    signal(&child, "INT");
    let interrupted = Instant::now();
    let output = finish(child, "").await;
    assert!(
        interrupted.elapsed() < Duration::from_secs(1),
        "{:?}",
        interrupted.elapsed()
    );
    assert_eq!((output.code, output.out.as_str()), (130, ""));
    let output = setup.env.keysync_line("reconcile", &[]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("holds the lease until"), "{output:?}");
    setup.report("--force ").await;
    for (user, key) in &setup.users {
        assert_eq!(&setup.env.key(user).await.unwrap().0, key);
        let state = setup.env.state(user).await.unwrap();
        assert_eq!(state["accessKeyId"], key.id.as_str());
    }
}
