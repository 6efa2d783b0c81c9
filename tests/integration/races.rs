//! Rotations in a hurry: two functions, events in random order, twice and again. At the end everything is equal, and no
//! version in Vault was ever written with an older key than the one before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::corner::{Corner, Key, batch};

const USERS: usize = 50;
const ROTATIONS: usize = 200;

/// The id of a key that was not written by the service.
pub const BY_HAND: &str = "by hand";

/// A queue that hands messages out in random order and takes them back, as SQS does.
#[derive(Default)]
pub struct Queue {
    messages: Mutex<VecDeque<(String, u32, Value)>>,
    /// Whether no more are sent: then nothing is received when all are done.
    pub ended: Mutex<bool>,
}

impl Queue {
    pub fn send(&self, event: Value) {
        let id = format!("message-{:016x}", fastrand::u64(..));
        self.messages.lock().unwrap().push_back((id, 0, event));
    }

    pub fn receive(&self) -> Option<Vec<(String, u32, Value)>> {
        let mut messages = self.messages.lock().unwrap();
        if messages.is_empty() && *self.ended.lock().unwrap() {
            return None;
        }
        let count = messages.len().min(fastrand::usize(1..=10));
        let mut received = Vec::new();
        for _ in 0..count {
            let any = fastrand::usize(..messages.len());
            let (id, deliveries, event) = messages.remove(any).unwrap();
            received.push((id, deliveries + 1, event));
        }
        Some(received)
    }

    pub fn take_back(&self, message: (String, u32, Value)) {
        self.messages.lock().unwrap().push_back(message);
    }
}

#[tokio::test]
async fn two_hundred_rotations_of_fifty_users_end_equal_and_never_go_backwards() {
    let corner = Arc::new(Corner::new().await);
    corner
        .vault(
            reqwest::Method::POST,
            "secret/config",
            Some(json!({"max_versions": 100})),
        )
        .await;
    let queue = Arc::new(Queue::default());
    let mut workers = Vec::new();
    for _ in 0..2 {
        let (function, queue) = (corner.function().await, queue.clone());
        workers.push(tokio::spawn(async move {
            while let Some(received) = queue.receive() {
                if received.is_empty() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                }
                let messages: Vec<_> = received
                    .iter()
                    .map(|(id, delivery, event)| (id.as_str(), *delivery, event.clone()))
                    .collect();
                let answer = function.invoke(&batch(&messages)).await.unwrap();
                let failures = answer["batchItemFailures"].as_array().unwrap();
                let returned = |id: &str| {
                    failures
                        .iter()
                        .any(|failure| failure["itemIdentifier"] == id)
                };
                for message in received {
                    if returned(&message.0) {
                        queue.take_back(message);
                    }
                }
            }
            function.lines()
        }));
    }

    let mut keys: BTreeMap<String, Vec<Key>> = BTreeMap::new();
    for user in (0..USERS).map(|n| format!("user{n}")) {
        keys.insert(user.clone(), vec![corner.rotate(&user).await]);
        queue.send(corner.event("Create", &user));
    }
    for _ in 0..ROTATIONS {
        let user = format!("user{}", fastrand::usize(..USERS));
        let history = keys.get_mut(&user).unwrap();
        let key = corner
            .rotate_twice_put(&user, history.last().unwrap())
            .await;
        history.push(key);
        let event = corner.event("Update", &user);
        for _ in 0..fastrand::usize(2..=3) {
            queue.send(event.clone());
        }
    }
    *queue.ended.lock().unwrap() = true;
    let mut lines = Vec::new();
    for worker in workers {
        lines.extend(worker.await.unwrap());
    }

    converged(&corner, &keys).await;
    let failed = lines
        .iter()
        .filter(|line| line.contains(r#""outcome":"failed""#))
        .collect::<Vec<_>>();
    assert!(failed.is_empty(), "nothing had to fail: {failed:#?}");
}

/// Everything is equal, and no version was ever written with an older key than the one before it.
pub async fn converged(corner: &Corner<'_>, keys: &BTreeMap<String, Vec<Key>>) {
    for (user, history) in keys {
        let (key, version) = corner.key(user).await.unwrap();
        assert_eq!(
            Some(&key),
            history.last(),
            "{user}: Vault has the current key"
        );
        let state = corner.state(user).await.unwrap();
        assert_eq!(
            (&state["accessKeyId"], &state["vaultVersion"]),
            (&json!(key.id), &json!(version)),
            "{user}"
        );
        assert_eq!(
            state["parameterVersion"],
            corner.revision(user).await.0,
            "{user}"
        );
        let mut newest = 0;
        for version in 1..=version {
            let (key, _) = corner.version(user, Some(version)).await.unwrap();
            if key.id == BY_HAND {
                continue;
            }
            let place = history
                .iter()
                .position(|known| *known == key)
                .expect("only keys of this user");
            assert!(
                place >= newest,
                "{user}: version {version} is older than the one before it"
            );
            newest = place;
        }
    }
}

#[tokio::test]
async fn two_sweeps_and_a_stream_of_rotations_end_equal() {
    let corner = Arc::new(Corner::new().await);
    corner
        .vault(
            reqwest::Method::POST,
            "secret/config",
            Some(json!({"max_versions": 100})),
        )
        .await;
    let mut keys: BTreeMap<String, Vec<Key>> = BTreeMap::new();
    for user in (0..20).map(|n| format!("user{n}")) {
        keys.insert(user.clone(), vec![corner.rotate(&user).await]);
    }
    let running = Arc::new(AtomicBool::new(true));
    let mut sweepers = Vec::new();
    for _ in 0..2 {
        let function = corner
            .function_with(&[("SSM_MAX_CALLS_PER_SECOND", "1000")])
            .await;
        let running = running.clone();
        sweepers.push(tokio::spawn(async move {
            let mut sweeps = 0;
            while running.load(Ordering::Relaxed) || sweeps < 3 {
                // A user between two puts is held, not failed; a sweep beside another may be skipped, never broken.
                function
                    .invoke(&json!({"action": "reconcile", "force": true}))
                    .await
                    .unwrap();
                sweeps += 1;
            }
        }));
    }
    let events = corner.function().await;
    for _ in 0..60 {
        let user = format!("user{}", fastrand::usize(..20));
        let history = keys.get_mut(&user).unwrap();
        let key = corner
            .rotate_twice_put(&user, history.last().unwrap())
            .await;
        history.push(key);
        let event = corner.event("Update", &user);
        events
            .invoke(&batch(&[("message", 2, event)]))
            .await
            .unwrap();
    }
    running.store(false, Ordering::Relaxed);
    for sweeper in sweepers {
        sweeper.await.unwrap();
    }
    events
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    converged(&corner, &keys).await;
    let report = events
        .invoke(&json!({"action": "reconcile", "force": true}))
        .await
        .unwrap();
    assert_eq!(
        report["counts"]["unchanged"], 20,
        "and then there is nothing to do: {report}"
    );
}
