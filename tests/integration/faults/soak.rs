//! Rotations for a while, with one trouble after the other: Vault away, the function killed, the token revoked, events lost and
//! doubled, hands in Vault. `SOAK_MINUTES` says how long (a minute unless told otherwise), `SOAK_SEED` which troubles.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::load::holds;
use crate::corner::{Corner, Key, batch};
use crate::function::Function;
use crate::races::{BY_HAND, Queue, converged};
use crate::stack::Stack;

const USERS: usize = 50;

fn chosen<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var_os(name)
        .and_then(|value| value.into_string().ok())
        .map_or(otherwise, |value| {
            value
                .parse()
                .ok()
                .expect("SOAK_MINUTES and SOAK_SEED are numbers")
        })
}

/// Works the queue off with a process that may be killed and is started again, as Lambda does; what its processes held,
/// each at its end.
async fn work(corner: &Corner<'_>, queue: &Queue, kill: &Notify) -> Vec<(u64, usize, usize)> {
    let mut held = Vec::new();
    let mut function = corner.function_with(&[("LOG_LEVEL", "debug")]).await;
    while let Some(received) = queue.receive() {
        if received.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let messages = received
            .iter()
            .map(|(id, delivery, event)| (id.as_str(), *delivery, event.clone()));
        let payload = batch(&messages.collect::<Vec<_>>());
        let answer = tokio::select! {
            answer = function.invoke(&payload) => Some(answer.unwrap()),
            () = kill.notified() => None,
        };
        let failed = |id: &str| match &answer {
            Some(answer) => answer["batchItemFailures"]
                .as_array()
                .unwrap()
                .iter()
                .any(|item| item["itemIdentifier"] == id),
            None => true,
        };
        for message in received {
            if failed(&message.0) {
                queue.take_back(message);
            }
        }
        if answer.is_none() {
            held.extend(holds(function.pid()));
            // Dropping it kills it.
            function = corner.function().await;
        }
    }
    held.extend(holds(function.pid()));
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_for_how_long_everything_comes_right() {
    let (minutes, seed) = (
        chosen("SOAK_MINUTES", 1),
        chosen("SOAK_SEED", fastrand::u64(..)),
    );
    println!("SOAK_MINUTES={minutes} SOAK_SEED={seed}");
    // For the troubles of Vault it has to be one of its own.
    let stack = Stack::start(&[]);
    let corner = Corner::of(&stack).await;
    corner
        .vault(
            reqwest::Method::POST,
            "secret/config",
            Some(json!({"max_versions": 1000})),
        )
        .await;
    let (queue, kill) = (Queue::default(), Notify::new());
    let workers =
        async { tokio::join!(work(&corner, &queue, &kill), work(&corner, &queue, &kill)) };
    let life = live(
        &stack,
        &corner,
        &queue,
        &kill,
        minutes,
        fastrand::Rng::with_seed(seed),
    );
    let ((one, other), (keys, ended)) = tokio::join!(workers, life);
    println!(
        "drained {:?} after the last trouble; the processes held {one:?}, {other:?}",
        ended.elapsed()
    );

    // The night makes good what was lost, and what hands did.
    let function =
        Function::start(&corner.environment_with(&[("SSM_MAX_CALLS_PER_SECOND", "1000")])).await;
    let sweep = json!({"action": "reconcile", "force": true});
    let report = function.invoke(&sweep).await.unwrap();
    println!("the sweep: {}", report["counts"]);
    converged(&corner, &keys).await;
    assert_eq!(
        function.invoke(&sweep).await.unwrap()["counts"]["unchanged"],
        USERS
    );
}

/// Rotates random users, with one trouble after the other; all keys, and when the last trouble was over.
async fn live(
    stack: &Stack,
    corner: &Corner<'_>,
    queue: &Queue,
    kill: &Notify,
    minutes: u64,
    mut random: fastrand::Rng,
) -> (BTreeMap<String, Vec<Key>>, Instant) {
    let mut keys = BTreeMap::<String, Vec<Key>>::new();
    for user in (0..USERS).map(|n| format!("user{n:02}")) {
        keys.insert(user.clone(), vec![corner.rotate(&user).await]);
        queue.send(corner.event("Create", &user));
    }

    let end = Instant::now() + Duration::from_mins(minutes);
    let (mut troubles, mut rotations) = (BTreeMap::<&str, usize>::new(), 0);
    while Instant::now() < end {
        let trouble = random
            .choice([
                "stop", "kill", "seal", "pause", "death", "token", "hand", "lost", "none",
            ])
            .unwrap();
        *troubles.entry(trouble).or_default() += 1;
        let command =
            |what: &str| tokio::task::block_in_place(|| stack.command(&format!("vault {what}")));
        match trouble {
            "stop" | "kill" | "seal" | "pause" => drop(command(trouble)),
            "death" => kill.notify_one(),
            "token" => {
                let old: Value =
                    serde_json::from_str(&corner.object("vault-token.json").await.unwrap())
                        .unwrap();
                corner
                    .store_token(&tokio::task::block_in_place(|| stack.token("sync", "72h")))
                    .await;
                corner
                    .vault(
                        reqwest::Method::POST,
                        "auth/token/revoke",
                        Some(json!({"token": old["token"]})),
                    )
                    .await;
            }
            _ => {}
        }
        let until = Instant::now() + Duration::from_millis(random.u64(200..4000));
        while Instant::now() < until {
            let user = format!("user{:02}", random.usize(..USERS));
            if trouble == "hand" {
                let by_hand = json!({"data": {"accessKeyId": BY_HAND, "secretAccessKey": "none"}});
                corner
                    .vault(
                        reqwest::Method::POST,
                        &format!("secret/data/{}", corner.path(&user)),
                        Some(by_hand),
                    )
                    .await;
            }
            let history = keys.get_mut(&user).unwrap();
            let key = corner
                .rotate_twice_put(&user, history.last().unwrap())
                .await;
            history.push(key);
            rotations += 1;
            for _ in 0..if trouble == "lost" {
                0
            } else {
                random.usize(1..=3)
            } {
                queue.send(corner.event("Update", &user));
            }
            tokio::time::sleep(Duration::from_millis(random.u64(0..60))).await;
        }
        match trouble {
            "stop" | "kill" => drop(command("start")),
            "seal" => drop(command("unseal")),
            "pause" => drop(command("resume")),
            _ => {}
        }
    }
    println!("{rotations} rotations, troubles {troubles:?}");
    *queue.ended.lock().unwrap() = true;
    (keys, Instant::now())
}
