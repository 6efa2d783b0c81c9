//! How many calls of the real binary wait for each other, counted by proxies that hold every request for a while.

use std::time::Instant;

use crate::corner::{Corner, batch, outcome};
use crate::proxy::{DELAY, Proxies, longest_chain};

#[tokio::test]
async fn a_rotation_waits_for_three_round_trips_cold_or_warm() {
    let corner = Corner::new().await;
    let proxies = Proxies::before(&corner, DELAY).await;
    let function = corner.function_with(&proxies.variables()).await;
    corner.rotate("alice").await;
    assert_eq!(
        outcome(
            &function
                .invoke(&corner.event("Create", "alice"))
                .await
                .unwrap()
        ),
        "written"
    );
    let cold = proxies.take();
    assert!(
        longest_chain(cold.clone()) <= 3,
        "a first invocation, token included: {cold:#?}"
    );
    let key = corner.rotate("alice").await;
    assert_eq!(
        outcome(
            &function
                .invoke(&corner.event("Update", "alice"))
                .await
                .unwrap()
        ),
        "written"
    );
    let warm = proxies.take();
    assert_eq!(
        (longest_chain(warm.clone()), warm.len()),
        (3, 4),
        "{warm:#?}"
    );
    assert_eq!(corner.key("alice").await.unwrap().0, key);
}

#[tokio::test]
async fn ten_users_wait_no_longer_than_one() {
    let corner = Corner::new().await;
    let proxies = Proxies::before(&corner, DELAY).await;
    let function = corner.function_with(&proxies.variables()).await;
    let users: Vec<String> = (0..10).map(|n| format!("user{n}")).collect();
    for round in ["cold", "warm"] {
        let mut messages = Vec::new();
        for user in &users {
            corner.rotate(user).await;
            messages.push((user.as_str(), 1, corner.event("Create", user)));
        }
        let began = Instant::now();
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        let of_ten = began.elapsed();
        assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 0);
        let exchanges = proxies.take();
        for user in &users {
            let own = exchanges
                .iter()
                .filter(|exchange| exchange.what.contains(user.as_str()))
                .cloned();
            assert_eq!(
                longest_chain(own.collect()),
                3,
                "{round}, {user}: {exchanges:#?}"
            );
        }
        corner.rotate("user0").await;
        let began = Instant::now();
        function
            .invoke(&corner.event("Update", "user0"))
            .await
            .unwrap();
        proxies.take();
        assert!(
            of_ten < 3 * began.elapsed(),
            "{round}: {of_ten:?} for ten, {:?} for one",
            began.elapsed()
        );
    }
}
