//! Every verdict on stores in memory, whose calls take a second each.

use serde_json::json;

use super::*;
use crate::backends::diagnostics::{Encryption, Health, ServerState};
use crate::error::Problem;
use crate::testing::memory::diagnostics::healthy;
use crate::testing::memory::{Inner, Memory, denied, unavailable, unreachable, value};

const HOUR: u64 = 3600;

/// Backends of a service that is well.
fn well() -> Memory {
    let memory = Memory::default();
    memory.put("alice", &value("KEY"), "2026-01-01T00:00:00Z");
    memory.0.borrow_mut().roster = vec!["alice".to_owned()];
    memory
}

async fn look(variables: &[(&str, &str)], ill: impl FnOnce(&mut Inner)) -> Vec<Check> {
    let memory = well();
    let ctx = memory.ctx(variables);
    ill(&mut memory.0.borrow_mut());
    let deadline = Instant::now() + Duration::from_mins(1);
    examine(&ctx, deadline, async { Vec::new() }).await
}

/// Name, verdict and detail of those that did not pass.
fn complaints(checks: &[Check]) -> Vec<(&'static str, CheckStatus, &str)> {
    let bad = checks
        .iter()
        .filter(|check| check.status != CheckStatus::Pass);
    let bad = bad.inspect(|check| {
        assert!(
            check.remedy.as_ref().is_some_and(|text| !text.is_empty()),
            "{check:?}"
        )
    });
    bad.map(|check| (check.name, check.status, check.detail.as_str()))
        .collect()
}

