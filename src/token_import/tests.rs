//! Each rejection and the fate of the token, against backends in memory.

mod approle;

use super::candidate::MAX_TOKEN_LENGTH;
use super::*;
use crate::testing::memory::{Inner, Memory, denied, unavailable, unreachable};

const NEW: &str = "hvs.new";
const WRAPPER: &str = "hvs.wrapper";
const DATA: &str = "secret/data/aws/iam-keys/keysync-doctor";

/// Returns backends whose Vault accepts [`NEW`], and their context.
fn backends() -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(&[]);
    memory.0.borrow_mut().other_tokens = vec![NEW.to_owned()];
    (memory, ctx)
}

fn wrap(inner: &mut Inner, path: &str, token: Option<&str>) {
    inner.wrapped.insert(
        WRAPPER.to_owned(),
        (path.to_owned(), token.map(str::to_owned)),
    );
}

async fn import_text(ctx: &Context<Memory>, text: &str, accept: bool) -> Result<Imported, Error> {
    import(ctx, text.into(), accept).await
}

/// Returns the text of a rejection. Asserts its kind, and that it stores and shows no token.
async fn rejection(
    ctx: &Context<Memory>,
    memory: &Memory,
    text: &str,
    accept: bool,
    kind: &str,
) -> String {
    let before = memory.0.borrow().tokens.1.clone();
    let error = import_text(ctx, text, accept).await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(memory.0.borrow().tokens.1, before, "{error}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(NEW) && !shown.contains(WRAPPER), "{shown}");
    error.to_string()
}

fn calls(memory: &Memory) -> Vec<String> {
    memory
        .0
        .borrow()
        .calls
        .iter()
        .map(|call| call.trim().to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn suitable_token_is_stored_and_used() {
    let (memory, ctx) = backends();
    ctx.session.show().await.unwrap();
    let imported = import_text(&ctx, &format!("\n {NEW}\r\n"), false)
        .await
        .unwrap();
    assert!(!imported.wrapped);
    assert_eq!(memory.0.borrow().tokens.1, NEW);
    memory.0.borrow_mut().tokens.0 = "the previous token is revoked".to_owned();
    memory.0.borrow_mut().calls.clear();
    ctx.session.show().await.unwrap();
    assert_eq!(
        calls(&memory),
        ["s3-token", "vault-lookup"],
        "the previous token is not tried first"
    );
}

#[tokio::test(start_paused = true)]
async fn result_contains_neither_token_nor_accessor() {
    let (_memory, ctx) = backends();
    let imported = import_text(&ctx, NEW, false).await.unwrap();
    assert!(!format!("{imported:?}").contains(NEW));
    let mut shown = serde_json::to_value(&imported).unwrap();
    for time in ["createdAt", "expiresAt"] {
        shown["token"][time] = "…".into();
    }
    insta::assert_json_snapshot!(shown, @r#"
    {
      "token": {
        "boundCidrs": [],
        "createdAt": "…",
        "expiresAt": "…",
        "namespace": null,
        "orphan": true,
        "periodSeconds": 2592000,
        "policies": [
          "default",
          "iam-key-sync"
        ],
        "renewable": true,
        "renewed": false,
        "ttlSeconds": 2592000,
        "type": "service",
        "warnings": []
      },
      "wrapped": false
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn absent_or_damaged_object_is_replaced() {
    for present in ["", "damaged\"", "token"] {
        let (memory, ctx) = backends();
        present.clone_into(&mut memory.0.borrow_mut().tokens.1);
        import_text(&ctx, NEW, false).await.unwrap();
        assert_eq!(memory.0.borrow().tokens.1, NEW, "{present:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrapped_token_is_unwrapped_and_stored() {
    for path in [
        "auth/token/create",
        "auth/token/create-orphan",
        "auth/token/create/iam-key-sync",
        "auth/approle/login",
        "auth/some/where/approle/login",
        "auth/userpass/login/operator",
    ] {
        let (memory, ctx) = backends();
        wrap(&mut memory.0.borrow_mut(), path, Some(NEW));
        let imported = import_text(&ctx, WRAPPER, false).await.unwrap();
        assert!(imported.wrapped, "{path}");
        assert_eq!(memory.0.borrow().tokens.1, NEW, "{path}");
        assert!(memory.0.borrow().revoked.is_empty(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrapping_of_anything_but_a_new_token_is_not_used() {
    for path in [
        "sys/wrapping/wrap",
        "secret/data/aws/iam-keys/alice",
        "cubbyhole/response",
        "auth/token/lookup-self",
        "auth/token/creates",
        "auth/token/create/../../../sys/wrapping/wrap",
        "auth/token/login",
        "auth/approle/role/iam-key-sync/secret-id",
        "",
    ] {
        let (memory, ctx) = backends();
        wrap(&mut memory.0.borrow_mut(), path, Some(NEW));
        let text = rejection(&ctx, &memory, WRAPPER, true, "BadToken").await;
        assert!(text.contains("does not wrap a new token"), "{path}: {text}");
        assert!(
            memory.0.borrow().wrapped.contains_key(WRAPPER),
            "{path}: not used up"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn wrapped_response_without_a_token_is_rejected() {
    let (memory, ctx) = backends();
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", None);
    assert!(
        rejection(&ctx, &memory, WRAPPER, true, "BadToken")
            .await
            .contains("did not wrap a token")
    );
}

#[tokio::test(start_paused = true)]
async fn invalid_token_is_rejected_with_possible_causes() {
    let (memory, ctx) = backends();
    let text = rejection(&ctx, &memory, "hvs.expired", true, "BadToken").await;
    assert!(
        text.contains("expired, revoked") && text.contains("another party has"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn token_that_is_denied_after_unwrapping_was_not_stolen() {
    let (memory, ctx) = backends();
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
    memory.0.borrow_mut().faults = vec![("vault-lookup", denied)];
    let text = rejection(&ctx, &memory, WRAPPER, true, "BadToken").await;
    for cause in ["it was unwrapped", "token_bound_cidrs", "VAULT_NAMESPACE"] {
        assert!(text.contains(cause), "{text}");
    }
    assert!(!text.contains("another party has"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn token_of_another_namespace_names_the_variable() {
    let wrapper = "hvs.wrapper.1aB2c";
    let (memory, ctx) = backends();
    let text = rejection(&ctx, &memory, wrapper, true, "BadToken").await;
    assert!(text.contains("VAULT_NAMESPACE is not set"), "{text}");
    assert!(
        calls(&memory).iter().all(|call| !call.starts_with("vault")),
        "it is not used up"
    );
    // Only after the exchange does Vault show which namespace it is.
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
    memory.0.borrow_mut().alter = Some(|facts| facts.is_of_other_namespace = true);
    let text = rejection(&ctx, &memory, WRAPPER, true, "BadToken").await;
    assert!(
        text.contains("another namespace than VAULT_NAMESPACE"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn malformed_token_is_rejected_without_a_call() {
    for (text, because) in [
        (String::new(), "empty"),
        (" \r\n\t".to_owned(), "empty"),
        ("two words".to_owned(), "white space"),
        (format!("{NEW}\n{NEW}"), "white space"),
        (format!("{NEW}\u{0}"), "white space"),
        ("hvs.n\u{e9}w".to_owned(), "no token has"),
        (format!("\"{NEW}\""), "quotes"),
        (format!("{{\"token\":\"{NEW}\"}}"), "quotes or brackets"),
        ("x".repeat(MAX_TOKEN_LENGTH + 1), "longer"),
    ] {
        let (memory, ctx) = backends();
        let message = rejection(&ctx, &memory, &text, true, "BadToken").await;
        assert!(message.contains(because), "{text:?}: {message}");
        assert!(calls(&memory).is_empty(), "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn unsuitable_token_is_rejected_despite_acceptance() {
    type Fault = fn(&mut Inner);
    let cases: [(&str, Fault, &str); 2] = [
        (
            "root",
            |inner| inner.alter = Some(|facts| facts.policies = vec!["root".to_owned()]),
            "root token",
        ),
        (
            "cannot write",
            |inner| inner.capabilities = vec![(DATA, &["update"])],
            "create and update",
        ),
    ];
    for (case, fault, because) in cases {
        let (memory, ctx) = backends();
        fault(&mut memory.0.borrow_mut());
        let text = rejection(&ctx, &memory, NEW, true, "BadToken").await;
        assert!(text.contains(because), "{case}: {text}");
        assert!(
            memory.0.borrow().revoked.is_empty(),
            "{case}: another party holds it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn token_with_issues_is_stored_only_if_accepted() {
    type Fault = fn(&mut Inner);
    // The doctor's tests cover all issues.
    let cases: [(&str, Fault, &str); 2] = [
        (
            "not periodic",
            |inner| inner.alter = Some(|facts| facts.lifetime.period_seconds = None),
            "not periodic",
        ),
        (
            "reads",
            |inner| inner.capabilities = vec![(DATA, &["create", "read", "update"])],
            "may read keys",
        ),
    ];
    for (case, fault, because) in cases {
        let (memory, ctx) = backends();
        fault(&mut memory.0.borrow_mut());
        let text = rejection(&ctx, &memory, NEW, false, "BadToken").await;
        assert!(
            text.contains(because) && text.ends_with("or accept the warnings (--accept-warnings)"),
            "{case}: {text}"
        );
        let imported = import_text(&ctx, NEW, true).await.unwrap();
        let warnings = &imported.token.status.warnings;
        assert!(
            warnings.len() == 1 && warnings[0].contains(because),
            "{case}: {warnings:?}"
        );
        assert_eq!(memory.0.borrow().tokens.1, NEW, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn issues_are_reported_together() {
    let (memory, ctx) = backends();
    memory.0.borrow_mut().alter = Some(|facts| {
        facts.lifetime.period_seconds = None;
        facts.orphan = false;
    });
    memory.0.borrow_mut().capabilities = vec![(DATA, &["create", "read", "update"])];
    insta::assert_snapshot!(rejection(&ctx, &memory, NEW, false, "BadToken").await, @"the token was rejected: the Vault token is not periodic and expires at its maximum lifetime despite renewals: store one created with -period; it is not an orphan, so it is revoked together with its parent token: create it with -orphan, or through a token role with orphan=true; it may read keys, which the service does not need: remove read on <mount>/data/<path>; create a better token, or accept the warnings (--accept-warnings)");
}

#[tokio::test(start_paused = true)]
async fn unreadable_capabilities_are_an_issue() {
    let (memory, ctx) = backends();
    memory.0.borrow_mut().faults = vec![("vault-capabilities", denied)];
    assert!(
        rejection(&ctx, &memory, NEW, false, "BadToken")
            .await
            .contains("read its own capabilities")
    );
}

#[tokio::test(start_paused = true)]
async fn rejected_unwrapped_token_is_revoked() {
    type Fault = fn(&mut Inner);
    let cases: [(&str, Fault, &str); 5] = [
        (
            "an issue",
            |inner| inner.alter = Some(|facts| facts.orphan = false),
            "was revoked",
        ),
        (
            "root",
            |inner| inner.alter = Some(|facts| facts.policies = vec!["root".to_owned()]),
            "was revoked",
        ),
        (
            "Vault fails for longer",
            |inner| inner.faults = vec![("vault-lookup", unavailable); 99],
            "was revoked",
        ),
        (
            "S3 denies",
            |inner| inner.faults = vec![("s3-token-save", denied)],
            "was revoked",
        ),
        (
            "a race",
            |inner| {
                inner.before_call = vec![(
                    "s3-token-save",
                    Box::new(|inner| inner.tokens.1 = "theirs".to_owned()),
                )];
            },
            "another process stored a token at the same time",
        ),
    ];
    for (case, fault, because) in cases {
        let (memory, ctx) = backends();
        wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
        fault(&mut memory.0.borrow_mut());
        let error = import_text(&ctx, WRAPPER, false).await.unwrap_err();
        assert_eq!(error.kind(), "BadToken", "{case}");
        let text = error.to_string();
        assert!(
            text.contains(because)
                && text.ends_with("create and wrap a new token")
                && !text.contains(NEW),
            "{case}: {text}"
        );
        assert_eq!(memory.0.borrow().revoked, [NEW], "{case}");
        assert_ne!(memory.0.borrow().tokens.1, NEW, "{case}");
    }
    let (memory, ctx) = backends();
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
    memory.0.borrow_mut().faults = vec![("vault-lookup", denied), ("vault-revoke", denied)];
    assert!(
        import_text(&ctx, WRAPPER, false)
            .await
            .unwrap_err()
            .to_string()
            .contains("could not be revoked")
    );
}

#[tokio::test(start_paused = true)]
async fn token_that_may_be_in_use_is_not_revoked() {
    let (memory, ctx) = backends();
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
    memory.0.borrow_mut().faults = vec![("s3-token-save", unavailable), ("s3-token", unavailable)];
    let error = import_text(&ctx, WRAPPER, false).await.unwrap_err();
    assert_eq!(error.kind(), "Unavailable");
    assert!(
        error
            .to_string()
            .contains("it is unknown whether it was stored"),
        "{error}"
    );
    assert!(memory.0.borrow().revoked.is_empty());
}

#[tokio::test(start_paused = true)]
async fn write_with_a_lost_response_counts() {
    let (memory, ctx) = backends();
    memory.0.borrow_mut().lose_answer = true;
    import_text(&ctx, NEW, false).await.unwrap();
    assert_eq!(memory.0.borrow().tokens.1, NEW);
}

#[tokio::test(start_paused = true)]
async fn lost_race_keeps_the_other_token() {
    for present in ["", "token"] {
        let (memory, ctx) = backends();
        present.clone_into(&mut memory.0.borrow_mut().tokens.1);
        memory.0.borrow_mut().before_call = vec![(
            "s3-token-save",
            Box::new(|inner: &mut Inner| inner.tokens.1 = "theirs".to_owned()),
        )];
        let error = import_text(&ctx, NEW, false).await.unwrap_err();
        assert_eq!(error.kind(), "Unavailable");
        assert!(error.to_string().contains("keysync token show"), "{error}");
        assert_eq!(memory.0.borrow().tokens.1, "theirs", "{present:?}");
        assert!(
            memory.0.borrow().revoked.is_empty(),
            "its sender still holds it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn early_failure_does_not_use_up_the_wrapping_token() {
    for fault in [
        ("s3-token-version", denied as fn() -> Error),
        ("vault-wrapping", unreachable),
    ] {
        let (memory, ctx) = backends();
        wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
        memory.0.borrow_mut().faults = vec![fault];
        assert!(import_text(&ctx, WRAPPER, true).await.is_err());
        assert!(
            memory.0.borrow().wrapped.contains_key(WRAPPER),
            "{}",
            fault.0
        );
    }
}

#[tokio::test(start_paused = true)]
async fn unused_store_names_the_variable() {
    for (variables, variable) in [
        (&[("VAULT_TOKEN", "token")][..], "S3_BUCKET_NAME"),
        (
            &[("VAULT_TOKEN", "token"), ("S3_BUCKET_NAME", "bucket")],
            "VAULT_TOKEN",
        ),
    ] {
        let memory = Memory::default();
        let error = import_text(&memory.ctx(variables), NEW, true)
            .await
            .unwrap_err();
        let Error::BadConfiguration(problems) = error else {
            panic!("{error}")
        };
        assert_eq!(
            problems
                .iter()
                .map(|problem| problem.variable)
                .collect::<Vec<_>>(),
            [variable]
        );
        assert!(calls(&memory).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn show_reports_issues_and_renews_nothing() {
    let (memory, ctx) = backends();
    memory.0.borrow_mut().alter = Some(|facts| facts.batch = true);
    let view = ctx.session.show().await.unwrap();
    assert_eq!((view.kind, view.orphan), ("batch", true));
    assert_eq!(view.policies, ["default", "iam-key-sync"]);
    assert_eq!(
        view.status.warnings,
        [
            "it is a batch token, which cannot be renewed: create a periodic token as described in docs/vault.md"
        ]
    );
    assert_eq!(calls(&memory), ["s3-token", "vault-lookup"]);
}

#[tokio::test(start_paused = true)]
async fn unwrapped_token_survives_a_busy_vault() {
    for fault in [unavailable, unreachable] {
        let (memory, ctx) = backends();
        wrap(&mut memory.inner(), "auth/token/create", Some(NEW));
        memory.fail("vault-lookup", 3, fault);
        assert!(import_text(&ctx, WRAPPER, false).await.is_ok());
        assert_eq!(memory.inner().tokens.1, NEW);
        assert!(memory.inner().revoked.is_empty());
    }
}
