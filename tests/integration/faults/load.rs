//! Many rotations through a deployment, and many invocations of one process: nothing is lost, no
//! order is reversed, and no resource use grows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::races::assert_converged;
use crate::test_env::{Key, TestEnv, batch};

const USERS: usize = 250;
const ROTATIONS: usize = 20;

/// Resources of a process.
#[derive(Clone, Copy, Debug)]
pub struct Resources {
    /// Resident memory, in KiB.
    pub memory: u64,
    /// Number of file descriptors.
    pub descriptors: usize,
    /// Number of threads.
    pub threads: usize,
}

/// Returns the current resources of a process; `None` if it exited.
pub fn resources(pid: u32) -> Option<Resources> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let count = |folder: &str| {
        Some(
            std::fs::read_dir(format!("/proc/{pid}/{folder}"))
                .ok()?
                .count(),
        )
    };
    Some(Resources {
        memory: memory.trim().trim_end_matches(" kB").parse().ok()?,
        descriptors: count("fd")?,
        threads: count("task")?,
    })
}

/// Returns the memory of the largest process of the function, in KiB.
fn largest_process(deployment: &Deployment) -> u64 {
    let memory = processes(deployment).into_iter().filter_map(resources);
    memory
        .map(|resources| resources.memory)
        .max()
        .unwrap_or_default()
}

/// Returns the processes of the function, which are children of the emulator.
fn processes(deployment: &Deployment) -> Vec<u32> {
    let emulator = deployment
        .stack
        .description
        .pointer("/pids/aws")
        .and_then(Value::as_u64);
    let emulator = emulator.unwrap().to_string();
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        // `pid (comm) state ppid …`
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        stat.contains("(bootstrap)") && after.split(' ').nth(1) == Some(emulator.as_str())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn load_of_five_thousand_rotations_is_synced_in_order() {
    let inputs = json!({"queueVisibilitySeconds": 25, "functionTimeoutSeconds": 20});
    let deployment = Deployment::start(&[], &inputs);
    let env = deployment.env().await;
    env.keep_vault_versions(100).await;
    let users = (0..USERS)
        .map(|n| format!("user{n:03}"))
        .collect::<Vec<_>>();
    let began = Instant::now();
    let rotate = async |user: &String| {
        let mut history = vec![env.rotate(user).await];
        for _ in 1..ROTATIONS {
            let key = env.rotate_in_two_puts(user, history.last().unwrap()).await;
            history.push(key);
        }
        (user.clone(), history)
    };
    let mut memory = Vec::new();
    let rotations = async {
        let rotations = stream::iter(&users).map(rotate).buffer_unordered(8);
        rotations.collect::<BTreeMap<String, Vec<Key>>>().await
    };
    let mut rotations = std::pin::pin!(rotations);
    let keys = loop {
        tokio::select! {
            keys = &mut rotations => break keys,
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                memory.push(largest_process(&deployment));
            }
        }
    };
    println!(
        "{} rotations put in {:?}",
        USERS * ROTATIONS,
        began.elapsed()
    );
    while tokio::task::block_in_place(|| deployment.queued_messages()) > 0 {
        let in_time = began.elapsed() < Duration::from_mins(8);
        assert!(in_time, "the queue is not empty: {}", deployment.describe());
        memory.push(largest_process(&deployment));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!(
        "all synced after {:?}; resident KiB over time: {memory:?}",
        began.elapsed()
    );
    assert_eq!(
        deployment.queued_messages(),
        0,
        "including the dead-letter queue"
    );
    assert_converged(&env, &keys).await;
    // The memory after a fifth of the time is the memory at the end.
    let (early, late) = (memory[memory.len() / 5], *memory.last().unwrap());
    assert!(
        late < early + early / 5 + 4096,
        "{early} KiB grew to {late} KiB: {memory:?}"
    );
}

#[tokio::test]
async fn load_of_ten_thousand_invocations_leaks_no_resources() {
    let env = TestEnv::new().await;
    let metadata = format!("secret/metadata/{}", env.path("alice"));
    env.vault(Method::POST, &metadata, Some(json!({"max_versions": 2})))
        .await;
    let function = env.function().await;
    env.put("broken", "no JSON").await;
    env.rotate("alice").await;
    let event = |user| batch(&[("m1", 2, env.event("Update", user))]);
    let (refresh, reconcile) = (
        json!({"action": "refresh-token"}),
        json!({"action": "reconcile", "force": true}),
    );
    let mut measured = Vec::new();
    for n in 0..10_000 {
        match n % 20 {
            0 => drop(env.rotate("alice").await),
            5 => drop(function.invoke(&refresh).await.unwrap()),
            10 => drop(
                function
                    .invoke(&json!({"nonsense": true}))
                    .await
                    .unwrap_err(),
            ),
            15 if n % 200 == 15 => drop(function.invoke(&reconcile).await),
            n if n % 7 == 3 => drop(function.invoke(&event("broken")).await.unwrap()),
            _ => drop(function.invoke(&event("alice")).await.unwrap()),
        }
        if n == 0 {
            function.invoke(&event("alice")).await.unwrap();
        }
        if (n + 1) % 1000 == 0 {
            measured.push(resources(function.pid()).expect("the function is running"));
        }
    }
    println!("after each thousand invocations: {measured:?}");
    let (early, late) = (measured[1].memory, measured[9].memory);
    assert!(
        late < early + early / 20 + 1024,
        "{early} KiB grew to {late} KiB"
    );
    let descriptors = measured
        .iter()
        .map(|resources| resources.descriptors)
        .max()
        .unwrap();
    assert!(descriptors <= measured[0].descriptors + 4, "{measured:?}");
    let threads = measured[0].threads;
    assert!(
        measured
            .iter()
            .all(|resources| resources.threads == threads),
        "{measured:?}"
    );
}
