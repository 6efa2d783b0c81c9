//! `keysync token import` against a real server: what it stores, and what it refuses.

use serde_json::{Value, json};

use crate::command::Said;
use crate::corner::Corner;
use crate::stack::Stack;

/// A corner without a token, with this policy for its keys.
async fn corner() -> Corner<'static> {
    let corner = Corner::without_token(Stack::shared()).await;
    let policy = corner.keysync_with(&["policy", "vault"], &[], "").await.out;
    corner.policy(&corner.bucket, &policy).await;
    corner
}

async fn import(corner: &Corner<'_>, token: &str, options: &[&str]) -> Said {
    let said = corner
        .keysync_with(
            &[&["token", "import"], options].concat(),
            &[],
            &format!("{token}\n"),
        )
        .await;
    assert!(
        !said.all().contains(token),
        "the token is never shown: {said:?}"
    );
    said
}

async fn stored(corner: &Corner<'_>) -> Option<String> {
    let object = corner.object("vault-token.json").await?;
    Some(
        serde_json::from_str::<Value>(&object).unwrap()["token"]
            .as_str()
            .unwrap()
            .to_owned(),
    )
}

/// The properties of a token of the corner's policy.
fn of(corner: &Corner<'_>, properties: &Value) -> Value {
    let mut token = json!({"policies": [corner.bucket]});
    token
        .as_object_mut()
        .unwrap()
        .extend(properties.as_object().unwrap().clone());
    token
}

#[tokio::test]
async fn a_periodic_token_is_stored_and_used() {
    let corner = corner().await;
    let token = corner
        .make_token(&of(&corner, &json!({"period": "72h"})))
        .await;
    let said = import(&corner, &token, &[]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert!(said.out.starts_with("The token is stored;"), "{said:?}");
    assert_eq!(stored(&corner).await.as_deref(), Some(token.as_str()));
    let key = corner.rotate("alice").await;
    assert_eq!(corner.keysync(&["sync", "alice"]).await.code, 0);
    assert_eq!(corner.key("alice").await.unwrap().0, key);
}

#[tokio::test]
async fn a_wrapped_token_is_unwrapped_once() {
    let corner = corner().await;
    corner.store("vault-token.json", "damaged".to_owned()).await;
    let wrapping = corner
        .wrapped_token(&of(&corner, &json!({"period": "72h"})))
        .await;
    let said = import(&corner, &wrapping, &["--output", "json"]).await;
    assert_eq!(
        (said.code, &said.json()["wrapped"]),
        (0, &json!(true)),
        "{said:?}"
    );
    let token = stored(&corner).await.unwrap();
    assert!(!said.out.contains(&token), "the token is never shown");
    let again = import(&corner, &wrapping, &[]).await;
    assert_eq!(again.code, 1);
    insta::assert_snapshot!(again.err, @r#"
    error: the token was refused: Vault takes it neither as a token nor as a wrapping token: it is expired, revoked, of another Vault or namespace, or may not look itself up (policy default); a wrapping token works once, so if you have not used it, somebody else has: revoke what it held
    "#);
    assert_eq!(stored(&corner).await, Some(token), "what is stored stays");
}

#[tokio::test]
async fn a_token_with_flaws_is_stored_only_when_they_are_accepted() {
    let corner = corner().await;
    let token = corner
        .make_token(&of(&corner, &json!({"ttl": "10h"})))
        .await;
    let said = import(&corner, &token, &[]).await;
    assert_eq!((said.code, stored(&corner).await), (1, None));
    insta::assert_snapshot!(said.err, @r#"
    error: the token was refused: the Vault token is not periodic and dies at its maximum lifetime however often it is renewed: store one made with -period; make a better one, or accept the warnings (--accept-warnings)
    "#);
    let said = import(&corner, &token, &["--accept-warnings"]).await;
    assert_eq!(
        (said.code, stored(&corner).await),
        (0, Some(token)),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_token_that_must_not_be_used_is_refused_in_any_case() {
    let corner = corner().await;
    corner
        .policy(
            &format!("{}-nothing", corner.bucket),
            "path \"nothing/*\" { capabilities = [\"read\"] }",
        )
        .await;
    let root = corner.stack.text("/vault/rootToken");
    let idle = corner
        .make_token(&json!({"policies": [format!("{}-nothing", corner.bucket)], "period": "72h"}))
        .await;
    let mut said = String::new();
    for token in [
        root.as_str(),
        &idle,
        "s.unknown",
        "two words",
        "",
        "{\"token\": \"x\"}",
    ] {
        let refused = corner
            .keysync_with(&["token", "import", "--accept-warnings"], &[], token)
            .await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
        said += &refused.err;
    }
    assert!(!said.contains(&root) && !said.contains(&idle));
    insta::assert_snapshot!(said, @r#"
    error: the token was refused: it is a root token, which may do everything in Vault: use a token of the policy in infra/vault instead, and revoke this one
    error: the token was refused: its policies do not let it both create and update keys below the prefix: allow create and update on <mount>/data/<prefix>/*, and check VAULT_MOUNT and VAULT_PATH_PREFIX; it may not read the metadata of keys, so that drift in Vault is neither seen nor repaired: allow read on <mount>/metadata/<prefix>/*
    error: the token was refused: Vault takes it neither as a token nor as a wrapping token: it is expired, revoked, of another Vault or namespace, or may not look itself up (policy default); a wrapping token works once, so if you have not used it, somebody else has: revoke what it held
    error: the token was refused: it holds white space or other characters that no token has: give the token alone
    error: the token was refused: it is empty
    error: the token was refused: it is in quotes or brackets: give the token alone
    "#);
    assert_eq!(stored(&corner).await, None);
}

#[tokio::test]
async fn an_unwrapped_token_that_is_refused_is_revoked() {
    let corner = corner().await;
    let wide = "path \"secret/*\" { capabilities = [\"create\", \"update\", \"read\"] }";
    corner
        .policy(&format!("{}-wide", corner.bucket), wide)
        .await;
    let wrapping = corner
        .wrapped_token(&json!({"policies": [format!("{}-wide", corner.bucket)], "period": "72h"}))
        .await;
    let said = import(&corner, &wrapping, &[]).await;
    assert_eq!((said.code, stored(&corner).await), (1, None));
    insta::assert_snapshot!(said.err, @r#"
    error: the token was refused: it may read keys, which the service has no need of: take read on <mount>/data/<prefix>/* away; it may write beside the prefix, where other applications' secrets are: narrow its policies to <mount>/data/<prefix>/*; it may destroy keys or their metadata for good: take <mount>/destroy/<prefix>/* away, delete on <mount>/data/<prefix>/*, and update and delete on <mount>/metadata/<prefix>/*; make a better one, or accept the warnings (--accept-warnings); the unwrapped token was revoked, because nobody else holds it: make and wrap a new one
    "#);
}

#[tokio::test]
async fn without_a_bucket_there_is_no_place_for_a_token() {
    let corner = corner().await;
    let variables = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", "s.fixed")];
    let said = corner
        .keysync_with(&["token", "import"], &variables, "s.other\n")
        .await;
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.err, @r#"
    error: S3_BUCKET_NAME: is not set, so there is no place to store a token
    "#);
}
