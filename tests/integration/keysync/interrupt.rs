//! A sweep that is interrupted: it ends soon, loses nothing, and the next one goes on.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Child;

use crate::command::{Said, end, start};
use crate::corner::{Corner, Key};
use crate::proxy::Proxies;

/// Some that are done, some in flight, and most not begun.
const USERS: usize = 30;

/// What every request takes, so that there is time to interrupt.
const SLOW: Duration = Duration::from_millis(40);

/// A corner of users who are all new, and what leads a command through slow proxies.
struct Scene {
    corner: Corner<'static>,
    proxies: Proxies,
    users: Vec<(String, Key)>,
}

impl Scene {
    async fn new() -> Self {
        let corner = Corner::new().await;
        let mut users = Vec::new();
        for n in 0..USERS {
            let user = format!("user{n:02}");
            let key = corner.rotate(&user).await;
            users.push((user, key));
        }
        // Whom to name of those who were not even listed, only the roster knows.
        corner
            .roster(
                &users
                    .iter()
                    .map(|(user, _)| user.as_str())
                    .collect::<Vec<_>>(),
            )
            .await;
        let proxies = Proxies::before(&corner, SLOW).await;
        Self {
            corner,
            proxies,
            users,
        }
    }

    /// Starts a sweep and waits until so many users are recorded.
    async fn sweep(&self, recorded: usize) -> Child {
        let slow = [
            &self.proxies.variables()[..],
            &[("SYNC_CONCURRENCY", "2"), self.roster()],
        ]
        .concat();
        let child = start(
            &["reconcile", "--force"],
            &self.corner.environment_with(&slow),
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.recorded().await < recorded {
            assert!(Instant::now() < deadline, "the sweep does not get on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child
    }

    fn roster(&self) -> (&str, &str) {
        ("IAM_USER_TABLE", &self.corner.bucket)
    }

    async fn recorded(&self) -> usize {
        let states = self
            .corner
            .s3
            .list_objects_v2()
            .bucket(&self.corner.bucket)
            .prefix("sync-state/users/");
        states.send().await.unwrap().contents().len()
    }

    /// How many are in step; whoever is not, has neither a key in Vault nor a state.
    async fn in_step(&self) -> usize {
        let mut in_step = 0;
        for (user, key) in &self.users {
            let state = self.corner.state(user).await;
            match self.corner.key(user).await {
                Some((found, version)) => {
                    assert_eq!((&found, version), (key, 1), "{user} is written once");
                    let state =
                        state.unwrap_or_else(|| panic!("{user} is in Vault and not recorded"));
                    assert_eq!(
                        state["lastSecretHash"].as_str(),
                        Some(key.fingerprint().as_str())
                    );
                    in_step += 1;
                }
                None => assert_eq!(state, None, "{user} is recorded and not in Vault"),
            }
        }
        in_step
    }

    async fn last_run(&self) -> Value {
        serde_json::from_str(
            &self
                .corner
                .object("sync-state/last-run.json")
                .await
                .unwrap(),
        )
        .unwrap()
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

/// How many the sweep said that it did not begin.
fn not_begun(said: &Said) -> usize {
    let (before, _) = said
        .err
        .split_once(" not begun (")
        .unwrap_or_else(|| panic!("{said:?}"));
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_interrupted_sweep_finishes_who_is_in_flight_and_the_next_goes_on_at_once() {
    let scene = Scene::new().await;
    for name in ["INT", "TERM"] {
        let before = scene.in_step().await;
        let child = scene.sweep(before + 3).await;
        signal(&child, name);
        let interrupted = Instant::now();
        let said = end(child, "").await;
        assert!(
            interrupted.elapsed() < Duration::from_secs(5),
            "{name}: {:?}",
            interrupted.elapsed()
        );
        assert_eq!(said.code, 1, "{name}: {said:?}");
        assert!(
            said.err
                .starts_with("stopping: the users in flight are finished"),
            "{name}: {said:?}"
        );
        let in_step = scene.in_step().await;
        assert!(
            before < in_step && in_step < USERS,
            "{name}: {before} then {in_step} of {USERS}"
        );
        assert_eq!(
            in_step - before + not_begun(&said),
            USERS,
            "{name}: {said:?}"
        );
        assert!(
            scene.last_run().await["finishedAt"].is_string(),
            "{name}: {said:?}"
        );
    }
    let said = scene.corner.keysync(&["reconcile"]).await;
    assert_eq!(
        (said.code, said.err.as_str()),
        (0, ""),
        "it goes on without being forced: {said:?}"
    );
    assert_eq!(scene.in_step().await, USERS);
    let said = scene.corner.keysync(&["reconcile"]).await;
    assert!(said.out.starts_with("Nothing was swept"), "{said:?}");
}

#[tokio::test]
async fn a_second_interrupt_ends_at_once_and_a_forced_sweep_heals() {
    let scene = Scene::new().await;
    let mut child = scene.sweep(3).await;
    signal(&child, "INT");
    // Once the first was heard, the second cannot be taken for it.
    let mut errors = tokio::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut errors, &mut line)
        .await
        .unwrap();
    assert!(line.starts_with("stopping: "), "{line}");
    signal(&child, "INT");
    let interrupted = Instant::now();
    let said = end(child, "").await;
    assert!(
        interrupted.elapsed() < Duration::from_secs(1),
        "{:?}",
        interrupted.elapsed()
    );
    assert_eq!((said.code, said.out.as_str()), (130, ""));
    let waits = scene.corner.keysync(&["reconcile"]).await;
    assert!(
        waits
            .out
            .starts_with("Nothing was swept: another sweep, begun at"),
        "{waits:?}"
    );
    let healed = scene.corner.keysync(&["reconcile", "--force"]).await;
    assert_eq!((healed.code, healed.err.as_str()), (0, ""), "{healed:?}");
    for (user, key) in &scene.users {
        assert_eq!(&scene.corner.key(user).await.unwrap().0, key);
        assert_eq!(
            scene.corner.state(user).await.unwrap()["accessKeyId"].as_str(),
            Some(key.id.as_str())
        );
    }
}