/// Asserts that `ill` makes exactly these checks complain, with these words.
async fn complains(
    case: &str,
    variables: &[(&str, &str)],
    ill: impl FnOnce(&mut Inner),
    expected: &[(&str, CheckStatus, &str)],
) {
    let checks = look(variables, ill).await;
    let found = complaints(&checks);
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            (found.0, found.1) == (expected.0, expected.1) && found.2.contains(expected.2)
        });
    assert!(fits, "{case}: {found:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_well_passes_everything() {
    let checks = look(
        &[
            ("ON_USER_DELETED", "soft-delete"),
            ("AWS_REGION", "ca-central-1"),
        ],
        |_| {},
    )
    .await;
    let told = checks.iter().map(
        |Check {
             name,
             status,
             detail,
             ..
         }| format!("{name} {status:?}: {detail}"),
    );
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    configuration Pass: enhanced mode, state and token in s3://bucket; keys go to https://vault.example.org:8200/ at secret/aws/iam-keys/<user>; Region ca-central-1
    vault-tls Pass: the certificate is trusted, by the system's authorities
    vault-health Pass: Vault 2.0.0 is unsealed and active
    vault-clock Pass: Vault's clock and ours differ by 0 s
    vault-token Pass: periodic (720.0 h), renewable, orphan, 720.0 h left; policies default, iam-key-sync
    vault-mount Pass: secret/ is KV version 2
    policy-write Pass: it may create and update keys in secret/aws/iam-keys/
    policy-read Pass: it may not read keys
    policy-metadata Pass: it may read the versions of keys, of all in one call where the server offers that
    policy-delete Pass: it may soft-delete keys
    policy-scope Pass: it may write nothing beside secret/aws/iam-keys/ and destroy nothing
    parameters Pass: the first page lists 1; the parameter of alice was read
    state-listing Pass: nobody has a state yet
    state-writes Pass: the probe object was written, and refused under conditions that do not hold
    state-encryption Pass: with S3's own keys (AES256)
    token-object Pass: it holds a token
    roster Pass: its first page lists 1
    ");
    assert!(checks.iter().all(|check| check.remedy.is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_depend_on_each_other_is_looked_at_at_the_same_time() {
    let begun = Instant::now();
    look(&[], |_| {}).await;
    // TLS, health, token object, token, capabilities.
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_but_the_probe_and_nothing_renewed() {
    let memory = well();
    let ctx = memory.ctx(&[]);
    examine(&ctx, Instant::now() + Duration::from_mins(1), async {
        Vec::new()
    })
    .await;
    let mut calls = memory.0.borrow().calls.clone();
    calls.sort();
    insta::assert_snapshot!(calls.iter().map(|call| call.trim()).collect::<Vec<_>>().join(", "), @"roster keysync-doctor, roster-page, s3-page, s3-probe, s3-token, s3-token, ssm-page, ssm-read /iam_users/alice_keys, vault-capabilities, vault-health, vault-health, vault-lookup, vault-mount");
}

#[tokio::test(start_paused = true)]
async fn the_basic_mode_leaves_out_the_bucket() {
    let checks = look(
        &[("VAULT_TOKEN", "token"), ("IAM_USER_TABLE", "-")],
        |inner| {
            inner.capabilities = vec![(
                "secret/data/aws/iam-keys/keysync-doctor",
                &["create", "read", "update"],
            )];
        },
    )
    .await;
    assert!(complaints(&checks).is_empty(), "{checks:#?}");
    assert!(
        !checks
            .iter()
            .any(|check| check.name.starts_with("state-") || check.name == "token-object")
    );
    let blind = look(&[("VAULT_TOKEN", "token")], |_| {}).await;
    assert_eq!(
        complaints(&blind)
            .iter()
            .map(|(name, ..)| *name)
            .collect::<Vec<_>>(),
        ["policy-read"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_given_token_beside_a_bucket_needs_no_token_object() {
    let checks = look(
        &[("VAULT_TOKEN", "token"), ("S3_BUCKET_NAME", "bucket")],
        |inner| inner.tokens.1.clear(),
    )
    .await;
    assert!(complaints(&checks).is_empty(), "{checks:#?}");
    assert!(checks[0].detail.contains("the token of VAULT_TOKEN"));
    assert!(!checks.iter().any(|check| check.name == "token-object"));
}

/// What is said of the token and its policies when `because` failed.
fn without_token(because: &str) -> Vec<(&'static str, CheckStatus, String)> {
    let names = [
        "vault-token",
        "vault-mount",
        "policy-write",
        "policy-read",
        "policy-metadata",
        "policy-scope",
    ];
    names
        .map(|name| {
            (
                name,
                CheckStatus::Fail,
                format!("not checked, because {because} failed"),
            )
        })
        .to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_once_and_not_by_all_that_depend_on_it() {
    let in_condition = |condition| {
        move |inner: &mut Inner| {
            inner.health = Some(Health {
                condition,
                ..healthy()
            })
        }
    };
    let dead = "vault-tls";
    for (case, ill, first) in [
        (
            "sealed",
            Box::new(in_condition(ServerState::Sealed)) as Box<dyn FnOnce(&mut Inner)>,
            vec![("vault-health", "is sealed")],
        ),
        (
            "not initialized",
            Box::new(in_condition(ServerState::NotInitialized)),
            vec![("vault-health", "not initialized")],
        ),
        (
            "for disaster recovery",
            Box::new(in_condition(ServerState::Recovery)),
            vec![("vault-health", "disaster recovery")],
        ),
        (
            "no TLS",
            Box::new(|inner: &mut Inner| inner.faults = vec![("vault-health", unreachable); 2]),
            vec![
                (dead, "no answer"),
                ("vault-health", "because vault-tls failed"),
                ("vault-clock", "because vault-tls failed"),
            ],
        ),
        (
            "no token object",
            Box::new(|inner: &mut Inner| inner.tokens.1.clear()),
            vec![("token-object", "no token object")],
        ),
        (
            "a damaged token object",
            Box::new(|inner: &mut Inner| inner.tokens.1 = "damaged\"".to_owned()),
            vec![("token-object", "the token object is not one")],
        ),
    ] {
        let because = first[0].0;
        let first = first
            .into_iter()
            .map(|(name, detail)| (name, CheckStatus::Fail, detail.to_owned()));
        // In the order of the list: Vault, token, bucket.
        let mut expected = first.collect::<Vec<_>>();
        let at = if because == "token-object" {
            0
        } else {
            expected.len()
        };
        expected.splice(at..at, without_token(because));
        let expected = expected
            .iter()
            .map(|(name, status, detail)| (*name, *status, detail.as_str()));
        complains(case, &[], ill, &expected.collect::<Vec<_>>()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_meanwhile_is_no_complaint() {
    complains(
        "once",
        &[],
        |inner| inner.faults = vec![("vault-health", unreachable)],
        &[],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_way_to_vault_nothing_is_asked_of_it() {
    let memory = well();
    let ctx = memory.ctx(&[]);
    let network = async { not_checked(&["vault-connection"], "vault-name") };
    let checks = examine(&ctx, Instant::now() + Duration::from_mins(1), network).await;
    assert_eq!(complaints(&checks).len(), 1 + server::NAMES.len() + 6);
    let calls = memory.0.borrow().calls.clone();
    assert!(
        !calls.iter().any(|call| call.starts_with("vault-")),
        "{calls:?}"
    );
    assert!(
        checks
            .iter()
            .any(|check| check.name == "parameters" && check.status == CheckStatus::Pass)
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_bucket_the_rest_of_it_is_not_tried() {
    let missing = || Error::Missing {
        operation: "listing",
        subject: "s3://bucket".to_owned(),
        remedy: "check S3_BUCKET_NAME",
    };
    let checks = look(&[], |inner| inner.faults = vec![("s3-page", missing)]).await;
    let found = complaints(&checks);
    let names = found.iter().map(|(name, ..)| *name).collect::<Vec<_>>();
    let policies = [
        "vault-token",
        "vault-mount",
        "policy-write",
        "policy-read",
        "policy-metadata",
        "policy-scope",
    ];
    assert_eq!(
        names,
        [
            &policies[..],
            &[
                "state-listing",
                "state-writes",
                "state-encryption",
                "token-object"
            ]
        ]
        .concat()
    );
    assert_eq!(found[6].2, "listing s3://bucket: it does not exist");
    assert_eq!(
        checks
            .iter()
            .find(|check| check.name == "state-listing")
            .unwrap()
            .remedy
            .as_deref(),
        Some("check S3_BUCKET_NAME")
    );
}

#[tokio::test(start_paused = true)]
async fn vaults_server_is_judged() {
    let ours = jiff::Timestamp::now();
    let clock = |seconds: i64| Some(ours + jiff::SignedDuration::from_secs(seconds));
    for (case, health, expected) in [
        (
            "standby",
            Health {
                condition: ServerState::Standby,
                ..healthy()
            },
            None,
        ),
        (
            "a little late",
            Health {
                clock: clock(-50),
                ..healthy()
            },
            None,
        ),
        (
            "without a clock",
            Health {
                clock: None,
                ..healthy()
            },
            None,
        ),
        (
            "late",
            Health {
                clock: clock(-90),
                ..healthy()
            },
            Some("s behind ours"),
        ),
        (
            "early",
            Health {
                clock: clock(90),
                ..healthy()
            },
            Some("s ahead of ours"),
        ),
    ] {
        let expected = expected.map(|detail| ("vault-clock", CheckStatus::Warn, detail));
        complains(
            case,
            &[],
            |inner| inner.health = Some(health),
            &expected.into_iter().collect::<Vec<_>>(),
        )
        .await;
    }
    let odd = || Error::Unexpected {
        operation: "asking",
        subject: "vault".to_owned(),
        problem: "answered 404".to_owned(),
    };
    let checks = look(&[], |inner| {
        inner.faults = vec![("vault-health", odd), ("vault-health", odd)]
    })
    .await;
    assert_eq!(
        complaints(&checks)[0],
        (
            "vault-health",
            CheckStatus::Fail,
            "asking vault: answered 404"
        )
    );
    let plain = look(&[("VAULT_ADDR", "http://127.0.0.1:8200")], |_| {}).await;
    assert!(complaints(&plain).is_empty());
    assert!(plain[1].detail.contains("without TLS"));
}

#[tokio::test(start_paused = true)]
async fn the_token_is_judged() {
    type Alter = fn(&mut crate::token::TokenFacts);
    let alterations: [(&str, Alter, CheckStatus, &str); 9] = [
        (
            "root",
            |facts| facts.policies.push("root".to_owned()),
            CheckStatus::Fail,
            "root token",
        ),
        (
            "use_limited",
            |facts| facts.use_limited = true,
            CheckStatus::Fail,
            "number of uses",
        ),
        (
            "not periodic",
            |facts| facts.lifetime.period_seconds = None,
            CheckStatus::Warn,
            "not periodic",
        ),
        (
            "short",
            |facts| facts.lifetime.period_seconds = Some(HOUR),
            CheckStatus::Warn,
            "shorter than twice the schedule",
        ),
        (
            "fixed",
            |facts| facts.lifetime.renewable = false,
            CheckStatus::Warn,
            "cannot be renewed",
        ),
        (
            "capped",
            |facts| facts.lifetime.explicit_max_ttl_seconds = Some(HOUR),
            CheckStatus::Warn,
            "explicit maximum",
        ),
        (
            "batch",
            |facts| facts.batch = true,
            CheckStatus::Warn,
            "batch token",
        ),
        (
            "a child",
            |facts| facts.orphan = false,
            CheckStatus::Warn,
            "no orphan",
        ),
        (
            "forgotten",
            |facts| facts.lifetime.ttl_seconds = Some(100 * HOUR),
            CheckStatus::Warn,
            "nobody seems to renew it",
        ),
    ];
    for (case, alter, status, detail) in alterations {
        let checks = look(&[], |inner| inner.alter = Some(alter)).await;
        let found = complaints(&checks);
        assert_eq!((found[0].0, found[0].1), ("vault-token", status), "{case}");
        assert!(found[0].2.contains(detail), "{case}: {found:?}");
        assert_eq!(
            found.len(),
            if status == CheckStatus::Fail { 6 } else { 1 },
            "{case}: {found:?}"
        );
    }
    let mut expected = without_token("vault-token");
    expected[0].2 = "denied".to_owned();
    let expected = expected
        .iter()
        .map(|(name, status, detail)| (*name, *status, detail.as_str()))
        .collect::<Vec<_>>();
    complains(
        "expired",
        &[],
        |inner| inner.tokens.0 = "another".to_owned(),
        &expected,
    )
    .await;
}

const DATA: &str = "secret/data/aws/iam-keys/keysync-doctor";
const METADATA: &str = "secret/metadata/aws/iam-keys/keysync-doctor";
const BESIDE: &str = "secret/data/aws/iam-keys-keysync-doctor/keysync-doctor";

#[tokio::test(start_paused = true)]
async fn the_rights_are_judged() {
    type Capabilities = (&'static str, &'static [&'static str]);
    let cases: [(&str, Capabilities, (&str, CheckStatus, &str)); 9] = [
        (
            "no create",
            (DATA, &["update"]),
            ("policy-write", CheckStatus::Fail, "create and update"),
        ),
        (
            "no update",
            (DATA, &["create"]),
            ("policy-write", CheckStatus::Fail, "create and update"),
        ),
        (
            "reads",
            (DATA, &["create", "update", "read"]),
            ("policy-read", CheckStatus::Warn, "may read keys"),
        ),
        (
            "deletes the latest",
            (DATA, &["create", "update", "delete"]),
            ("policy-scope", CheckStatus::Warn, "destroy"),
        ),
        (
            "no metadata",
            (METADATA, &["deny"]),
            ("policy-metadata", CheckStatus::Warn, "drift"),
        ),
        (
            "deletes metadata",
            (METADATA, &["read", "delete"]),
            ("policy-scope", CheckStatus::Warn, "destroy"),
        ),
        (
            "too wide",
            (BESIDE, &["create"]),
            ("policy-scope", CheckStatus::Warn, "beside the prefix"),
        ),
        (
            "destroys",
            ("secret/destroy/aws/iam-keys/keysync-doctor", &["update"]),
            ("policy-scope", CheckStatus::Warn, "destroy"),
        ),
        (
            "sudo",
            (METADATA, &["read", "sudo"]),
            ("policy-scope", CheckStatus::Warn, "sudo"),
        ),
    ];
    for (case, capabilities, expected) in cases {
        complains(
            case,
            &[],
            |inner| inner.capabilities = vec![capabilities],
            &[expected],
        )
        .await;
    }
    let soft = [("ON_USER_DELETED", "soft-delete")];
    let no_delete = vec![("secret/delete/aws/iam-keys/keysync-doctor", &["deny"][..])];
    let expected = ("policy-delete", CheckStatus::Warn, "soft-delete");
    complains(
        "no delete",
        &soft,
        |inner| inner.capabilities = no_delete.clone(),
        &[expected],
    )
    .await;
    complains(
        "no delete, and none needed",
        &[],
        |inner| inner.capabilities = no_delete,
        &[],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_is_no_kv_version_2_is_told() {
    for (mounted, detail) in [
        (("kv", Some("1")), "secret/ is KV version 1"),
        (("kv", None), "secret/ is KV version 1"),
        (("transit", None), "no KV mount but one of transit"),
    ] {
        let expected = ("vault-mount", CheckStatus::Fail, detail);
        complains(
            detail,
            &[],
            |inner| inner.mounted = Some(mounted),
            &[expected],
        )
        .await;
    }
    let expected = ("vault-mount", CheckStatus::Fail, "denied");
    complains(
        "no mount",
        &[],
        |inner| inner.faults = vec![("vault-mount", denied)],
        &[expected],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn rights_that_cannot_be_asked_for_are_a_warning() {
    let checks = look(&[], |inner| {
        inner.faults = vec![("vault-capabilities", denied)]
    })
    .await;
    let found = complaints(&checks);
    assert_eq!(
        (found.len(), found[0].0, found[0].1),
        (1, "policy-write", CheckStatus::Warn),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn parameters_and_roster_are_judged() {
    complains(
        "none",
        &[],
        |inner| inner.parameters.clear(),
        &[("parameters", CheckStatus::Warn, "/iam_users/<user>_keys")],
    )
    .await;
    let listed = [("IAM_USER_LIST", "bob")];
    complains(
        "listed by name",
        &listed,
        |_| {},
        &[("parameters", CheckStatus::Warn, "bob has no parameter")],
    )
    .await;
    let odd = |inner: &mut Inner| {
        inner.parameters.get_mut("/iam_users/alice_keys").unwrap().0 = "odd".to_owned()
    };
    complains(
        "odd",
        &[],
        odd,
        &[(
            "parameters",
            CheckStatus::Warn,
            "not what the platform writes",
        )],
    )
    .await;
    for (call, fault, name, status) in [
        (
            "ssm-page",
            denied as fn() -> Error,
            "parameters",
            CheckStatus::Fail,
        ),
        ("ssm-read", denied, "parameters", CheckStatus::Fail),
        ("ssm-page", unavailable, "parameters", CheckStatus::Fail),
        ("roster-page", denied, "roster", CheckStatus::Warn),
        ("roster", denied, "roster", CheckStatus::Warn),
        ("roster-page", unavailable, "roster", CheckStatus::Fail),
    ] {
        complains(
            call,
            &[],
            |inner| inner.faults = vec![(call, fault)],
            &[(name, status, "test test")],
        )
        .await;
    }
    complains(
        "empty",
        &[],
        |inner| inner.roster.clear(),
        &[("roster", CheckStatus::Warn, "empty")],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_bucket_is_judged() {
    let lax = ("state-writes", CheckStatus::Fail, "does not hold");
    complains(
        "unconditional",
        &[],
        |inner| inner.unconditional = true,
        &[lax],
    )
    .await;
    let bare = ("state-encryption", CheckStatus::Warn, "encryption");
    complains(
        "not encrypted",
        &[],
        |inner| inner.encryption = Encryption::None,
        &[bare],
    )
    .await;
    let key = "arn:aws:kms:ca-central-1:123456789012:key/1234".to_owned();
    let checks = look(&[], |inner| inner.encryption = Encryption::Kms(key)).await;
    assert!(
        complaints(&checks).is_empty()
            && checks
                .iter()
                .any(|check| check.detail == "with the KMS key 1234")
    );
    let writes = [
        ("state-writes", CheckStatus::Fail, "denied"),
        (
            "state-encryption",
            CheckStatus::Fail,
            "because state-writes",
        ),
    ];
    complains(
        "may not write",
        &[],
        |inner| inner.faults = vec![("s3-probe", denied)],
        &writes,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_doctor_is_done_in_time() {
    let memory = well();
    let ctx = memory.ctx(&[]);
    let begun = Instant::now();
    let hangs = async {
        vec![
            check::check(
                "vault-name",
                begun + Duration::from_mins(1),
                std::future::pending(),
            )
            .await,
        ]
    };
    let checks = examine(&ctx, begun + Duration::from_mins(1), hangs).await;
    assert_eq!(
        begun.elapsed().as_secs(),
        10,
        "each check has a limit of its own"
    );
    assert!(
        checks
            .iter()
            .any(|check| check.detail == "no answer within 10 s"),
        "{checks:#?}"
    );
    let begun = Instant::now();
    let ctx = well().ctx(&[]);
    let checks = examine(&ctx, begun + Duration::from_millis(2500), async {
        Vec::new()
    })
    .await;
    assert!(
        begun.elapsed() <= Duration::from_millis(2501),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        checks
            .iter()
            .any(|check| check.name == "vault-token" && check.status == CheckStatus::Fail)
    );
}

#[test]
fn a_wrong_configuration_is_one_check_that_names_every_problem() {
    let problem = |variable| Problem {
        variable,
        problem: "is wrong".to_owned(),
    };
    let error = Error::BadConfiguration(vec![problem("VAULT_ADDR"), problem("LOG_LEVEL")]);
    let answer = answer_without_context(&json!({"action": "doctor"}), &error).unwrap();
    insta::assert_json_snapshot!(answer, @r#"
    [
      {
        "detail": "2 problems in the configuration: VAULT_ADDR: is wrong; LOG_LEVEL: is wrong; nothing else was checked",
        "millis": 0,
        "name": "configuration",
        "remedy": "set the variables that are named",
        "status": "fail"
      }
    ]
    "#);
    for other in [
        json!({"action": "sync", "users": ["alice"]}),
        json!({"action": "doctor", "x": 1}),
        json!(null),
    ] {
        assert_eq!(answer_without_context(&other, &error), None, "{other}");
    }
}
