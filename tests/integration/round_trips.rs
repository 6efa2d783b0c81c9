//! Counts the consecutive calls of the built function with proxies that delay every request.

use serde_json::json;

use crate::proxy::{DELAY, Proxies, longest_chain};
use crate::stack::Stack;
use crate::test_env::{TestEnv, batch, outcome};

#[tokio::test]
async fn rotation_takes_three_round_trips() {
    let env = TestEnv::new().await;
    let proxies = Proxies::start(&env, DELAY).await;
    let function = env.function_with(&proxies.variables()).await;
    env.rotate("alice").await;
    let report = function
        .invoke(&env.event("Create", "alice"))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "written");
    let first = proxies.take();
    assert!(
        longest_chain(first.clone()) <= 3,
        "first invocation, with the token: {first:#?}"
    );
    let key = env.rotate("alice").await;
    let report = function
        .invoke(&env.event("Update", "alice"))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "written");
    let second = proxies.take();
    assert_eq!(
        (longest_chain(second.clone()), second.len()),
        (3, 5),
        "{second:#?}"
    );
    assert_eq!(env.key("alice").await.unwrap().0, key);
}

#[tokio::test]
async fn rotation_of_ten_targets_takes_three_round_trips() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let proxies = Proxies::start(&env, DELAY).await;
    let entry = json!({
        "name": env.parameter("alice"),
        "targets": (0..10).map(|n| env.target(&format!("t{n}"))).collect::<Vec<_>>(),
    });
    env.store_targets(&json!({"parameters": [entry]})).await;
    let function = env.function_with(&proxies.variables()).await;
    env.rotate("alice").await;
    for round in ["first", "second"] {
        proxies.take();
        let key = env.rotate("alice").await;
        let report = function
            .invoke(&env.event("Update", "alice"))
            .await
            .unwrap();
        assert_eq!(report["counts"]["written"], 10, "{report}");
        let exchanges = proxies.take();
        assert!(
            longest_chain(exchanges.clone()) <= 3,
            "{round}: {exchanges:#?}"
        );
        for n in 0..10 {
            assert_eq!(env.key(&format!("t{n}")).await.unwrap().0, key);
        }
    }
}

#[tokio::test]
async fn batch_of_ten_users_takes_the_round_trips_of_one() {
    let env = TestEnv::new().await;
    let proxies = Proxies::start(&env, DELAY).await;
    let function = env.function_with(&proxies.variables()).await;
    let users = (0..10).map(|n| format!("user{n}")).collect::<Vec<_>>();
    for invocation in ["first", "second"] {
        let mut messages = Vec::new();
        for user in &users {
            env.rotate(user).await;
            messages.push((user.as_str(), 1, env.event("Create", user)));
        }
        let answer = function.invoke(&batch(&messages)).await.unwrap();
        assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 0);
        let exchanges = proxies.take();
        let earliest = exchanges
            .iter()
            .map(|exchange| exchange.began)
            .min()
            .unwrap();
        let latest = exchanges
            .iter()
            .map(|exchange| exchange.ended)
            .max()
            .unwrap();
        for user in &users {
            let own = exchanges
                .iter()
                .filter(|exchange| exchange.request.contains(user.as_str()));
            let chain = longest_chain(own.cloned().collect());
            assert_eq!(chain, 3, "{invocation}, {user}: {exchanges:#?}");
        }
        let duration = latest - earliest;
        assert!(
            duration < 15 * DELAY,
            "{invocation}: {duration:?}: {exchanges:#?}"
        );
    }
}
