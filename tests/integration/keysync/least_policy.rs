//! The policy that `keysync policy vault` prints is enough, and nothing in it is too much.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::corner::Corner;
use crate::proxy::Proxy;
use crate::stack::Stack;

/// The modes, by the variables that make them.
const MODES: [&[(&str, &str)]; 4] = [
    &[],
    &[("ON_USER_DELETED", "soft-delete")],
    &[("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", "none-yet")],
    &[
        ("S3_BUCKET_NAME", ""),
        ("VAULT_TOKEN", "none-yet"),
        ("ON_USER_DELETED", "soft-delete"),
    ],
];

/// Lives through everything that can happen to two users, with a token of this policy; says what was wrong.
async fn try_out(corner: &Corner<'_>, mode: &[(&str, &str)], policy: &str) -> Result<(), String> {
    let token = corner.token_of(policy).await;
    let authority = std::fs::read(corner.stack.text("/vault/caFile")).unwrap();
    let vault = Proxy::start(
        corner.stack.text("/vault/addr"),
        Some(authority),
        std::time::Duration::ZERO,
    )
    .await;
    let table = corner.roster(&["alice", "bob"]).await;
    let mut variables = [
        mode,
        &[
            ("VAULT_ADDR", &vault.url),
            ("VAULT_CACERT", ""),
            ("IAM_USER_TABLE", table),
        ],
    ]
    .concat();
    let basic = mode.iter().any(|(name, _)| *name == "VAULT_TOKEN");
    if basic {
        variables.push(("VAULT_TOKEN", &token));
    } else {
        corner.store_token(&token).await;
    }
    let run = async |line: &str| {
        let said = corner
            .keysync_with(&line.split(' ').collect::<Vec<_>>(), &variables, "")
            .await;
        if said.code == 0 && said.err.is_empty() {
            Ok(())
        } else {
            Err(format!("{line}: {said:?}"))
        }
    };
    for _ in ["new", "rotated"] {
        let alice = corner.rotate("alice").await;
        run("sync alice").await?;
        assert_eq!(corner.key("alice").await.unwrap().0, alice);
    }
    let bob = corner.rotate("bob").await;
    corner.tamper("alice").await;
    vault.take();
    run("reconcile --force").await?;
    let one_by_one = vault
        .take()
        .iter()
        .any(|exchange| exchange.what.contains("/v1/secret/metadata/"));
    if one_by_one && !basic {
        return Err("the sweep asks for each key's metadata by itself".to_owned());
    }
    assert_eq!(
        (
            corner.key("bob").await.unwrap().0,
            corner.key("alice").await.unwrap().1
        ),
        (bob, 4)
    );
    corner.remove("alice").await;
    // By name, because in basic mode nobody else knows that there was an alice.
    run("reconcile --user alice").await?;
    let deletes = mode.contains(&("ON_USER_DELETED", "soft-delete"));
    assert_eq!(corner.key("alice").await.is_none(), deletes);
    run("token renew").await
}

async fn printed(corner: &Corner<'_>, mode: &[(&str, &str)], output: &str) -> String {
    let said = corner
        .keysync_with(&["policy", "vault", "--output", output], mode, "")
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    said.out
}

#[tokio::test]
async fn the_printed_policy_suffices_in_each_mode() {
    let tried = stream::iter(MODES).map(async |mode| {
        for output in ["text", "json"] {
            let corner = Corner::without_token(Stack::shared()).await;
            let policy = printed(&corner, mode, output).await;
            assert_eq!(
                try_out(&corner, mode, &policy).await,
                Ok(()),
                "{mode:?} as {output}"
            );
        }
    });
    tried.buffer_unordered(2).collect::<()>().await;
}

#[tokio::test]
async fn without_any_one_capability_of_it_something_is_refused() {
    let mut lessened = Vec::new();
    for mode in [MODES[1], MODES[3]] {
        let corner = Corner::without_token(Stack::shared()).await;
        let policy: Value = serde_json::from_str(&printed(&corner, mode, "json").await).unwrap();
        let rules = policy["path"].as_object().unwrap().values();
        for (rule, capabilities) in rules
            .map(|rule| rule["capabilities"].as_array().unwrap().len())
            .enumerate()
        {
            lessened.extend((0..capabilities).map(|capability| (mode, rule, capability)));
        }
    }
    assert_eq!(lessened.len(), 10);
    let tried = stream::iter(lessened).map(async |(mode, rule, capability)| {
        let corner = Corner::without_token(Stack::shared()).await;
        let mut policy: Value =
            serde_json::from_str(&printed(&corner, mode, "json").await).unwrap();
        let (path, rule) = policy["path"]
            .as_object_mut()
            .unwrap()
            .iter_mut()
            .nth(rule)
            .unwrap();
        let (path, gone) = (
            path.clone(),
            rule["capabilities"]
                .as_array_mut()
                .unwrap()
                .remove(capability),
        );
        if rule["capabilities"] == json!([]) {
            policy["path"].as_object_mut().unwrap().remove(&path);
        }
        let tried = try_out(&corner, mode, &policy.to_string()).await;
        assert!(tried.is_err(), "{gone} on {path} is not needed in {mode:?}");
    });
    tried.buffer_unordered(4).collect::<()>().await;
}
