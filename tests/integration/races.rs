//! Concurrent rotations: two functions receive events in random order and repeatedly. At the end
//! everything is in sync, and no version in Vault has an older key than the version before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::returned;
use crate::stack::Stack;
use crate::test_env::{Key, MANUAL_ID, TestEnv, batch};

/// Id, delivery count and event.
type Message = (String, u32, Value);

/// A queue that delivers messages in random order and accepts them back, as SQS does.
#[derive(Default)]
pub struct Queue {
    messages: Mutex<VecDeque<Message>>,
    closed: AtomicBool,
}

impl Queue {
    pub fn send(&self, event: Value) {
        let id = format!("message-{:016x}", fastrand::u64(..));
        self.messages.lock().unwrap().push_back((id, 0, event));
    }

    /// Receives up to ten messages; `None` if the queue is closed and empty.
    pub fn receive(&self) -> Option<Vec<Message>> {
        let mut messages = self.messages.lock().unwrap();
        if messages.is_empty() && self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let count = messages.len().min(fastrand::usize(1..=10));
        let mut received = Vec::new();
        for _ in 0..count {
            let random = fastrand::usize(..messages.len());
            let (id, deliveries, event) = messages.remove(random).unwrap();
            received.push((id, deliveries + 1, event));
        }
        Some(received)
    }

    /// Returns received messages as the payload of an invocation.
    pub fn batch(messages: &[Message]) -> Value {
        let messages = messages.iter();
        let messages =
            messages.map(|(id, delivery, event)| (id.as_str(), *delivery, event.clone()));
        batch(&messages.collect::<Vec<_>>())
    }

    /// Returns a message to the queue.
    pub fn return_message(&self, message: Message) {
        self.messages.lock().unwrap().push_back(message);
    }

