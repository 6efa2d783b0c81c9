//! Each check against backends in memory, whose calls take a second each.

use serde_json::json;

use super::*;
use crate::backends::diagnostics::{Encryption, Health, ServerState};
use crate::error::Problem;
use crate::testing::memory::diagnostics::healthy;
use crate::testing::memory::{Inner, Memory, denied, unavailable, unreachable, value};
use crate::testing::remedies::assert_names_a_change;

const HOUR: u64 = 3600;

/// Returns the backends of a working service.
fn working_service() -> Memory {
    let memory = Memory::default();
    memory.put("alice", &value("AKIA000000000KEY"), "2026-01-01T00:00:00Z");
    memory.0.borrow_mut().roster = vec!["alice".to_owned()];
    memory
}

async fn diagnose(variables: &[(&str, &str)], fault: impl FnOnce(&mut Inner)) -> Vec<Check> {
    let memory = working_service();
    let ctx = memory.ctx(variables);
    fault(&mut memory.0.borrow_mut());
    let deadline = Instant::now() + Duration::from_mins(1);
    run_checks(&ctx, deadline, async { Vec::new() }).await
}

/// Returns name, status and detail of the checks that did not pass.
fn findings(checks: &[Check]) -> Vec<(&'static str, CheckStatus, &str)> {
    let not_passed = checks
        .iter()
        .filter(|check| check.status != CheckStatus::Pass);
    let not_passed = not_passed.inspect(|check| {
        let remedy = check.remedy.as_deref().unwrap_or_default();
        match check.status {
            CheckStatus::Fail => assert_names_a_change(remedy),
            _ => assert!(!remedy.is_empty(), "{check:?}"),
        }
    });
    not_passed
        .map(|check| (check.name, check.status, check.detail.as_str()))
        .collect()
}

/// Asserts that `fault` makes exactly these checks not pass, with these details.
async fn assert_findings(
    case: &str,
    variables: &[(&str, &str)],
    fault: impl FnOnce(&mut Inner),
    expected: &[(&str, CheckStatus, &str)],
) {
    let checks = diagnose(variables, fault).await;
    let found = findings(&checks);
    let matches = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            (found.0, found.1) == (expected.0, expected.1) && found.2.contains(expected.2)
        });
    assert!(matches, "{case}: {found:#?}");
}

