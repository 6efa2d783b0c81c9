//! Every refusal, and what becomes of the token, on stores in memory.

use super::*;
use crate::testing::memory::{Inner, Memory, denied, unavailable, unreachable};

const NEW: &str = "hvs.new";
const WRAPPER: &str = "hvs.wrapper";
const DATA: &str = "secret/data/aws/iam-keys/keysync-doctor";

/// Backends whose Vault takes [`NEW`], and the ctx on them.
fn stores() -> (Memory, Context<Memory>) {
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

async fn import_of(ctx: &Context<Memory>, text: &str, accept: bool) -> Result<Imported, Error> {
    import(ctx, text.into(), accept).await
}

/// The text of a refusal, which must be of this kind, store nothing and show no token.
async fn refusal(
    ctx: &Context<Memory>,
    memory: &Memory,
    text: &str,
    accept: bool,
    kind: &str,
) -> String {
    let before = memory.0.borrow().tokens.1.clone();
    let error = import_of(ctx, text, accept).await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(memory.0.borrow().tokens.1, before, "{error}");
    let told = format!("{error} {error:?}");
    assert!(!told.contains(NEW) && !told.contains(WRAPPER), "{told}");
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
async fn a_good_token_is_stored_and_used_from_then_on() {
    let (memory, ctx) = stores();
    ctx.session.show().await.unwrap();
    let imported = import_of(&ctx, &format!("\n {NEW}\r\n"), false)
        .await
        .unwrap();
    assert!(!imported.wrapped);
    assert_eq!(memory.0.borrow().tokens.1, NEW);
    memory.0.borrow_mut().tokens.0 = "the old one is revoked".to_owned();
    memory.0.borrow_mut().calls.clear();
    ctx.session.show().await.unwrap();
    assert_eq!(
        calls(&memory),
        ["s3-token", "vault-lookup"],
        "not tried with the old one first"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_a_token_is_neither_the_token_nor_its_accessor() {
    let (_memory, ctx) = stores();
    let imported = import_of(&ctx, NEW, false).await.unwrap();
    assert!(!format!("{imported:?}").contains(NEW));
    let mut shown = serde_json::to_value(&imported).unwrap();
    for time in ["createdAt", "expiresAt"] {
        shown["token"][time] = "…".into();
    }
    insta::assert_json_snapshot!(shown, @r#"
    {
      "token": {
        "createdAt": "…",
        "expiresAt": "…",
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
async fn the_first_token_and_one_over_a_damaged_object_are_stored() {
    for present in ["", "damaged\"", "token"] {
        let (memory, ctx) = stores();
        present.clone_into(&mut memory.0.borrow_mut().tokens.1);
        import_of(&ctx, NEW, false).await.unwrap();
        assert_eq!(memory.0.borrow().tokens.1, NEW, "{present:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_token_is_unwrapped_and_stored() {
    for path in [
        "auth/token/create",
        "auth/token/create-orphan",
        "auth/token/create/iam-key-sync",
        "auth/approle/login",
        "auth/some/where/approle/login",
        "auth/userpass/login/operator",
    ] {
        let (memory, ctx) = stores();
        wrap(&mut memory.0.borrow_mut(), path, Some(NEW));
        let imported = import_of(&ctx, WRAPPER, false).await.unwrap();
        assert!(imported.wrapped, "{path}");
        assert_eq!(memory.0.borrow().tokens.1, NEW, "{path}");
        assert!(memory.0.borrow().revoked.is_empty(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_wraps_no_new_token_is_not_used() {
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
        let (memory, ctx) = stores();
        wrap(&mut memory.0.borrow_mut(), path, Some(NEW));
        let text = refusal(&ctx, &memory, WRAPPER, true, "BadToken").await;
        assert!(
            text.contains("wraps something that is no new token"),
            "{path}: {text}"
        );
        assert!(
            memory.0.borrow().wrapped.contains_key(WRAPPER),
            "{path}: not used up"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_answer_without_a_token_is_refused() {
    let (memory, ctx) = stores();
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", None);
    assert!(
        refusal(&ctx, &memory, WRAPPER, true, "BadToken")
            .await
            .contains("wrapped is no token")
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_or_used_up_token_is_refused_and_it_is_said_what_that_may_mean() {
    let (memory, ctx) = stores();
    let text = refusal(&ctx, &memory, "hvs.dead", true, "BadToken").await;
    assert!(
        text.contains("expired, revoked") && text.contains("somebody else has"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_token_is_refused_before_anybody_is_asked() {
    for (text, because) in [
        (String::new(), "empty"),
        (" \r\n\t".to_owned(), "empty"),
        ("two words".to_owned(), "white space"),
        (format!("{NEW}\n{NEW}"), "white space"),
        (format!("{NEW}\u{0}"), "white space"),
        ("hvs.n\u{e9}w".to_owned(), "no token has"),
        (format!("\"{NEW}\""), "quotes"),
        (format!("{{\"token\":\"{NEW}\"}}"), "quotes or brackets"),
        ("x".repeat(LONGEST + 1), "longer"),
    ] {
        let (memory, ctx) = stores();
        let told = refusal(&ctx, &memory, &text, true, "BadToken").await;
        assert!(told.contains(because), "{text:?}: {told}");
        assert!(calls(&memory).is_empty(), "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_do_the_work_is_refused_whatever_is_accepted() {
    type Ill = fn(&mut Inner);
    let cases: [(&str, Ill, &str); 3] = [
        (
            "root",
            |inner| inner.alter = Some(|facts| facts.policies = vec!["root".to_owned()]),
            "root token",
        ),
        (
            "use_limited",
            |inner| inner.alter = Some(|facts| facts.use_limited = true),
            "number of uses",
        ),
        (
            "cannot write",
            |inner| inner.capabilities = vec![(DATA, &["update"])],
            "create and update",
        ),
    ];
    for (case, ill, because) in cases {
        let (memory, ctx) = stores();
        ill(&mut memory.0.borrow_mut());
        let text = refusal(&ctx, &memory, NEW, true, "BadToken").await;
        assert!(text.contains(because), "{case}: {text}");
        assert!(
            memory.0.borrow().revoked.is_empty(),
            "{case}: somebody else holds it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_flaws_is_stored_only_when_they_are_accepted() {
    type Ill = fn(&mut Inner);
    let cases: [(&str, Ill, &str); 9] = [
        (
            "not periodic",
            |inner| inner.alter = Some(|facts| facts.lifetime.period_seconds = None),
            "not periodic",
        ),
        (
            "short",
            |inner| inner.alter = Some(|facts| facts.lifetime.period_seconds = Some(60)),
            "shorter than twice",
        ),
        (
            "capped",
            |inner| inner.alter = Some(|facts| facts.lifetime.explicit_max_ttl_seconds = Some(60)),
            "explicit maximum",
        ),
        (
            "fixed",
            |inner| inner.alter = Some(|facts| facts.lifetime.renewable = false),
            "cannot be renewed",
        ),
        (
            "batch",
            |inner| inner.alter = Some(|facts| facts.batch = true),
            "batch",
        ),
        (
            "a child",
            |inner| inner.alter = Some(|facts| facts.orphan = false),
            "no orphan",
        ),
        (
            "reads",
            |inner| inner.capabilities = vec![(DATA, &["create", "read", "update"])],
            "may read keys",
        ),
        (
            "too wide",
            |inner| {
                inner.capabilities = vec![(
                    "secret/data/aws/iam-keys-keysync-doctor/keysync-doctor",
                    &["update"],
                )]
            },
            "beside the prefix",
        ),
        (
            "no metadata",
            |inner| {
                inner.capabilities =
                    vec![("secret/metadata/aws/iam-keys/keysync-doctor", &["deny"])]
            },
            "drift",
        ),
    ];
    for (case, ill, because) in cases {
        let (memory, ctx) = stores();
        ill(&mut memory.0.borrow_mut());
        let text = refusal(&ctx, &memory, NEW, false, "BadToken").await;
        assert!(
            text.contains(because) && text.ends_with("or accept the warnings (--accept-warnings)"),
            "{case}: {text}"
        );
        let imported = import_of(&ctx, NEW, true).await.unwrap();
        let warnings = &imported.token.status.warnings;
        assert!(
            warnings.len() == 1 && warnings[0].contains(because),
            "{case}: {warnings:?}"
        );
        assert_eq!(memory.0.borrow().tokens.1, NEW, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_flaws_are_told_together() {
    let (memory, ctx) = stores();
    memory.0.borrow_mut().alter = Some(|facts| {
        facts.lifetime.period_seconds = None;
        facts.orphan = false;
    });
    memory.0.borrow_mut().capabilities = vec![(DATA, &["create", "read", "update"])];
    insta::assert_snapshot!(refusal(&ctx, &memory, NEW, false, "BadToken").await, @"the token was refused: the Vault token is not periodic and dies at its maximum lifetime however often it is renewed: store one made with -period; it is no orphan, so it dies with the token that it was made with: make it with -orphan, or through a token role with orphan=true; it may read keys, which the service has no need of: take read on <mount>/data/<prefix>/* away; make a better one, or accept the warnings (--accept-warnings)");
}

#[tokio::test(start_paused = true)]
async fn rights_that_cannot_be_asked_for_are_a_flaw() {
    let (memory, ctx) = stores();
    memory.0.borrow_mut().faults = vec![("vault-capabilities", denied)];
    assert!(
        refusal(&ctx, &memory, NEW, false, "BadToken")
            .await
            .contains("ask for its own capabilities")
    );
}

#[tokio::test(start_paused = true)]
async fn an_unwrapped_token_that_is_refused_is_revoked_because_nobody_else_holds_it() {
    type Ill = fn(&mut Inner);
    let cases: [(&str, Ill, &str); 5] = [
        (
            "flawed",
            |inner| inner.alter = Some(|facts| facts.orphan = false),
            "was revoked",
        ),
        (
            "root",
            |inner| inner.alter = Some(|facts| facts.policies = vec!["root".to_owned()]),
            "was revoked",
        ),
        (
            "Vault fails",
            |inner| inner.faults = vec![("vault-lookup", unavailable)],
            "was revoked",
        ),
        (
            "S3 refuses",
            |inner| inner.faults = vec![("s3-token-save", denied)],
            "was revoked",
        ),
        (
            "a race",
            |inner| {
                inner.meanwhile = vec![(
                    "s3-token-save",
                    Box::new(|inner| inner.tokens.1 = "theirs".to_owned()),
                )]
            },
            "somebody else stored a token just now",
        ),
    ];
    for (case, ill, because) in cases {
        let (memory, ctx) = stores();
        wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
        ill(&mut memory.0.borrow_mut());
        let error = import_of(&ctx, WRAPPER, false).await.unwrap_err();
        assert_eq!(error.kind(), "BadToken", "{case}");
        let text = error.to_string();
        assert!(
            text.contains(because)
                && text.ends_with("make and wrap a new one")
                && !text.contains(NEW),
            "{case}: {text}"
        );
        assert_eq!(memory.0.borrow().revoked, [NEW], "{case}");
        assert_ne!(memory.0.borrow().tokens.1, NEW, "{case}");
    }
    let (memory, ctx) = stores();
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
    memory.0.borrow_mut().faults = vec![("vault-lookup", denied), ("vault-revoke", denied)];
    assert!(
        import_of(&ctx, WRAPPER, false)
            .await
            .unwrap_err()
            .to_string()
            .contains("could not be revoked")
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_may_be_in_use_is_not_revoked() {
    let (memory, ctx) = stores();
    wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
    memory.0.borrow_mut().faults = vec![("s3-token-save", unavailable), ("s3-token", unavailable)];
    let error = import_of(&ctx, WRAPPER, false).await.unwrap_err();
    assert_eq!(error.kind(), "Unavailable");
    assert!(
        error
            .to_string()
            .contains("whether it was stored is not known"),
        "{error}"
    );
    assert!(memory.0.borrow().revoked.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_counts() {
    let (memory, ctx) = stores();
    memory.0.borrow_mut().lose_answer = true;
    import_of(&ctx, NEW, false).await.unwrap();
    assert_eq!(memory.0.borrow().tokens.1, NEW);
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_leaves_what_the_other_stored() {
    for present in ["", "token"] {
        let (memory, ctx) = stores();
        present.clone_into(&mut memory.0.borrow_mut().tokens.1);
        memory.0.borrow_mut().meanwhile = vec![(
            "s3-token-save",
            Box::new(|inner: &mut Inner| inner.tokens.1 = "theirs".to_owned()),
        )];
        let error = import_of(&ctx, NEW, false).await.unwrap_err();
        assert_eq!(error.kind(), "Unavailable");
        assert!(error.to_string().contains("keysync token show"), "{error}");
        assert_eq!(memory.0.borrow().tokens.1, "theirs", "{present:?}");
        assert!(
            memory.0.borrow().revoked.is_empty(),
            "whoever gave it still holds it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrapping_token_is_not_used_up_when_the_store_or_vault_fails_before() {
    for fault in [
        ("s3-token-version", denied as fn() -> Error),
        ("vault-wrapping", unreachable),
    ] {
        let (memory, ctx) = stores();
        wrap(&mut memory.0.borrow_mut(), "auth/token/create", Some(NEW));
        memory.0.borrow_mut().faults = vec![fault];
        assert!(import_of(&ctx, WRAPPER, true).await.is_err());
        assert!(
            memory.0.borrow().wrapped.contains_key(WRAPPER),
            "{}",
            fault.0
        );
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_token_is_stored_the_variable_is_named() {
    for (variables, variable) in [
        (&[("VAULT_TOKEN", "token")][..], "S3_BUCKET_NAME"),
        (
            &[("VAULT_TOKEN", "token"), ("S3_BUCKET_NAME", "bucket")],
            "VAULT_TOKEN",
        ),
    ] {
        let memory = Memory::default();
        let error = import_of(&memory.ctx(variables), NEW, true)
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
async fn showing_renews_nothing_and_tells_what_is_wrong() {
    let (memory, ctx) = stores();
    memory.0.borrow_mut().alter = Some(|facts| facts.batch = true);
    let view = ctx.session.show().await.unwrap();
    assert_eq!((view.kind, view.orphan), ("batch", true));
    assert_eq!(view.policies, ["default", "iam-key-sync"]);
    assert_eq!(
        view.status.warnings,
        [
            "it is a batch token, which cannot be renewed: make a periodic one, as docs/vault.md says"
        ]
    );
    assert_eq!(calls(&memory), ["s3-token", "vault-lookup"]);
}