    /// Ends the queue: no more messages are sent.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// Rotates users while two functions receive events. Returns all keys of each user, oldest first.
async fn race(
    env: &Arc<TestEnv<'static>>,
    users: usize,
    rotations: usize,
) -> BTreeMap<String, Vec<Key>> {
    env.keep_vault_versions(100).await;
    let queue = Arc::new(Queue::default());
    let mut consumers = Vec::new();
    for _ in 0..2 {
        let (function, queue) = (env.function().await, queue.clone());
        consumers.push(tokio::spawn(async move {
            while let Some(received) = queue.receive() {
                if received.is_empty() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                let answer = function.invoke(&Queue::batch(&received)).await.unwrap();
                let failed = returned(&answer);
                for message in received {
                    if failed.contains(&message.0.as_str()) {
                        queue.return_message(message);
                    }
                }
            }
            function.lines()
        }));
    }

    let mut keys = BTreeMap::<String, Vec<Key>>::new();
    for user in (0..users).map(|n| format!("user{n}")) {
        keys.insert(user.clone(), vec![env.rotate(&user).await]);
        queue.send(env.event("Create", &user));
    }
    for _ in 0..rotations {
        let user = format!("user{}", fastrand::usize(..users));
        let history = keys.get_mut(&user).unwrap();
        let key = env.rotate_in_two_puts(&user, history.last().unwrap()).await;
        history.push(key);
        let event = env.event("Update", &user);
        for _ in 0..fastrand::usize(2..=3) {
            queue.send(event.clone());
        }
    }
    queue.close();
    let mut lines = Vec::new();
    for consumer in consumers {
        lines.extend(consumer.await.unwrap());
    }

    let failed = lines
        .iter()
        .filter(|line| line.contains(r#""outcome":"failed""#));
    assert_eq!(failed.collect::<Vec<_>>(), [""; 0], "a user failed");
    keys
}

#[tokio::test]
async fn races_of_two_functions_converge_and_never_go_back() {
    let env = Arc::new(TestEnv::new().await);
    let keys = race(&env, 50, 200).await;
    assert_converged(&env, &keys).await;
}

#[tokio::test]
async fn races_of_users_with_several_targets_converge_for_each_target() {
    const USERS: usize = 10;
    let env = Arc::new(TestEnv::without_token(Stack::shared()).await);
    let users = (0..USERS).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let users = users.iter().map(String::as_str).collect::<Vec<_>>();
    let names = env.give_two_targets(&users).await;
    let keys = race(&env, USERS, 60).await;
    for (user, names) in users.iter().zip(names) {
        for name in names {
            let (key, version) = assert_in_order(&env, &name, &keys[*user]).await;
            let record = env.record(user, &name).await.unwrap();
            assert_eq!(record["accessKeyId"], key.id.as_str(), "{name}");
            assert_eq!(record["vaultVersion"], version, "{name}");
        }
    }
}

/// Fails unless Vault, state and parameters agree and no older key ever followed a newer one.
pub async fn assert_converged(env: &TestEnv<'_>, keys: &BTreeMap<String, Vec<Key>>) {
    for (user, history) in keys {
        let (key, version) = assert_in_order(env, user, history).await;
        let state = env.state(user).await.unwrap();
        assert_eq!(state["accessKeyId"], key.id.as_str(), "{user}");
        assert_eq!(state["vaultVersion"], version, "{user}");
        assert_eq!(
            state["parameterVersion"],
            env.revision(user).await.0,
            "{user}"
        );
    }
}

/// Fails unless a secret has the newest key, and no older one ever followed a newer one. Returns
/// the key and its version.
async fn assert_in_order(env: &TestEnv<'_>, name: &str, history: &[Key]) -> (Key, u64) {
    let (key, version) = env.key(name).await.unwrap();
    assert_eq!(
        Some(&key),
        history.last(),
        "{name}: Vault does not have the current key"
    );
    let mut newest = 0;
    for version in 1..=version {
        let (key, _) = env.version(name, Some(version)).await.unwrap();
        if key.id == MANUAL_ID {
            continue;
        }
        let index = history.iter().position(|known| *known == key);
        let index = index.expect("only keys of this user");
        assert!(
            index >= newest,
            "{name}: version {version} is older than the one before it"
        );
        newest = index;
    }
    (key, version)
}

#[tokio::test]
async fn races_of_five_deliveries_of_one_event_write_one_version() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    let function = env.function().await;
    let event = || env.event("Update", "alice");
    function
        .invoke(&batch(&[("first", 1, event())]))
        .await
        .unwrap();
    let key = env.rotate("alice").await;
    let mut functions = Vec::new();
    for _ in 0..5 {
        functions.push(env.function().await);
    }
    let payload = batch(&[("message", 1, event())]);
    let deliveries = functions.iter().map(|function| function.invoke(&payload));
    for answer in futures_util::future::join_all(deliveries).await {
        assert_eq!(answer.unwrap()["batchItemFailures"], json!([]));
    }
    let (published, version) = env.key("alice").await.unwrap();
    assert_eq!((published, version), (key, 2));
}

#[tokio::test]
async fn races_of_reconcile_runs_and_events_converge() {
    let env = Arc::new(TestEnv::new().await);
    env.keep_vault_versions(100).await;
    let mut keys = BTreeMap::<String, Vec<Key>>::new();
    for user in (0..20).map(|n| format!("user{n}")) {
        keys.insert(user.clone(), vec![env.rotate(&user).await]);
    }
    let reconcile = json!({"action": "reconcile", "force": true});
    let running = Arc::new(AtomicBool::new(true));
    let mut reconcilers = Vec::new();
    for _ in 0..2 {
        let function = env
            .function_with(&[("SSM_MAX_CALLS_PER_SECOND", "1000")])
            .await;
        let (running, reconcile) = (running.clone(), reconcile.clone());
        reconcilers.push(tokio::spawn(async move {
            let mut runs = 0;
            while running.load(Ordering::Relaxed) || runs < 3 {
                // A forced run does not wait for the other one. A user between two puts is held.
                function.invoke(&reconcile).await.unwrap();
                runs += 1;
            }
        }));
    }
    let function = env.function().await;
    for _ in 0..60 {
        let user = format!("user{}", fastrand::usize(..20));
        let history = keys.get_mut(&user).unwrap();
        let key = env.rotate_in_two_puts(&user, history.last().unwrap()).await;
        history.push(key);
        let event = env.event("Update", &user);
        function
            .invoke(&batch(&[("message", 2, event)]))
            .await
            .unwrap();
    }
    running.store(false, Ordering::Relaxed);
    for reconciler in reconcilers {
        reconciler.await.unwrap();
    }
    function.invoke(&reconcile).await.unwrap();
    assert_converged(&env, &keys).await;
    let report = function.invoke(&reconcile).await.unwrap();
    assert_eq!(
        report["counts"]["unchanged"], 20,
        "the next run is not idle: {report}"
    );
}
