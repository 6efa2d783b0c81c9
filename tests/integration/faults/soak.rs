//! Rotations for some time with one disturbance after the other: Vault outages, killed functions,
//! revoked tokens, lost and duplicate events, and manual changes in Vault.
//!
//! `SOAK_MINUTES` sets the duration (default one minute), `SOAK_SEED` the disturbances.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Notify;

use super::load::{Resources, resources};
use super::returned;
use crate::races::{Queue, assert_converged};
use crate::stack::Stack;
use crate::test_env::{Key, TestEnv};

const USERS: usize = 50;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    #[expect(clippy::disallowed_methods, reason = "the setting of a test")]
    let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
    let parse = |value: String| {
        value
            .parse()
            .ok()
            .expect("SOAK_MINUTES and SOAK_SEED are numbers")
    };
    value.map_or(default, parse)
}

/// Processes the queue with a function that is restarted after it was killed, as Lambda does.
/// Returns the resources of each process at its end.
async fn consume(env: &TestEnv<'_>, queue: &Queue, kill: &Notify) -> Vec<Resources> {
    let mut used = Vec::new();
    let mut function = env.function_with(&[("LOG_LEVEL", "debug")]).await;
    while let Some(received) = queue.receive() {
        if received.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let payload = Queue::batch(&received);
        let answer = tokio::select! {
            answer = function.invoke(&payload) => Some(answer.unwrap()),
            () = kill.notified() => None,
        };
        let failed = answer.as_ref().map(returned);
        for message in received {
            if failed
                .as_ref()
                .is_none_or(|failed| failed.contains(&message.0.as_str()))
            {
                queue.return_message(message);
            }
        }
        if answer.is_none() {
            used.extend(resources(function.pid()));
            // Dropping the previous function kills it.
            function = env.function().await;
        }
    }
    used.extend(resources(function.pid()));
    used
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_with_random_disturbances_converges() {
    let (minutes, seed) = (
        setting("SOAK_MINUTES", 1),
        setting("SOAK_SEED", fastrand::u64(..)),
    );
    println!("SOAK_MINUTES={minutes} SOAK_SEED={seed}");
    let stack = Stack::start(&[]);
    let env = TestEnv::of(&stack).await;
    env.keep_vault_versions(1000).await;
    let (queue, kill) = (Queue::default(), Notify::new());
    let consumers =
        async { tokio::join!(consume(&env, &queue, &kill), consume(&env, &queue, &kill)) };
    let random = fastrand::Rng::with_seed(seed);
    let disturbances = disturb(&env, &queue, &kill, minutes, random);
    let ((one, other), (keys, ended)) = tokio::join!(consumers, disturbances);
    println!(
        "converged {:?} after the last disturbance; {one:?}, {other:?}",
        ended.elapsed()
    );

    // A reconcile run repairs lost events and manual changes.
    let function = env
        .function_with(&[("SSM_MAX_CALLS_PER_SECOND", "1000")])
        .await;
    let reconcile = json!({"action": "reconcile", "force": true});
    let report = function.invoke(&reconcile).await.unwrap();
    println!("reconcile run: {}", report["counts"]);
    assert_converged(&env, &keys).await;
    assert_eq!(
        function.invoke(&reconcile).await.unwrap()["counts"]["unchanged"],
        USERS
    );
}

/// Rotates random users during the disturbances; returns all keys, and the end of the last
/// disturbance.
async fn disturb(
    env: &TestEnv<'_>,
    queue: &Queue,
    kill: &Notify,
    minutes: u64,
    mut random: fastrand::Rng,
) -> (BTreeMap<String, Vec<Key>>, Instant) {
    let mut keys = BTreeMap::<String, Vec<Key>>::new();
    for user in (0..USERS).map(|n| format!("user{n:02}")) {
        keys.insert(user.clone(), vec![env.rotate(&user).await]);
        queue.send(env.event("Create", &user));
    }

    let end = Instant::now() + Duration::from_mins(minutes);
    let (mut counts, mut rotations) = (BTreeMap::<&str, usize>::new(), 0);
    let vault = |command: &str| {
        tokio::task::block_in_place(|| env.stack.command(&format!("vault {command}")));
    };
    while Instant::now() < end {
        let disturbance = random
            .choice([
                "stop", "kill", "seal", "pause", "crash", "token", "tamper", "loss", "none",
            ])
            .unwrap();
        *counts.entry(disturbance).or_default() += 1;
        match disturbance {
            "stop" | "kill" | "seal" | "pause" => vault(disturbance),
            "crash" => kill.notify_one(),
            "token" => {
                let old = env.json_object("vault-token.json").await;
                let new = tokio::task::block_in_place(|| env.stack.token("sync", "72h"));
                env.store_token(&new).await;
                env.revoke_token(old["token"].as_str().unwrap()).await;
            }
            _ => {}
        }
        let until = Instant::now() + Duration::from_millis(random.u64(200..4000));
        while Instant::now() < until {
            let user = format!("user{:02}", random.usize(..USERS));
            if disturbance == "tamper" {
                env.tamper(&user).await;
            }
            let history = keys.get_mut(&user).unwrap();
            let key = env.rotate_in_two_puts(&user, history.last().unwrap()).await;
            history.push(key);
            rotations += 1;
            for _ in 0..if disturbance == "loss" {
                0
            } else {
                random.usize(1..=3)
            } {
                queue.send(env.event("Update", &user));
            }
            tokio::time::sleep(Duration::from_millis(random.u64(0..60))).await;
        }
        match disturbance {
            "stop" | "kill" => vault("start"),
            "seal" => vault("unseal"),
            "pause" => vault("resume"),
            _ => {}
        }
    }
    println!("{rotations} rotations, disturbances {counts:?}");
    queue.close();
    (keys, Instant::now())
}
