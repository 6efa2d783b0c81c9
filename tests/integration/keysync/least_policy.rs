//! The policy that `keysync policy vault` prints suffices, and all of it is needed.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::stack::Stack;
use crate::test_env::TestEnv;

const BASIC: [(&str, &str); 2] = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", "none-yet")];
const SOFT_DELETE: (&str, &str) = ("ON_USER_DELETED", "soft-delete");

/// The modes, as variables.
const MODES: [&[(&str, &str)]; 4] = [
    &[],
    &[SOFT_DELETE],
    &BASIC,
    &[BASIC[0], BASIC[1], SOFT_DELETE],
];

/// Exercises all changes of two users with a token of this policy; returns the first problem.
async fn exercise(env: &TestEnv<'_>, mode: &[(&str, &str)], policy: &str) -> Result<(), String> {
    let token = env.token_with_policy(policy).await;
    let authority = Some(env.stack.vault_authority());
    let proxy = Proxy::start(env.stack.text("/vault/addr"), authority, Duration::ZERO).await;
    let table = env.roster(&["alice", "bob"]).await;
    let own = [
        ("VAULT_ADDR", proxy.url.as_str()),
        ("VAULT_CACERT", ""),
        ("IAM_USER_TABLE", table),
    ];
    let mut variables = [mode, &own].concat();
    let basic = mode.contains(&BASIC[1]);
    if basic {
        variables.push(("VAULT_TOKEN", &token));
    } else {
        env.store_token(&token).await;
    }
    let run = async |line: &str| {
        let output = env.keysync_line(line, &variables).await;
        let succeeded = output.code == 0 && output.err.is_empty();
        if succeeded {
            Ok(())
        } else {
            Err(format!("{line}: {output:?}"))
        }
    };
    for _rotation in 0..2 {
        let alice = env.rotate("alice").await;
        run("sync alice").await?;
        assert_eq!(env.key("alice").await.unwrap().0, alice);
    }
    let bob = env.rotate("bob").await;
    env.tamper("alice").await;
    proxy.take();
    run("reconcile --force").await?;
    let requests = proxy.take();
    let mut requests = requests.iter().map(|exchange| &exchange.request);
    if !basic && requests.any(|request| request.contains("/v1/secret/metadata/")) {
        return Err("the reconcile run reads the metadata of each key".to_owned());
    }
    assert_eq!(env.key("bob").await.unwrap().0, bob);
    assert_eq!(env.key("alice").await.unwrap().1, 4);
    env.remove("alice").await;
    // By name: in the basic mode nothing else records that alice existed.
    run("reconcile --user alice").await?;
    assert_eq!(
        env.key("alice").await.is_none(),
        mode.contains(&SOFT_DELETE)
    );
    run("token renew").await
}

async fn printed_policy(env: &TestEnv<'_>, mode: &[(&str, &str)], format: &str) -> String {
    let output = env
        .keysync_line(&format!("policy vault --output {format}"), mode)
        .await;
    assert_eq!(output.code, 0, "{output:?}");
    output.out
}

#[tokio::test]
async fn vault_policy_suffices_in_each_mode() {
    let exercises = stream::iter(MODES).map(async |mode| {
        for format in ["text", "json"] {
            let env = TestEnv::without_token(Stack::shared()).await;
            let policy = printed_policy(&env, mode, format).await;
            assert_eq!(
                exercise(&env, mode, &policy).await,
                Ok(()),
                "{mode:?} as {format}"
            );
        }
    });
    exercises.buffer_unordered(2).collect::<()>().await;
}

#[tokio::test]
async fn vault_policy_needs_each_capability() {
    let mut reductions = Vec::new();
    for mode in [MODES[1], MODES[3]] {
        let env = TestEnv::without_token(Stack::shared()).await;
        let policy: Value = printed_policy(&env, mode, "json").await.parse().unwrap();
        let rules = policy["path"].as_object().unwrap().values();
        let counts = rules.map(|rule| rule["capabilities"].as_array().unwrap().len());
        for (rule, count) in counts.enumerate() {
            reductions.extend((0..count).map(|capability| (mode, rule, capability)));
        }
    }
    assert_eq!(reductions.len(), 10);
    let exercises = stream::iter(reductions).map(async |(mode, rule, capability)| {
        let env = TestEnv::without_token(Stack::shared()).await;
        let mut policy: Value = printed_policy(&env, mode, "json").await.parse().unwrap();
        let rules = policy["path"].as_object_mut().unwrap();
        let (path, rule) = rules.iter_mut().nth(rule).unwrap();
        let path = path.clone();
        let removed = rule["capabilities"]
            .as_array_mut()
            .unwrap()
            .remove(capability);
        if rule["capabilities"] == json!([]) {
            rules.remove(&path);
        }
        let result = exercise(&env, mode, &policy.to_string()).await;
        assert!(
            result.is_err(),
            "{removed} on {path} is not needed in {mode:?}"
        );
    });
    exercises.buffer_unordered(4).collect::<()>().await;
}
