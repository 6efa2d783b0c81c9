use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;

use super::*;

/// A certificate for tests; its key was discarded.
pub(super) const CERTIFICATE: &str = include_str!("authorities/test_ca.pem");

/// A variable: its name, the result without it, a value, the result with it, and the accessor.
type Variable = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    fn(&Config) -> String,
);

/// All variables except `VAULT_CACERT`, which names a file.
const VARIABLES: [Variable; 38] = [
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
        format!("{:?}", authorities(c))
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
    ("TARGETS_FILE", "None", "t.json", "Some(\"t.json\")", |c| {
        format!("{:?}", c.targets_file)
    }),
    ("TARGETS_S3_KEY", "targets.json", "t.json", "t.json", |c| {
        in_bucket(c, |b| &b.targets_key)
    }),
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
    ("VAULT_MAX_CALLS_PER_SECOND", "None", "5", "Some(5)", |c| {
        format!("{:?}", c.vault_calls_per_second)
    }),
    ("LOG_LEVEL", "INFO", "debug", "DEBUG", |c| {
        c.log_level.to_string()
    }),
    (
        "AWS_REGION",
        "None",
        "ca-west-1",
        "Some(\"ca-west-1\")",
        region,
    ),
    (
        "AWS_DEFAULT_REGION",
        "None",
        "ca-west-1",
        "Some(\"ca-west-1\")",
        region,
    ),
    ("AWS_ENDPOINT_URL", "None", ENDPOINT, SOME_ENDPOINT, |c| {
        format!("{:?}", c.aws.endpoints.all)
    }),
    (
        "AWS_ENDPOINT_URL_SSM",
        "None",
        ENDPOINT,
        SOME_ENDPOINT,
        |c| format!("{:?}", c.aws.endpoints.ssm),
    ),
    (
        "AWS_ENDPOINT_URL_S3",
        "None",
        ENDPOINT,
        SOME_ENDPOINT,
        |c| format!("{:?}", c.aws.endpoints.s3),
    ),
    (
        "AWS_ENDPOINT_URL_DYNAMODB",
        "None",
        ENDPOINT,
        SOME_ENDPOINT,
        |c| format!("{:?}", c.aws.endpoints.dynamodb),
    ),
    ("AWS_USE_FIPS_ENDPOINT", "None", "TRUE", "Some(true)", |c| {
        format!("{:?}", c.aws.use_fips)
    }),
    (
        "AWS_USE_DUALSTACK_ENDPOINT",
        "None",
        "false",
        "Some(false)",
        |c| format!("{:?}", c.aws.use_dual_stack),
    ),
    ("AWS_PROFILE", "None", "dev", "Some(\"dev\")", |c| {
        of_sdk(c, "AWS_PROFILE")
    }),
    ("AWS_CONFIG_FILE", "None", "c", "Some(\"c\")", |c| {
        of_sdk(c, "AWS_CONFIG_FILE")
    }),
    (
        "AWS_ENDPOINT_URL_STS",
        "None",
        ENDPOINT,
        SOME_ENDPOINT,
        |c| of_sdk(c, "AWS_ENDPOINT_URL_STS"),
    ),
    (
        "AWS_ENDPOINT_URL_IAM",
        "None",
        ENDPOINT,
        SOME_ENDPOINT,
        |c| format!("{:?}", c.aws.endpoints.iam),
    ),
    (
        "AWS_ENDPOINT_URL_LAMBDA",
        "None",
        ENDPOINT,
        SOME_ENDPOINT,
        |c| format!("{:?}", c.aws.endpoints.lambda),
    ),
    ("AWS_ROLE_ARN", "None", "arn", "Some(\"arn\")", |c| {
        of_sdk(c, "AWS_ROLE_ARN")
    }),
    (
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "None",
        "true",
        "Some(\"true\")",
        |c| of_sdk(c, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    ),
];

const ENDPOINT: &str = "https://vpce.example.org:8443/";
const SOME_ENDPOINT: &str = "Some(\"https://vpce.example.org:8443\")";

fn region(config: &Config) -> String {
    format!("{:?}", config.region)
}

/// Returns a variable that is handed to the credential sources of the AWS SDK.
fn of_sdk(config: &Config, name: &str) -> String {
    let mut variables = config.aws.variables.iter();
    let value = variables.find(|(known, _)| *known == name);
    format!("{:?}", value.map(|(_, value)| value.expose_secret()))
}

/// Returns how many authorities are trusted for Vault, if they are given.
fn authorities(config: &Config) -> Option<usize> {
    let authorities = config.vault.authorities.as_ref()?;
    Some(authorities.certificates().len())
}

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
            .authorities
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
    // The others are documented by AWS.
    let of_aws = |name: &String| name.starts_with("AWS_") || name == "HOME";
    let requested = requested.into_inner();
    for name in shared.iter().filter_map(|entry| text(entry, "name")) {
        assert!(requested.contains(&name), "{name} is not read");
    }
    let unlisted = requested.iter().filter(|name| !of_aws(name));
    for name in unlisted {
        assert!(
            shared.iter().any(|entry| entry["name"] == **name),
            "{name} is not listed"
        );
    }
    for entry in &shared {
        let (name, default) = (text(entry, "name").unwrap(), text(entry, "default"));
        assert_eq!(entry["required"], name == "VAULT_ADDR", "{name}");
        let Some((.., shown)) = VARIABLES.iter().find(|variable| variable.0 == name) else {
            assert!(
                ["SSL_", "AWS_", "VAULT_CACERT", "VAULT_AUTH_"]
                    .iter()
                    .any(|other| name.starts_with(other)),
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
fn the_targets_document_is_no_other_object() {
    for key in [
        "sync-state/targets.json",
        "sync-state.json",
        "vault-token.json",
    ] {
        let text = problems(read(&[("TARGETS_S3_KEY", key)]));
        let expected = "TARGETS_S3_KEY: names another object of the service";
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
fn authorities_come_from_a_file_or_a_value() {
    let file = std::env::temp_dir().join(format!("iam-key-sync-ca-{}.pem", std::process::id()));
    let path = file.to_str().unwrap();
    let count = |answer: Result<Config, Error>| authorities(&answer.unwrap()).unwrap();
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
fn white_space_around_every_value_is_ignored() {
    for (name, _, value, effect, shown) in VARIABLES {
        for padded in [
            format!(" {value}\r"),
            format!("\n{value}\r\n"),
            format!("\t{value} "),
        ] {
            let config = read(&[(name, &padded)]);
            assert_eq!(shown(&config.unwrap()), effect, "{name}={padded:?}");
        }
    }
}

/// Each fault of a value, for each variable that is read: the answer is a configuration, or
/// problems by name.
#[test]
fn faults_of_a_single_variable_are_named() {
    let requested = RefCell::new(BTreeSet::new());
    let _ = Config::read(|name| {
        requested.borrow_mut().insert(name.to_owned());
        (name == "S3_BUCKET_NAME").then(|| "bucket".to_owned())
    });
    let faults = [
        "",
        " ",
        "\r",
        "\u{fffd}",
        "sentinel\r\n/ : ; \u{1}",
        "\u{feff}1",
    ];
    for name in requested.into_inner() {
        for fault in faults {
            match read(&[(&name, fault)]) {
                Ok(_) => assert!(name != "VAULT_ADDR", "{fault:?}"),
                Err(Error::BadConfiguration(problems)) => {
                    // It needs another one.
                    let role = name == "AWS_WEB_IDENTITY_TOKEN_FILE";
                    let named = problems.iter().any(|problem| {
                        problem.variable == name || (role && problem.variable == "AWS_ROLE_ARN")
                    });
                    assert!(named, "{name}={fault:?}: {problems:?}");
                    let text = format!("{problems:?}");
                    assert!(!text.contains("sentinel"), "{name}={fault:?}: {text}");
                }
                Err(error) => panic!("{name}={fault:?}: {error}"),
            }
        }
        let not_text = read(&[(&name, "\u{fffd}")]);
        assert!(not_text.is_err(), "{name} that is not UTF-8");
    }
}

#[test]
fn region_falls_back_to_the_default_region() {
    for (first, second, expected) in [
        ("", "ca-central-1", Some("ca-central-1")),
        (" \r", "ca-central-1", Some("ca-central-1")),
        ("ca-west-1", "ca-central-1", Some("ca-west-1")),
        ("", "", None),
    ] {
        let config = read(&[("AWS_REGION", first), ("AWS_DEFAULT_REGION", second)]);
        assert_eq!(config.unwrap().region.as_deref(), expected);
    }
    for bad in [
        "Ca-Central-1",
        "ca central 1",
        "ca-central-1.",
        "-ca",
        "ca_central_1",
        "é",
    ] {
        let text = problems(read(&[("AWS_REGION", bad)]));
        assert!(
            text.starts_with("AWS_REGION: is not a Region;"),
            "{bad}: {text}"
        );
    }
}

#[test]
fn aws_credentials_are_complete_and_fit_a_header() {
    let (id, secret) = (
        ("AWS_ACCESS_KEY_ID", " AKIA\r"),
        ("AWS_SECRET_ACCESS_KEY", "sentinel "),
    );
    let token = ("AWS_SESSION_TOKEN", "sentinel\n");
    let config = read(&[id, secret, token]).unwrap();
    assert!(!format!("{config:?}").contains("sentinel"));
    let given = config.aws.credentials.unwrap();
    assert_eq!(
        (given.id.as_str(), given.secret.expose_secret()),
        ("AKIA", "sentinel")
    );
    assert_eq!(given.session_token.unwrap().expose_secret(), "sentinel");
    assert!(read(&[token]).unwrap().aws.credentials.is_none());
    for (given, missing) in [(id, "AWS_SECRET_ACCESS_KEY"), (secret, "AWS_ACCESS_KEY_ID")] {
        let text = problems(read(&[given]));
        assert!(
            text.starts_with(&format!("{missing}: is not set, but ")),
            "{text}"
        );
    }
    for bad in ["sentinel\u{1}x", "sentinel x", "sentinél"] {
        let text = problems(read(&[id, ("AWS_SECRET_ACCESS_KEY", bad)]));
        assert!(
            text.starts_with("AWS_SECRET_ACCESS_KEY: contains"),
            "{text}"
        );
        assert!(!text.contains("sentin") && !text.contains('\n'), "{text}");
    }
}

#[test]
fn endpoints_are_ignored_on_request() {
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    let config = read(&[
        ignore,
        ("AWS_ENDPOINT_URL", ENDPOINT),
        ("AWS_ENDPOINT_URL_S3", ENDPOINT),
    ]);
    let endpoints = config.unwrap().aws.endpoints;
    assert!(endpoints.all.is_none() && endpoints.s3.is_none());
}

#[test]
fn authorities_of_the_host_apply_where_no_others_are_given() {
    let folder = std::env::temp_dir().join(format!("iam-key-sync-host-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("0a1b2c3d.0");
    std::fs::write(&file, CERTIFICATE).unwrap();
    let (file, folder_name) = (file.to_str().unwrap(), folder.to_str().unwrap());
    let of = |variables: &[(&str, &str)]| {
        let config = read(variables).unwrap();
        [config.vault.authorities, config.aws.authorities]
            .map(|authorities| authorities.and_then(|authorities| authorities.variable()))
    };
    let host = Some("SSL_CERT_FILE");
    assert_eq!(of(&[("SSL_CERT_FILE", file)]), [host, host]);
    let bundle = [("SSL_CERT_FILE", file), ("AWS_CA_BUNDLE", file)];
    assert_eq!(of(&bundle), [host, Some("AWS_CA_BUNDLE")]);
    let vault = [("SSL_CERT_FILE", file), ("VAULT_CACERT", file)];
    assert_eq!(of(&vault), [Some("VAULT_CACERT"), host]);
    let directory = Some("SSL_CERT_DIR");
    assert_eq!(
        of(&[("SSL_CERT_DIR", &format!(":{folder_name}"))]),
        [directory, directory]
    );
    assert_eq!(
        of(&[("SSL_CERT_FILE", " "), ("SSL_CERT_DIR", "")]),
        [None, None]
    );
    for (name, value) in [
        ("SSL_CERT_FILE", "/no/such/file"),
        ("SSL_CERT_FILE", folder_name),
        ("SSL_CERT_DIR", "/no/such/folder"),
        ("SSL_CERT_DIR", file),
        ("AWS_CA_BUNDLE", "/dev/null"),
    ] {
        let text = problems(read(&[(name, value)]));
        assert!(text.starts_with(&format!("{name}: ")), "{text}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn names_of_resources_are_understood_wholly() {
    for (name, bad) in [
        ("IAM_USER_LIST", &[",", " ,, , "][..]),
        (
            "IAM_USER_TABLE",
            &["a table", "table/name", "arn:aws:dynamodb:x:y:index/z"],
        ),
        ("S3_BUCKET_NAME", &["arn:aws:s3:::bucket", "bücket"]),
        (
            "VAULT_TOKEN_S3_KEY",
            &["s3://bucket/token.json", "/token.json", "tokens/", "a\nb"],
        ),
        ("SYNC_STATE_S3_KEY", &["s3://bucket/state.json", "a\u{7}b"]),
        ("TARGETS_S3_KEY", &["s3://bucket/targets.json", "targets/"]),
        ("SYNC_STATE_S3_PREFIX", &["s3://bucket/state/", "a\tb/"]),
        ("AWS_USE_FIPS_ENDPOINT", &["yes", "1"]),
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
        ("AWS_ENDPOINT_URL_STS", "nope", Some("is not a URL")),
        (
            "AWS_ENDPOINT_URL",
            "https://u:p@a.example.org",
            Some("contains a user"),
        ),
        (
            "AWS_ENDPOINT_URL",
            "https://a.example.org/?x",
            Some("has a query"),
        ),
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

#[test]
fn a_login_is_complete_and_excludes_a_token() {
    const AWS: (&str, &str) = ("VAULT_AUTH_METHOD", " aws ");
    const ROLE: (&str, &str) = ("VAULT_AUTH_ROLE", "iam-key-sync");
    let login = read(&[AWS, ROLE]).unwrap().vault.login.unwrap();
    let expected = AwsLogin {
        role: "iam-key-sync".to_owned(),
        mount: "aws".to_owned(),
        region: None,
        server_id: None,
    };
    assert_eq!(login, expected);
    let all = [
        AWS,
        ROLE,
        ("VAULT_AUTH_MOUNT", "/auth/team/"),
        ("VAULT_AUTH_AWS_REGION", "ca-west-1"),
        ("VAULT_AUTH_AWS_SERVER_ID", "vault.example.org"),
    ];
    let login = read(&all).unwrap().vault.login.unwrap();
    assert_eq!(login.mount, "auth/team");
    assert_eq!(login.region.as_deref(), Some("ca-west-1"));
    assert_eq!(login.server_id.as_deref(), Some("vault.example.org"));
    assert!(
        read(&[("VAULT_AUTH_METHOD", "token")])
            .unwrap()
            .vault
            .login
            .is_none()
    );
    // Without a bucket, as in basic mode.
    let address = ("VAULT_ADDR", "https://vault.example.org");
    assert!(only(&[address, AWS, ROLE]).unwrap().bucket.is_none());
    for (variables, expected) in [
        (&[AWS][..], "VAULT_AUTH_ROLE: is not set"),
        (
            &[AWS, ROLE, ("VAULT_TOKEN", "hvs.a")],
            "VAULT_TOKEN: is set, but",
        ),
        (
            &[ROLE],
            "VAULT_AUTH_ROLE: is set, but VAULT_AUTH_METHOD is not aws",
        ),
        (
            &[("VAULT_AUTH_METHOD", "ldap")],
            "VAULT_AUTH_METHOD: is neither token nor aws",
        ),
        (
            &[AWS, ROLE, ("VAULT_AUTH_MOUNT", "a//b")],
            "VAULT_AUTH_MOUNT: is not a Vault path",
        ),
        (
            &[AWS, ROLE, ("VAULT_AUTH_AWS_REGION", "Canada")],
            "VAULT_AUTH_AWS_REGION: is not a Region",
        ),
        (
            &[AWS, ROLE, ("VAULT_AUTH_AWS_SERVER_ID", "a b")],
            "VAULT_AUTH_AWS_SERVER_ID: contains a character",
        ),
    ] {
        let found = problems(read(variables));
        assert!(found.starts_with(expected), "{variables:?}: {found}");
    }
}
