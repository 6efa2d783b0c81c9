use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;

use super::*;

/// A certificate for tests; its key was discarded.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBJjCBzqADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB1Rlc3QgQ0Ew\n\
IBcNMjUwMTAxMDAwMDAwWhgPMjEyNTAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB1Rl\n\
c3QgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATmVTyJ0SFnwW/HNsNjC+m0\n\
re3JMZYxfldTFb09bsH6fsg5bYAEWrinaKAJSZwYi0uafVvosdF6ZLDjsJtiiyTl\n\
oxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBzk+SuLpktM\n\
Pho8fUYEOkOe6zWzObYBQwenWv6GgLPuAiBsDsXvbiNykAGXbpVMlbBmL+D5TK4d\n\
TKHazdQeDDmC2A==\n\
-----END CERTIFICATE-----\n\
";

/// A variable: its name, the result without it, a value, the result with it, and the accessor.
type Variable = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    fn(&Config) -> String,
);

/// All variables except `VAULT_CACERT`, which names a file.
const VARIABLES: [Variable; 20] = [
    (
        "VAULT_ADDR",
        "https://vault.example.org/",
        "https://o.example.org:8200",
        "https://o.example.org:8200/",
        |c| c.vault.address.to_string(),
    ),
    (
        "VAULT_NAMESPACE",
        "None",
        "team/a",
        "Some(\"team/a\")",
        |c| format!("{:?}", c.vault.namespace),
    ),
    ("VAULT_CACERT_BYTES", "None", CERTIFICATE, "Some(1)", |c| {
        format!("{:?}", c.vault.ca_certificates.as_ref().map(Vec::len))
    }),
    ("VAULT_TOKEN", "None", "hvs.a", "Some(\"hvs.a\")", |c| {
        format!(
            "{:?}",
            c.vault.token.as_ref().map(ExposeSecret::expose_secret)
        )
    }),
    ("VAULT_MOUNT", "secret", "/kv/team/", "kv/team", |c| {
        c.vault.mount.clone()
    }),
    (
        "VAULT_PATH_PREFIX",
        "aws/iam-keys",
        "keys_1.0-b",
        "keys_1.0-b",
        |c| c.vault.path_prefix.clone(),
    ),
    ("S3_BUCKET_NAME", "bucket", "other", "other", |c| {
        in_bucket(c, |b| &b.name)
    }),
    (
        "VAULT_TOKEN_S3_KEY",
        "vault-token.json",
        "t.json",
        "t.json",
        |c| in_bucket(c, |b| &b.token_key),
    ),
    ("SYNC_STATE_S3_PREFIX", "sync-state/", "s/", "s/", |c| {
        in_bucket(c, |b| &b.state_prefix)
    }),
    (
        "SYNC_STATE_S3_KEY",
        "sync-state.json",
        "old.json",
        "old.json",
        |c| in_bucket(c, |b| &b.legacy_key),
    ),
    (
        "SSM_PARAMETER_PREFIX",
        "/iam_users/",
        "/iam-users/",
        "/iam-users/",
        |c| c.naming.prefix.clone(),
    ),
    ("SSM_PARAMETER_SUFFIX", "_keys", "-keys", "-keys", |c| {
        c.naming.suffix.clone()
    }),
    (
        "IAM_USER_LIST",
        "None",
        " alice ,b@o,, ",
        "[\"alice\", \"b@o\"]",
        listed,
    ),
    (
        "IAM_USER_TABLE",
        "Some(\"BCGOV_IAM_USER_TABLE\")",
        "-",
        "None",
        |c| format!("{:?}", c.roster_table),
    ),
    ("SYNC_INTERVAL_HOURS", "24", "6", "6", |c| {
        c.sync_interval_hours.to_string()
    }),
    ("TOKEN_REFRESH_THRESHOLD_HOURS", "24", " 12 ", "12", |c| {
        c.token_refresh_threshold_hours.to_string()
    }),
    (
        "ON_USER_DELETED",
        "Retain",
        "soft-delete",
        "SoftDelete",
        |c| format!("{:?}", c.on_user_deleted),
    ),
    ("SYNC_CONCURRENCY", "16", "4", "4", |c| {
        c.concurrency.to_string()
    }),
    ("SSM_MAX_CALLS_PER_SECOND", "10", "40", "40", |c| {
        c.ssm_calls_per_second.to_string()
    }),
    ("LOG_LEVEL", "INFO", "debug", "DEBUG", |c| {
        c.log_level.to_string()
    }),
];

