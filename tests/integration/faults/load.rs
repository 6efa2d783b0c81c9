//! Very many rotations at once through everything that is deployed, and very many invocations of one process: nothing is
//! lost, no order is reversed, and nothing grows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::corner::{Corner, Key, batch};
use crate::deployment::Deployment;
use crate::function::Function;
use crate::races::converged;

const USERS: usize = 250;
const ROTATIONS: usize = 20;

/// The memory that a process has now, in KiB, its file descriptors and its threads; `None` when it is gone.
pub fn holds(pid: u32) -> Option<(u64, usize, usize)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let count = |folder: &str| {
        Some(
            std::fs::read_dir(format!("/proc/{pid}/{folder}"))
                .ok()?
                .count(),
        )
    };
    Some((
        resident.trim().trim_end_matches(" kB").parse().ok()?,
        count("fd")?,
        count("task")?,
    ))
}

/// The most memory that one of the function's processes has now, in KiB.
fn largest(deployment: &Deployment) -> u64 {
    instances(deployment)
        .into_iter()
        .filter_map(holds)
        .map(|(resident, ..)| resident)
        .max()
        .unwrap_or_default()
}

/// The function's processes below the emulator.
fn instances(deployment: &Deployment) -> Vec<u32> {
    let emulator = deployment
        .stack
        .about
        .pointer("/pids/aws")
        .and_then(Value::as_u64)
        .unwrap()
        .to_string();
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        // `pid (comm) state ppid …`
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        stat.contains("(bootstrap)") && after.split(' ').nth(1) == Some(emulator.as_str())
    })
    .collect()
}

/// How many messages wait in the queues, and how many are being worked on or were handed back.
fn waiting(deployment: &Deployment) -> u64 {
    deployment.look()["queues"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_rotations_in_a_burst_all_arrive_in_order_and_memory_stays_flat() {
    let deployment = Deployment::start(
        &[],
        &json!({"queueVisibilitySeconds": 25, "functionTimeoutSeconds": 20}),
    );
    let corner = deployment.corner().await;
    corner
        .vault(
            reqwest::Method::POST,
            "secret/config",
            Some(json!({"max_versions": 100})),
        )
        .await;
    let users = (0..USERS)
        .map(|n| format!("user{n:03}"))
        .collect::<Vec<_>>();
    let began = Instant::now();
    let rotate = async |user: &String| {
        let mut history = vec![corner.rotate(user).await];
        for _ in 1..ROTATIONS {
            let key = corner.rotate_twice_put(user, history.last().unwrap()).await;
            history.push(key);
        }
        (user.clone(), history)
    };
    let mut peaks = Vec::new();
    let watched = async {
        let keys: BTreeMap<String, Vec<Key>> = stream::iter(&users)
            .map(rotate)
            .buffer_unordered(8)
            .collect()
            .await;
        keys
    };
    let mut watched = std::pin::pin!(watched);
    let keys = loop {
        tokio::select! {
            keys = &mut watched => break keys,
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                peaks.push(largest(&deployment));
            }
        }
    };
    println!(
        "{} rotations put in {:?}",
        USERS * ROTATIONS,
        began.elapsed()
    );
    while tokio::task::block_in_place(|| waiting(&deployment)) > 0 {
        assert!(
            began.elapsed() < Duration::from_mins(8),
            "the queue does not drain: {}",
            deployment.look()
        );
        peaks.push(largest(&deployment));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!(
        "all arrived after {:?}; resident KiB over time: {peaks:?}",
        began.elapsed()
    );
    assert!(
        deployment.look()["queues"]
            .as_object()
            .unwrap()
            .values()
            .all(|count| count == 0),
        "and no dead letter"
    );
    converged(&corner, &keys).await;
    // What the processes hold after a fifth of the time is what they hold at the end.
    let (early, late) = (peaks[peaks.len() / 5], *peaks.last().unwrap());
    assert!(
        late < early + early / 5 + 4096,
        "{early} KiB grew to {late} KiB: {peaks:?}"
    );
}

#[tokio::test]
async fn ten_thousand_invocations_of_one_process_leave_nothing_behind() {
    let corner = Corner::new().await;
    corner
        .vault(
            reqwest::Method::POST,
            &format!("secret/metadata/{}", corner.path("alice")),
            Some(json!({"max_versions": 2})),
        )
        .await;
    let function = Function::start(&corner.environment()).await;
    corner.put("broken", "no JSON").await;
    corner.rotate("alice").await;
    let mut measured = Vec::new();
    for n in 0..10_000 {
        let event = |user| batch(&[("m1", 2, corner.event("Update", user))]);
        match n % 20 {
            0 => drop(corner.rotate("alice").await),
            5 => drop(
                function
                    .invoke(&json!({"action": "refresh-token"}))
                    .await
                    .unwrap(),
            ),
            10 => drop(
                function
                    .invoke(&json!({"nonsense": true}))
                    .await
                    .unwrap_err(),
            ),
            15 if n % 200 == 15 => drop(
                function
                    .invoke(&json!({"action": "reconcile", "force": true}))
                    .await,
            ),
            n if n % 7 == 3 => drop(function.invoke(&event("broken")).await.unwrap()),
            _ => drop(function.invoke(&event("alice")).await.unwrap()),
        }
        if n == 0 {
            function.invoke(&event("alice")).await.unwrap();
        }
        if (n + 1) % 1000 == 0 {
            measured.push(holds(function.pid()).expect("the function lives"));
        }
    }
    println!("after each thousand: resident KiB, file descriptors, threads: {measured:?}");
    let ((early, ..), (late, ..)) = (measured[1], measured[9]);
    assert!(
        late < early + early / 20 + 1024,
        "{early} KiB grew to {late} KiB"
    );
    let handles = measured.iter().map(|(_, handles, _)| *handles);
    assert!(
        handles.clone().max().unwrap() <= measured[0].1 + 4,
        "{measured:?}"
    );
    assert!(
        measured
            .iter()
            .all(|(.., threads)| *threads == measured[0].2),
        "{measured:?}"
    );
}