#[tokio::test(start_paused = true)]
async fn doctor_passes_a_working_service() {
    let checks = diagnose(&[("ON_USER_DELETED", "soft-delete")], |_| {}).await;
    let lines = checks.iter().map(
        |Check {
             name,
             status,
             detail,
             ..
         }| format!("{name} {status:?}: {detail}"),
    );
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    configuration Pass: enhanced mode, state and token in s3://bucket; Vault at https://vault.example.org:8200/; Region ca-central-1
    authorities Pass: Vault: those of the system; AWS: those of the system
    targets Pass: no targets document: keys go to secret/aws/iam-keys/<user>
    vault-tls Pass: the certificate is trusted by the CAs of the system
    vault-health Pass: Vault 2.0.0 is unsealed and active
    vault-clock Pass: Vault's clock and ours differ by 0 s
    vault-token Pass: periodic (720.0 h), renewable, orphan, 720.0 h left; policies default, iam-key-sync
    vault-mount Pass: secret/ is KV version 2
    policy-write Pass: it may write the keys of all targets
    policy-read Pass: it may not read keys
    policy-metadata Pass: it may read the metadata of keys, and of a folder in one call if the server offers it
    policy-delete Pass: it may soft-delete keys
    policy-scope Pass: it may write nothing outside the prefix and destroy nothing
    parameters Pass: the first page lists 1; the parameter of alice was read
    state-listing Pass: no user has a state yet
    state-writes Pass: conditional writes work: the probe was written, and rejected under conditions that do not hold
    state-encryption Pass: encrypted with keys managed by S3 (AES256)
    token-object Pass: the object holds a token
    roster Pass: the first page lists 1
    ");
    assert!(checks.iter().all(|check| check.remedy.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_without_a_region_is_a_warning() {
    let expected = [(CONFIGURATION, CheckStatus::Warn, "no Region is configured")];
    assert_findings("no Region", &[("AWS_REGION", "")], |_| {}, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn doctor_runs_independent_checks_concurrently() {
    let started = Instant::now();
    diagnose(&[], |_| {}).await;
    // TLS, health, token object, token, capabilities.
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn doctor_writes_only_the_probe_and_renews_nothing() {
    let memory = working_service();
    let ctx = memory.ctx(&[]);
    run_checks(&ctx, Instant::now() + Duration::from_mins(1), async {
        Vec::new()
    })
    .await;
    let mut calls = memory.0.borrow().calls.clone();
    calls.sort();
    insta::assert_snapshot!(calls.iter().map(|call| call.trim()).collect::<Vec<_>>().join(", "), @"roster keysync-doctor, roster-page, s3-document, s3-page, s3-probe, s3-token, s3-token, ssm-page, ssm-read /iam_users/alice_keys, vault-capabilities, vault-health, vault-health, vault-lookup, vault-mount");
}

#[tokio::test(start_paused = true)]
async fn basic_mode_skips_the_bucket_checks() {
    let checks = diagnose(
        &[("VAULT_TOKEN", "token"), ("IAM_USER_TABLE", "-")],
        |inner| {
            inner.capabilities = vec![(
                "secret/data/aws/iam-keys/keysync-doctor",
                &["create", "read", "update"],
            )];
        },
    )
    .await;
    assert!(findings(&checks).is_empty(), "{checks:#?}");
    assert!(
        !checks
            .iter()
            .any(|check| check.name.starts_with("state-") || check.name == "token-object")
    );
    let without_read = diagnose(&[("VAULT_TOKEN", "token")], |_| {}).await;
    assert_eq!(
        findings(&without_read)
            .iter()
            .map(|(name, ..)| *name)
            .collect::<Vec<_>>(),
        ["policy-read"]
    );
}

#[tokio::test(start_paused = true)]
async fn given_token_with_a_bucket_needs_no_token_object() {
    let checks = diagnose(
        &[("VAULT_TOKEN", "token"), ("S3_BUCKET_NAME", "bucket")],
        |inner| inner.tokens.1.clear(),
    )
    .await;
    assert!(findings(&checks).is_empty(), "{checks:#?}");
    assert!(checks[0].detail.contains("the token from VAULT_TOKEN"));
    assert!(!checks.iter().any(|check| check.name == "token-object"));
}

/// Returns the findings for the token and its policies if `because` failed.
fn token_skipped(because: &str) -> Vec<(&'static str, CheckStatus, String)> {
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
                CheckStatus::Skip,
                format!("not checked, because {because} failed"),
            )
        })
        .to_vec()
}

#[tokio::test(start_paused = true)]
async fn failed_check_is_the_only_cause_reported() {
    let in_state =
        |state| move |inner: &mut Inner| inner.health = Some(Health { state, ..healthy() });
    for (case, fault, first) in [
        (
            "sealed",
            Box::new(in_state(ServerState::Sealed)) as Box<dyn FnOnce(&mut Inner)>,
            vec![("vault-health", "is sealed")],
        ),
        (
            "not initialized",
            Box::new(in_state(ServerState::NotInitialized)),
            vec![("vault-health", "not initialized")],
        ),
        (
            "for disaster recovery",
            Box::new(in_state(ServerState::Recovery)),
            vec![("vault-health", "disaster-recovery secondary")],
        ),
        (
            "no TLS",
            Box::new(|inner: &mut Inner| inner.faults = vec![("vault-health", unreachable); 2]),
            vec![
                ("vault-tls", "unreachable"),
                ("vault-health", "because vault-tls failed"),
                ("vault-clock", "because vault-tls failed"),
            ],
        ),
        (
            "no token object",
            Box::new(|inner: &mut Inner| inner.tokens.1.clear()),
            vec![("token-object", "not found")],
        ),
        (
            "a damaged token object",
            Box::new(|inner: &mut Inner| inner.tokens.1 = "damaged\"".to_owned()),
            vec![("token-object", "the token object is invalid")],
        ),
    ] {
        let because = first[0].0;
        let first = first.into_iter().map(|(name, detail)| {
            let is_cause = name == because;
            let status = if is_cause {
                CheckStatus::Fail
            } else {
                CheckStatus::Skip
            };
            (name, status, detail.to_owned())
        });
        // In the order of the list: Vault, token, bucket.
        let mut expected = first.collect::<Vec<_>>();
        let at = if because == "token-object" {
            0
        } else {
            expected.len()
        };
        expected.splice(at..at, token_skipped(because));
        let expected = expected
            .iter()
            .map(|(name, status, detail)| (*name, *status, detail.as_str()));
        assert_findings(case, &[], fault, &expected.collect::<Vec<_>>()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn dead_idle_connection_is_not_reported() {
    assert_findings(
        "once",
        &[],
        |inner| inner.faults = vec![("vault-health", unreachable)],
        &[],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn unreachable_vault_is_not_called() {
    let memory = working_service();
    let ctx = memory.ctx(&[]);
    let network = async {
        let name = fail("unknown", "check VAULT_ADDR").of("vault-name", Duration::ZERO);
        [vec![name], skipped(&["vault-connection"], "vault-name")].concat()
    };
    let checks = run_checks(&ctx, Instant::now() + Duration::from_mins(1), network).await;
    assert_eq!(findings(&checks).len(), 2 + server::NAMES.len() + 6);
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

/// The calls that a check starts with, one per backend.
const FIRST_CALLS: [&str; 7] = [
    "vault-lookup",
    "vault-mount",
    "vault-capabilities",
    "ssm-page",
    "s3-page",
    "s3-probe",
    "roster-page",
];

#[tokio::test(start_paused = true)]
async fn each_failure_names_one_change() {
    let errors: [fn() -> Error; 6] = [
        || {
            Error::unexpected(
                "reading",
                "it",
                "the service returned X, which is unknown here",
            )
        },
        || Error::unavailable("reading", "it", "the service returned X"),
        || Error::missing("reading", "it", "check S3_BUCKET_NAME"),
        || Error::OutOfTime,
        denied,
        unreachable,
    ];
    for error in errors {
        for call in FIRST_CALLS {
            let checks = diagnose(&[], |inner| inner.faults = vec![(call, error); 3]).await;
            let found = findings(&checks);
            let failed = found
                .iter()
                .filter(|(_, status, _)| *status == CheckStatus::Fail);
            let warned = found
                .iter()
                .filter(|(_, status, _)| *status == CheckStatus::Warn);
            assert!(failed.count() + warned.count() == 1, "{call}: {found:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_cause_is_one_failure() {
    // Each service has a code of its own for it.
    fn expired(code: &str) -> Error {
        Error::Denied {
            operation: "reading",
            subject: "it".to_owned(),
            problem: format!("the credentials expired ({code})"),
            remedy: "renew them (`aws login`)",
        }
    }
    let checks = diagnose(&[], |inner| {
        let of_s3: fn() -> Error = || expired("ExpiredToken");
        let of_ssm: fn() -> Error = || expired("ExpiredTokenException");
        inner.faults = ["s3-page", "s3-token", "s3-probe"]
            .map(|call| (call, of_s3))
            .to_vec();
        inner
            .faults
            .extend(["ssm-page", "roster-page"].map(|call| (call, of_ssm)));
    })
    .await;
    for (name, status, detail) in findings(&checks) {
        let is_cause = name == "parameters";
        let expected = if is_cause {
            CheckStatus::Fail
        } else {
            CheckStatus::Skip
        };
        assert_eq!(status, expected, "{name}: {detail}");
        assert!(
            is_cause || detail.contains("parameters"),
            "{name}: {detail}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn missing_bucket_skips_its_other_checks() {
    let missing = || Error::missing("listing", "s3://bucket", "check S3_BUCKET_NAME");
    let checks = diagnose(&[], |inner| inner.faults = vec![("s3-page", missing)]).await;
    let found = findings(&checks);
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
    assert_eq!(found[6].2, "listing s3://bucket: not found");
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
async fn server_checks_find_each_problem() {
    let now = jiff::Timestamp::now();
    let clock = |seconds: i64| Some(now + jiff::SignedDuration::from_secs(seconds));
    for (case, health, expected) in [
        (
            "standby",
            Health {
                state: ServerState::Standby,
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
        assert_findings(
            case,
            &[],
            |inner| inner.health = Some(health),
            &expected.into_iter().collect::<Vec<_>>(),
        )
        .await;
    }
    let unexpected = || Error::unexpected("asking", "vault", "answered 404");
    let checks = diagnose(&[], |inner| {
        inner.faults = vec![("vault-health", unexpected); 2];
    })
    .await;
    assert_eq!(
        findings(&checks)[0],
        (
            "vault-health",
            CheckStatus::Fail,
            "asking vault: answered 404"
        )
    );
    let plain = diagnose(&[("VAULT_ADDR", "http://127.0.0.1:8200")], |_| {}).await;
    assert!(findings(&plain).is_empty());
    assert!(plain[3].detail.contains("without TLS"));
}

#[tokio::test(start_paused = true)]
async fn token_check_finds_each_issue() {
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
            "limited number of uses",
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
            "shorter than twice the renewal interval",
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
            "not an orphan",
        ),
        (
            "forgotten",
            |facts| facts.lifetime.ttl_seconds = Some(100 * HOUR),
            CheckStatus::Warn,
            "seems not to be renewed",
        ),
    ];
    for (case, alter, status, detail) in alterations {
        let checks = diagnose(&[], |inner| inner.alter = Some(alter)).await;
        let found = findings(&checks);
        assert_eq!((found[0].0, found[0].1), ("vault-token", status), "{case}");
        assert!(found[0].2.contains(detail), "{case}: {found:?}");
        assert_eq!(
            found.len(),
            if status == CheckStatus::Fail { 6 } else { 1 },
            "{case}: {found:?}"
        );
    }
    let mut expected = token_skipped("vault-token");
    (expected[0].1, expected[0].2) = (CheckStatus::Fail, "denied".to_owned());
    let expected = expected
        .iter()
        .map(|(name, status, detail)| (*name, *status, detail.as_str()))
        .collect::<Vec<_>>();
    assert_findings(
        "expired",
        &[],
        |inner| inner.tokens.0 = "another".to_owned(),
        &expected,
    )
    .await;
}

const DATA: &str = "secret/data/aws/iam-keys/keysync-doctor";
const METADATA: &str = "secret/metadata/aws/iam-keys/keysync-doctor";
const OUTSIDE: &str = "secret/data/aws/iam-keys-keysync-doctor/keysync-doctor";

#[tokio::test(start_paused = true)]
async fn policy_checks_find_each_issue() {
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
            (OUTSIDE, &["create"]),
            ("policy-scope", CheckStatus::Warn, "outside the prefix"),
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
        assert_findings(
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
    assert_findings(
        "no delete",
        &soft,
        |inner| inner.capabilities = no_delete.clone(),
        &[expected],
    )
    .await;
    assert_findings(
        "no delete, and none needed",
        &[],
        |inner| inner.capabilities = no_delete,
        &[],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn mount_check_fails_unless_kv_version_2() {
    for (mounted, detail) in [
        (("kv", Some("1")), "secret/ is KV version 1"),
        (("kv", None), "secret/ is KV version 1"),
        (("transit", None), "not a KV mount but of type transit"),
    ] {
        let expected = ("vault-mount", CheckStatus::Fail, detail);
        assert_findings(
            detail,
            &[],
            |inner| inner.mounted = Some(mounted),
            &[expected],
        )
        .await;
    }
    let expected = ("vault-mount", CheckStatus::Fail, "denied");
    assert_findings(
        "no mount",
        &[],
        |inner| inner.faults = vec![("vault-mount", denied)],
        &[expected],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn unreadable_capabilities_are_a_warning() {
    let checks = diagnose(&[], |inner| {
        inner.faults = vec![("vault-capabilities", denied)];
    })
    .await;
    let found = findings(&checks);
    assert_eq!(
        (found.len(), found[0].0, found[0].1),
        (1, "policy-write", CheckStatus::Warn),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn parameter_and_roster_checks_find_each_problem() {
    assert_findings(
        "none",
        &[],
        |inner| inner.parameters.clear(),
        &[("parameters", CheckStatus::Warn, "/iam_users/<user>_keys")],
    )
    .await;
    let listed = [("IAM_USER_LIST", "bob")];
    assert_findings(
        "listed by name",
        &listed,
        |_| {},
        &[("parameters", CheckStatus::Warn, "bob has no parameter")],
    )
    .await;
    let odd = |inner: &mut Inner| {
        inner.parameters.get_mut("/iam_users/alice_keys").unwrap().0 = "odd".to_owned();
    };
    assert_findings(
        "odd",
        &[],
        odd,
        &[(
            "parameters",
            CheckStatus::Warn,
            "not in the platform's format",
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
        assert_findings(
            call,
            &[],
            |inner| inner.faults = vec![(call, fault)],
            &[(name, status, "test test")],
        )
        .await;
    }
    assert_findings(
        "empty",
        &[],
        |inner| inner.roster.clear(),
        &[("roster", CheckStatus::Warn, "empty")],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn bucket_checks_find_each_problem() {
    let unconditional = (
        "state-writes",
        CheckStatus::Fail,
        "ignores write conditions",
    );
    assert_findings(
        "unconditional",
        &[],
        |inner| inner.unconditional = true,
        &[unconditional],
    )
    .await;
    let unencrypted = ("state-encryption", CheckStatus::Warn, "encryption");
    assert_findings(
        "not encrypted",
        &[],
        |inner| inner.encryption = Encryption::None,
        &[unencrypted],
    )
    .await;
    let key = "arn:aws:kms:ca-central-1:123456789012:key/1234".to_owned();
    let checks = diagnose(&[], |inner| inner.encryption = Encryption::Kms(key)).await;
    assert!(
        findings(&checks).is_empty()
            && checks
                .iter()
                .any(|check| check.detail == "encrypted with the KMS key 1234")
    );
    let writes = [
        ("state-writes", CheckStatus::Fail, "denied"),
        (
            "state-encryption",
            CheckStatus::Skip,
            "because state-writes",
        ),
    ];
    assert_findings(
        "may not write",
        &[],
        |inner| inner.faults = vec![("s3-probe", denied)],
        &writes,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn doctor_ends_by_its_deadline() {
    let memory = working_service();
    let ctx = memory.ctx(&[]);
    let started = Instant::now();
    let hangs = async {
        vec![
            check::check(
                "vault-name",
                started + Duration::from_mins(1),
                std::future::pending(),
            )
            .await,
        ]
    };
    let checks = run_checks(&ctx, started + Duration::from_mins(1), hangs).await;
    assert_eq!(
        started.elapsed().as_secs(),
        10,
        "each check has its own limit"
    );
    assert!(
        checks
            .iter()
            .any(|check| check.detail == "no response within 10 s"),
        "{checks:#?}"
    );
    let started = Instant::now();
    let ctx = working_service().ctx(&[]);
    let checks = run_checks(&ctx, started + Duration::from_millis(2500), async {
        Vec::new()
    })
    .await;
    assert!(
        started.elapsed() <= Duration::from_millis(2501),
        "{:?}",
        started.elapsed()
    );
    assert!(
        checks
            .iter()
            .any(|check| check.name == "vault-token" && check.status == CheckStatus::Fail)
    );
}

#[test]
fn invalid_configuration_is_one_check_with_all_problems() {
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
        "remedy": "set VAULT_ADDR, LOG_LEVEL as stated",
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