fn listed(config: &Config) -> String {
    match &config.users {
        Some(users) => format!(
            "{:?}",
            users.iter().map(UserName::as_str).collect::<Vec<_>>()
        ),
        None => "None".into(),
    }
}

fn in_bucket(config: &Config, member: fn(&BucketConfig) -> &String) -> String {
    member(config.bucket.as_ref().unwrap()).clone()
}

/// Reads a minimal configuration with `more` variables.
fn read(more: &[(&str, &str)]) -> Result<Config, Error> {
    let least = [
        ("VAULT_ADDR", "https://vault.example.org"),
        ("S3_BUCKET_NAME", "bucket"),
    ];
    only(&[&least, more].concat())
}

fn only(variables: &[(&str, &str)]) -> Result<Config, Error> {
    let variables = variables.iter().copied().collect::<BTreeMap<_, _>>();
    Config::read(|name| variables.get(name).map(|&value| value.to_owned()))
}

/// Returns the problems, one per line.
fn problems(answer: Result<Config, Error>) -> String {
    let Err(Error::BadConfiguration(problems)) = answer else {
        panic!("{answer:?}")
    };
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn variables_have_their_default_and_effect() {
    for (name, default, value, effect, shown) in VARIABLES {
        assert_eq!(shown(&read(&[]).unwrap()), default, "without {name}");
        assert_eq!(
            shown(&read(&[(name, value)]).unwrap()),
            effect,
            "with {name}"
        );
    }
}

#[test]
fn empty_value_counts_as_unset() {
    for (name, default, .., shown) in VARIABLES {
        for empty in ["", " ", "\n"] {
            match (name, read(&[(name, empty)])) {
                ("VAULT_ADDR" | "S3_BUCKET_NAME", answer) => {
                    assert!(
                        problems(answer).starts_with(&format!("{name}: is not set")),
                        "{name}"
                    );
                }
                (_, answer) => assert_eq!(shown(&answer.unwrap()), default, "{name}"),
            }
        }
    }
    assert!(
        read(&[("VAULT_CACERT", "")])
            .unwrap()
            .vault
            .ca_certificates
            .is_none()
    );
}

#[test]
fn shared_environment_lists_the_variables_read() {
    let shared: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../infra/shared/environment.json")).unwrap();
    let text = |entry: &serde_json::Value, member: &str| entry[member].as_str().map(str::to_owned);
    let requested = RefCell::new(BTreeSet::new());
    let _ = Config::read(|name| {
        requested.borrow_mut().insert(name.to_owned());
        (name == "S3_BUCKET_NAME").then(|| "bucket".to_owned())
    });
    // The others belong to the AWS SDK, or are the log level that Lambda sets.
    let names = shared.iter().filter_map(|entry| text(entry, "name"));
    let ours = |names: &mut dyn Iterator<Item = String>| {
        names
            .filter(|name| !name.starts_with("AWS_"))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        ours(&mut names.clone()),
        ours(&mut requested.into_inner().into_iter())
    );
    for entry in &shared {
        let (name, default) = (text(entry, "name").unwrap(), text(entry, "default"));
        assert_eq!(entry["required"], name == "VAULT_ADDR", "{name}");
        let Some((.., shown)) = VARIABLES.iter().find(|variable| variable.0 == name) else {
            assert!(
                name == "VAULT_CACERT" || name.starts_with("AWS_"),
                "{name} is not among the variables of this test"
            );
            continue;
        };
        let unset = shown(&read(&[]).unwrap());
        match default {
            Some(default) => {
                assert_eq!(shown(&read(&[(&name, &default)]).unwrap()), unset, "{name}");
            }
            None if ["VAULT_ADDR", "S3_BUCKET_NAME"].contains(&name.as_str()) => {}
            None => assert_eq!(unset, "None", "{name}"),
        }
    }
}

#[test]
fn problems_are_reported_together_without_values() {
    let bad = [
        ("VAULT_ADDR", "https://root:sentinel@vault.example.org"),
        ("VAULT_NAMESPACE", "sentinel space"),
        ("VAULT_CACERT_BYTES", "sentinel"),
        ("VAULT_MOUNT", "sentinel//x"),
        ("VAULT_PATH_PREFIX", "../sentinel"),
        ("VAULT_TOKEN", "hvs.sentinel\r\nX-Vault-Token: other"),
        ("S3_BUCKET_NAME", "bucket"),
        ("SYNC_STATE_S3_PREFIX", "sentinel"),
        ("SSM_PARAMETER_PREFIX", "sentinel"),
        ("SSM_PARAMETER_SUFFIX", "/sentinel"),
        ("ON_USER_DELETED", "sentinel"),
        ("TOKEN_REFRESH_THRESHOLD_HOURS", "sentinel"),
        ("IAM_USER_LIST", "alice, ../sentinel"),
        ("SYNC_INTERVAL_HOURS", "24h-sentinel"),
        ("SSM_MAX_CALLS_PER_SECOND", "0"),
        ("SYNC_CONCURRENCY", "257"),
        ("LOG_LEVEL", "sentinel"),
    ];
    let text = only(&bad).unwrap_err().to_string();
    assert!(
        text.starts_with("16 problems in the configuration: VAULT_ADDR: "),
        "{text}"
    );
    assert!(!text.contains("sentinel"), "{text}");
    insta::assert_snapshot!(problems(only(&bad)), @"
    VAULT_ADDR: contains a user name or password; expected only scheme, host and port
    VAULT_NAMESPACE: contains a character that cannot be sent in an HTTP header; expected visible ASCII characters without spaces
    VAULT_CACERT_BYTES: contains no certificate; expected PEM text with -----BEGIN CERTIFICATE-----
    VAULT_MOUNT: is not a Vault path; expected segments of A-Z a-z 0-9 - _ . between single slashes
    VAULT_PATH_PREFIX: is not a Vault path; expected segments of A-Z a-z 0-9 - _ . between single slashes
    VAULT_TOKEN: contains a character that cannot be sent in an HTTP header; expected visible ASCII characters without spaces
    SYNC_STATE_S3_PREFIX: is not a prefix with a slash at its end only, such as sync-state/
    SSM_PARAMETER_PREFIX: is not a path with a slash at both ends, such as /iam_users/
    SSM_PARAMETER_SUFFIX: is not a suffix of A-Z a-z 0-9 . - _, such as _keys
    ON_USER_DELETED: is not a known action; expected retain or soft-delete
    TOKEN_REFRESH_THRESHOLD_HOURS: is not a valid number; expected a whole number from 1 to 8760
    IAM_USER_LIST: is not a comma-separated list of user names: a user name contains '/'; expected only A-Z a-z 0-9 + = , . @ _ -
    SYNC_INTERVAL_HOURS: is not a valid number; expected a whole number from 1 to 8760
    SSM_MAX_CALLS_PER_SECOND: is not a valid number; expected a whole number from 1 to 1000
    SYNC_CONCURRENCY: is not a valid number; expected a whole number from 1 to 256
    LOG_LEVEL: is not a log level; expected trace, debug, info, warn or error
    ");
}

#[test]
fn empty_configuration_names_what_is_required() {
    insta::assert_snapshot!(problems(only(&[])), @"
    S3_BUCKET_NAME: is not set, and neither is VAULT_TOKEN; expected the bucket that holds the Vault token (enhanced mode) or the token itself (basic mode)
    VAULT_ADDR: is not set; expected the address of Vault, such as https://vault.example.org:8200
    ");
}

#[test]
fn token_without_a_bucket_selects_basic_mode() {
    let config = only(&[
        ("VAULT_ADDR", "https://vault.example.org"),
        ("VAULT_TOKEN", "hvs.sentinel"),
    ])
    .unwrap();
    assert!(config.bucket.is_none());
    assert!(!format!("{config:?}").contains("sentinel"));
}

#[test]
fn path_of_a_user_is_below_mount_and_prefix() {
    let config = read(&[("VAULT_MOUNT", "kv"), ("VAULT_PATH_PREFIX", "a/b")]).unwrap();
    assert_eq!(
        config
            .vault
            .location_of(&UserName::parse("alice").unwrap())
            .path
            .to_string(),
        "kv/a/b/alice"
    );
}

#[test]
fn user_list_is_sorted_without_duplicates() {
    for (list, users) in [
        (",", "None"),
        (" ,, , ", "None"),
        ("alice,alice", r#"["alice"]"#),
        (
            "carol,alice, carol ,bob,,alice",
            r#"["alice", "bob", "carol"]"#,
        ),
        ("alice,Alice", r#"["Alice", "alice"]"#),
    ] {
        assert_eq!(
            listed(&read(&[("IAM_USER_LIST", list)]).unwrap()),
            users,
            "{list}"
        );
    }
}

#[test]
fn bucket_is_a_name_or_an_access_point_arn() {
    for good in [
        "my-bucket",
        "my.bucket",
        "arn:aws:s3:ca-central-1:123456789012:accesspoint/keys",
    ] {
        assert_eq!(
            read(&[("S3_BUCKET_NAME", good)])
                .unwrap()
                .bucket
                .unwrap()
                .name,
            good
        );
    }
    for bad in [
        "s3://my-bucket",
        "my-bucket/keys",
        "https://my-bucket.s3.amazonaws.com",
        "my:bucket",
        "my bucket",
    ] {
        let problems = read(&[("S3_BUCKET_NAME", bad)]).unwrap_err().to_string();
        assert!(
            problems.contains("S3_BUCKET_NAME: is not the name of a bucket"),
            "{bad}: {problems}"
        );
    }
}

#[test]
fn the_token_is_no_object_of_the_state() {
    for (key, prefix, legacy) in [
        ("sync-state/users/alice.json", "", ""),
        ("sync-state/last-run.json", "", ""),
        ("sync-state.json", "", ""),
        ("own/token.json", "own/", ""),
        ("old.json", "", "old.json"),
    ] {
        let text = problems(read(&[
            ("S3_BUCKET_NAME", "bucket"),
            ("VAULT_TOKEN_S3_KEY", key),
            ("SYNC_STATE_S3_PREFIX", prefix),
            ("SYNC_STATE_S3_KEY", legacy),
        ]));
        let expected = "VAULT_TOKEN_S3_KEY: names an object of the state";
        assert!(text.contains(expected), "{key}: {text}");
    }
}

#[test]
fn plain_http_is_for_loopback_only() {
    for good in [
        "https://vault.example.org:8200/",
        "https://10.0.0.1",
        "http://localhost:8200",
        "HTTP://LOCALHOST",
        "http://127.0.0.1",
        "http://127.9.9.9:1",
        "http://[::1]:8200",
    ] {
        assert!(read(&[("VAULT_ADDR", good)]).is_ok(), "{good}");
    }
    let (http, userinfo, more) = (
        "is http,",
        "user name or password",
        "path, query or fragment",
    );
    for (bad, because) in [
        ("http://vault.example.org", http),
        ("http://localhost.example.org", http),
        ("http://127.0.0.1.nip.io", http),
        ("http://127.0.0.1@vault.example.org", http),
        ("http://vault.example.org#localhost", http),
        ("http://0.0.0.0", http),
        ("http://128.0.0.1", http),
        ("http://[::2]", http),
        ("ftp://localhost", "neither https nor http"),
        ("localhost:8200", "neither https nor http"),
        ("vault", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://root@vault.example.org", userinfo),
        ("https://:secret@vault.example.org", userinfo),
        ("http://root:secret@localhost", userinfo),
        ("https://vault.example.org/v1", more),
        ("https://vault.example.org/?a=b", more),
        ("https://vault.example.org?", more),
        ("https://vault.example.org/#x", more),
    ] {
        let text = problems(read(&[("VAULT_ADDR", bad)]));
        assert!(
            text.starts_with("VAULT_ADDR: ") && text.contains(because),
            "{bad}: {text}"
        );
    }
}

#[test]
fn ca_certificates_come_from_a_file_or_a_value() {
    let file = std::env::temp_dir().join(format!("iam-key-sync-ca-{}.pem", std::process::id()));
    let path = file.to_str().unwrap();
    let count =
        |answer: Result<Config, Error>| answer.unwrap().vault.ca_certificates.unwrap().len();
    std::fs::write(&file, CERTIFICATE.repeat(2)).unwrap();
    assert_eq!(count(read(&[("VAULT_CACERT", path)])), 2);
    assert_eq!(
        count(read(&[
            ("VAULT_CACERT", path),
            ("VAULT_CACERT_BYTES", CERTIFICATE)
        ])),
        1,
        "the value takes precedence"
    );
    std::fs::write(&file, "no certificate").unwrap();
    let text = problems(read(&[("VAULT_CACERT", path)]));
    std::fs::remove_file(&file).unwrap();
    assert!(
        text.starts_with("VAULT_CACERT: contains no certificate"),
        "{text}"
    );
    let text = problems(read(&[("VAULT_CACERT", path)]));
    assert!(text.starts_with("VAULT_CACERT: cannot be read"), "{text}");
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let text = problems(read(&[("VAULT_CACERT_BYTES", key)]));
    assert!(
        text.starts_with("VAULT_CACERT_BYTES: contains no certificate"),
        "{text}"
    );
}

#[test]
fn numbers_have_limits() {
    for (name, highest) in [
        ("SYNC_INTERVAL_HOURS", "8760"),
        ("TOKEN_REFRESH_THRESHOLD_HOURS", "8760"),
        ("SYNC_CONCURRENCY", "256"),
        ("SSM_MAX_CALLS_PER_SECOND", "1000"),
    ] {
        let (.., shown) = VARIABLES
            .into_iter()
            .find(|variable| variable.0 == name)
            .unwrap();
        for good in ["1", highest] {
            assert_eq!(shown(&read(&[(name, good)]).unwrap()), good, "{name}");
        }
        let above = (highest.parse::<u32>().unwrap() + 1).to_string();
        for bad in ["0", &above, "-1", "1.5", "24h", "0x10", "1 0", "4294967297"] {
            let expected = format!(
                "{name}: is not a valid number; expected a whole number from 1 to {highest}"
            );
            assert_eq!(problems(read(&[(name, bad)])), expected, "{bad}");
        }
    }
}

#[test]
fn names_that_leave_their_path_are_rejected() {
    for (name, bad) in [
        (
            "VAULT_MOUNT",
            &["/", "a//b", "a/../b", ".", "a b", "a%2fb", "a?b", "é"][..],
        ),
        (
            "VAULT_PATH_PREFIX",
            &["/", "a//b", "..", "a/./b", "a\tb", "a#b"],
        ),
        (
            "SYNC_STATE_S3_PREFIX",
            &[
                "/",
                "//",
                "sync-state",
                "/sync-state",
                "/sync-state/",
                "a/b",
            ],
        ),
        (
            "SSM_PARAMETER_PREFIX",
            &[
                "/",
                "//",
                "iam_users/",
                "/iam_users",
                "/iam users/",
                "/iam_users*/",
            ],
        ),
        (
            "SSM_PARAMETER_PREFIX",
            &["///", "//iam_users/", "/iam_users//", "/iam//users/"],
        ),
        ("SSM_PARAMETER_SUFFIX", &["/keys", "_keys/", "* ", "_ke ys"]),
        (
            "IAM_USER_LIST",
            &["alice,..", "alice bob", "a/b", "alice;bob"],
        ),
        ("ON_USER_DELETED", &["delete", "Retain", "soft_delete"]),
    ] {
        for bad in bad {
            let text = problems(read(&[(name, bad)]));
            assert!(
                text.starts_with(&format!("{name}: ")) && !text.contains('\n'),
                "{bad}: {text}"
            );
        }
    }
}

#[test]
fn lambda_log_level_applies_if_ours_is_unset() {
    use tracing::Level;
    for (ours, lambdas, level) in [
        ("", "", Some(Level::INFO)),
        ("", "DEBUG", Some(Level::DEBUG)),
        (" ", "FATAL", Some(Level::ERROR)),
        ("warn", "DEBUG", Some(Level::WARN)),
        (" Trace ", "", Some(Level::TRACE)),
        ("ERROR", "nonsense", Some(Level::ERROR)),
        ("warning", "DEBUG", None),
        ("off", "", None),
        ("3", "", None),
        ("", "nonsense", None),
    ] {
        let variables = [("LOG_LEVEL", ours), ("AWS_LAMBDA_LOG_LEVEL", lambdas)];
        let source = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(log_level(source), level, "{variables:?}");
        let wrong = if ours.is_empty() {
            "AWS_LAMBDA_LOG_LEVEL: "
        } else {
            "LOG_LEVEL: "
        };
        match level {
            Some(level) => assert_eq!(read(&variables).unwrap().log_level, level),
            None => assert!(
                problems(read(&variables)).starts_with(wrong),
                "{variables:?}"
            ),
        }
    }
}

#[test]
fn aws_endpoints_are_https_except_on_loopback() {
    for (variable, value, expected) in [
        ("AWS_ENDPOINT_URL", "https://aws.example.org", None),
        ("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:4566", None),
        ("AWS_ENDPOINT_URL_S3", " http://[::1]:4566 ", None),
        ("AWS_ENDPOINT_URL_S3", "", None),
        (
            "AWS_ENDPOINT_URL",
            "http://aws.example.org",
            Some("is http"),
        ),
        (
            "AWS_ENDPOINT_URL_DYNAMODB",
            "http://10.0.0.1:8000",
            Some("is http"),
        ),
        (
            "AWS_ENDPOINT_URL_SSM",
            "ftp://127.0.0.1",
            Some("is neither"),
        ),
        ("AWS_ENDPOINT_URL_S3", "nope", Some("is not a URL")),
    ] {
        let config = Config::read(|name| match name {
            "VAULT_ADDR" => Some("https://vault.example.org".to_owned()),
            "VAULT_TOKEN" => Some("token".to_owned()),
            name => (name == variable).then(|| value.to_owned()),
        });
        let error = config
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        match expected {
            None => assert_eq!(error, "", "{variable}={value}"),
            Some(expected) => {
                let expected = format!("{variable}: {expected}");
                assert!(error.contains(&expected), "{variable}={value}: {error}");
            }
        }
    }
}
