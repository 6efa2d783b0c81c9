//! An AppRole whose secret id is used once.

use super::*;
use crate::testing::memory::throttled;

fn role(secret_id: &str) -> AppRole {
    AppRole {
        mount: "vs_apps_approle".to_owned(),
        role_id: "role-id".to_owned(),
        secret_id: secret_id.into(),
    }
}

/// Returns backends whose AppRole hands out [`NEW`].
fn with_role() -> (Memory, Context<Memory>) {
    let (memory, ctx) = backends();
    memory.inner().tokens = (NEW.to_owned(), "old".to_owned());
    (memory, ctx)
}

#[tokio::test(start_paused = true)]
async fn approle_stores_the_token_of_a_secret_id_or_of_a_wrapped_one() {
    for (given, wrapped) in [("secret-id", false), (WRAPPER, true)] {
        let (memory, ctx) = with_role();
        let path = "auth/vs_apps_approle/role/app/secret-id";
        wrap(&mut memory.inner(), path, Some("secret-id"));
        let imported = import_of_approle(&ctx, &role(given), false).await.unwrap();
        assert_eq!(imported.wrapped, wrapped);
        assert_eq!(memory.inner().tokens.1, NEW);
    }
}

#[tokio::test(start_paused = true)]
async fn approle_with_a_short_period_is_stored_with_a_warning() {
    let (memory, ctx) = with_role();
    memory.inner().alter = Some(|facts| facts.lifetime.period_seconds = Some(24 * 3600));
    let imported = import_of_approle(&ctx, &role("secret-id"), false).await;
    let warnings = imported.unwrap().token.status.warnings;
    assert!(warnings[0].contains("a day or less"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn approle_uses_nothing_up_that_it_cannot_store() {
    for path in [
        "auth/token/create",
        "auth/approle/role/app/secret-id",
        "auth/vs_apps_approle/role/secret-id",
        "auth/vs_apps_approle/role/a/b/secret-id",
    ] {
        let (memory, ctx) = with_role();
        wrap(&mut memory.inner(), path, Some("secret-id"));
        let error = import_of_approle(&ctx, &role(WRAPPER), false).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("was not used"), "{path}: {error}");
        assert_eq!(memory.calls("vault-unwrap"), 0, "{path}");
    }
    let (memory, ctx) = with_role();
    memory.fail("s3-token-version", 1, denied);
    import_of_approle(&ctx, &role("secret-id"), false)
        .await
        .unwrap_err();
    assert_eq!(memory.calls("vault-approle"), 0);
}

#[tokio::test(start_paused = true)]
async fn approle_that_is_refused_or_unsuitable_names_what_to_do() {
    let (memory, ctx) = with_role();
    let error = import_of_approle(&ctx, &role("another"), false).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("create a new secret id"), "{error}");
    memory.inner().alter = Some(|facts| facts.orphan = false);
    let error = import_of_approle(&ctx, &role("secret-id"), false).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("change the role"), "{error}");
    assert_eq!(memory.inner().revoked, [NEW]);
    assert_eq!(memory.inner().tokens.1, "old");
}

#[tokio::test(start_paused = true)]
async fn approle_login_is_repeated_while_vault_is_busy() {
    for (wrapped, failures, error) in [
        (true, 3, None),
        (false, 3, None),
        (true, 20, Some("is now lost: create a new one")),
        (false, 20, Some("retry")),
    ] {
        let (memory, ctx) = with_role();
        memory.fail("vault-approle", failures, throttled);
        let path = "auth/vs_apps_approle/role/app/secret-id";
        wrap(&mut memory.inner(), path, Some("secret-id"));
        let secret_id = if wrapped { WRAPPER } else { "secret-id" };
        let imported = import_of_approle(&ctx, &role(secret_id), false).await;
        match (imported, error) {
            (Ok(_), None) => {}
            (Err(found), Some(expected)) => {
                assert!(found.to_string().contains(expected), "{found}");
            }
            (result, _) => panic!("{wrapped}, {failures}: {result:?}"),
        }
    }
}
