use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The sample that the scheduled job `workflow-cli iam-key-rotation` publishes
/// (<https://github.com/bcgov/nr-apm-stack/blob/main/workflow-cli/parameter-vault-config.sample.json>).
const SAMPLE_OF_SCHEDULED_JOB: &str = r#"{
  "region": "ca-central-1",
  "roleArn": "arn:aws:iam::123456789012:role/ExampleRole",
  "metadata": "aws_ssm_parameter_version",
  "parameters": [
    {
      "name": "/iam_users/username_key",
      "targets": [
        {
          "mount": "apps",
          "path": "prod/project/service/sync-creds",
          "roleArn": null,
          "region": null
        }
      ]
    },
    {
      "name": "/iam_users/username2_key",
      "targets": [
        {
          "mount": "apps",
          "path": "prod/project/shared/aws-ssm-sync/kinesis"
        }
      ]
    },
    {
      "name": "/iam_users/username2_key",
      "targets": [
        {
          "mount": "apps",
          "path": "prod/project/service/aws-ssm-sync/lza"
        }
      ]
    }
  ]
}"#;

fn defaults(variables: &[(&str, &str)]) -> TargetDefaults {
    let variable = |name: &str| variables.iter().find(|(known, _)| *known == name);
    TargetDefaults::read(|name| variable(name).map(|(_, value)| (*value).to_owned())).unwrap()
}

fn parse(document: &Value) -> Targets {
    parse_with(document, &[])
}

fn parse_with(document: &Value, variables: &[(&str, &str)]) -> Targets {
    Targets::parse(document.to_string().as_bytes(), &defaults(variables)).unwrap()
}

fn problems_of_text(document: &str) -> Vec<String> {
    let problems = Targets::parse(document.as_bytes(), &defaults(&[])).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

fn problems(document: &Value) -> Vec<String> {
    problems_of_text(&document.to_string())
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn key() -> AccessKey {
    AccessKey::new("AKIAIOSFODNN7EXAMPLE".to_owned(), SECRET.into()).unwrap()
}

/// Returns the rendered fields of a target.
fn render(target: &Target) -> BTreeMap<String, String> {
    let time = "2026-01-10T09:00:00.123456Z".parse().unwrap();
    let fields = target.render(&key(), &user("alice"), time);
    let fields = fields.iter();
    fields
        .map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned()))
        .collect()
}

/// Returns a document with one target of alice, which has these members besides.
fn one(top: Value, target: Value) -> Value {
    let mut all = json!({"mount": "apps", "path": "a/b"});
    merge(&mut all, target);
    let mut document = json!({
        "parameters": [{"name": "/iam_users/alice_keys", "targets": [all]}],
    });
    merge(&mut document, top);
    document
}

fn merge(object: &mut Value, members: Value) {
    let Value::Object(members) = members else {
        panic!("{members} is not an object");
    };
    object.as_object_mut().unwrap().extend(members);
}

/// Returns the only target of a document made by [`one`].
fn target(top: Value, target: Value) -> Target {
    let targets = parse(&one(top, target)).for_user(&user("alice"));
    targets.into_iter().next().unwrap()
}

#[test]
fn sample_of_the_scheduled_job_is_accepted_unchanged() {
    let naming = defaults(&[("SSM_PARAMETER_SUFFIX", "_key")]);
    let targets = Targets::parse(SAMPLE_OF_SCHEDULED_JOB.as_bytes(), &naming).unwrap();
    assert_eq!(targets.version_mark(), Some("aws_ssm_parameter_version"));
    let first = targets.for_user(&user("username"));
    assert_eq!(
        render(&first[0]).keys().collect::<Vec<_>>(),
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    );
    let paths = |name| {
        let targets = targets.for_user(&user(name));
        let paths = targets.iter().map(|target| target.location.to_string());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(paths("username"), ["apps/prod/project/service/sync-creds"]);
    assert_eq!(
        paths("username2"),
        [
            "apps/prod/project/shared/aws-ssm-sync/kinesis",
            "apps/prod/project/service/aws-ssm-sync/lza"
        ],
        "entries of one parameter are combined"
    );
    assert!(
        targets
            .named()
            .all(|(_, target)| target.merge && target.has_default_fields())
    );
    assert!(targets.for_user(&user("other")).is_empty());
}

#[test]
fn sample_of_the_scheduled_job_needs_its_suffix() {
    let problems = problems_of_text(SAMPLE_OF_SCHEDULED_JOB);
    assert_eq!(problems.len(), 3);
    assert_eq!(
        problems[0],
        "parameters[0].name: does not end with _keys; expected /iam_users/USER_keys, or another \
         SSM_PARAMETER_SUFFIX"
    );
}

#[test]
fn target_has_the_default_fields() {
    let all = json!({"region": "ca-central-1", "roleArn": "arn:aws:iam::1:role/R"});
    let expected = BTreeMap::from(
        [
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_DEFAULT_REGION", "ca-central-1"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/R"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    assert_eq!(render(&target(all.clone(), json!({}))), expected);
    assert_eq!(render(&target(json!({}), all)), expected);
    assert_eq!(render(&target(json!({}), json!({}))).len(), 2);
}

#[test]
fn target_overrides_inherits_or_switches_off() {
    let rendered = |top: Value, own: Value| {
        let fields = json!({"all": "{accessKeyId}", "region": "{region}", "role": "{roleArn}"});
        let mut top = top;
        merge(&mut top, json!({"fields": fields}));
        let target = target(top, own);
        let fields = render(&target);
        let of = |name: &str| fields.get(name).cloned();
        (of("region"), of("role"))
    };
    let some = |text: &str| Some(text.to_owned());
    let top = json!({"region": "r1", "roleArn": "a1"});
    let both = json!({"region": "r2", "roleArn": "a2"});
    let empty = json!({"region": "", "roleArn": ""});
    let null = json!({"region": null, "roleArn": null});
    assert_eq!(rendered(top.clone(), json!({})), (some("r1"), some("a1")));
    assert_eq!(
        rendered(top.clone(), both.clone()),
        (some("r2"), some("a2"))
    );
    assert_eq!(
        rendered(top.clone(), empty.clone()),
        (some("r1"), some("a1"))
    );
    assert_eq!(rendered(top, null.clone()), (None, None));
    assert_eq!(rendered(null, both), (some("r2"), some("a2")));
    assert_eq!(rendered(empty, json!({})), (None, None));
}

#[test]
fn target_fields_and_merge_are_inherited_as_a_whole() {
    let top = json!({"fields": {"A": "{accessKeyId}"}, "merge": false});
    let names = |own| {
        render(&target(top.clone(), own))
            .into_keys()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(json!({})), ["A"]);
    assert_eq!(names(json!({"fields": {}})), ["A"]);
    assert_eq!(names(json!({"fields": {"B": "b", "C": "c"}})), ["B", "C"]);
    assert!(!target(top.clone(), json!({})).merge);
    assert!(target(top.clone(), json!({"merge": true})).merge);
    assert!(target(json!({}), json!({})).merge, "merge is the default");
}

#[test]
fn target_namespace_comes_from_target_document_or_environment() {
    let environment = &[("VAULT_NAMESPACE", "/env/")][..];
    let of = |top: Value, own: Value, variables| {
        let targets = parse_with(&one(top, own), variables).for_user(&user("alice"));
        targets[0].location.namespace.clone()
    };
    let named = |name: &str| json!({"namespace": name});
    let null = json!({"namespace": null});
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(of(json!({}), json!({}), &[]), None);
    assert_eq!(of(json!({}), json!({}), environment), some("env"));
    assert_eq!(of(named("top"), json!({}), environment), some("top"));
    assert_eq!(of(named("top"), named("own/"), environment), some("own"));
    assert_eq!(of(named("top"), named(""), environment), some("top"));
    assert_eq!(of(named("top"), null.clone(), environment), None);
    assert_eq!(of(null, json!({}), environment), None);
}

#[test]
fn version_mark_has_a_default_and_can_be_switched_off() {
    for (metadata, expected) in [
        (json!({}), Some("aws_parameter_version")),
        (json!({"metadata": ""}), Some("aws_parameter_version")),
        (json!({"metadata": "v"}), Some("v")),
        (json!({"metadata": null}), None),
    ] {
        let targets = parse(&one(metadata.clone(), json!({})));
        assert_eq!(targets.version_mark(), expected, "{metadata}");
    }
}

#[test]
fn users_without_an_entry_are_untargeted_or_those_of_others() {
    let document = one(json!({}), json!({}));
    assert!(parse(&document).for_user(&user("bob")).is_empty());
    let others = json!({"mount": "kv", "path": "x/{userName}/{userName}", "merge": false});
    let document = one(json!({"others": others}), json!({}));
    let targets = parse(&document);
    let of = |name| {
        let targets = targets.for_user(&user(name));
        assert_eq!(targets.len(), 1, "{name}");
        (targets[0].location.to_string(), targets[0].merge)
    };
    assert_eq!(of("bob"), ("kv/x/bob/bob".to_owned(), false));
    assert_eq!(of("alice"), ("apps/a/b".to_owned(), true));
    let only_others = json!({"others": {"mount": "kv", "path": "{userName}"}});
    let targets = parse(&only_others);
    assert_eq!(
        targets.for_user(&user("bob"))[0].location.to_string(),
        "kv/bob"
    );
}

#[test]
fn without_a_document_the_target_is_the_default_one() {
    for namespace in ["", "team"] {
        let config = Config::read(|name| match name {
            "VAULT_ADDR" => Some("https://vault.example.org".to_owned()),
            "VAULT_TOKEN" => Some("t".to_owned()),
            "VAULT_NAMESPACE" => Some(namespace.to_owned()),
            _ => None,
        });
        let config = config.unwrap();
        let targets = Targets::without_document(&config.vault);
        let alice = targets.for_user(&user("alice"));
        assert_eq!(alice.len(), 1);
        assert_eq!(
            alice[0].location,
            config.vault.location_of(&user("alice")).path
        );
        assert!(!alice[0].merge && !alice[0].has_default_fields());
        assert_eq!(targets.version_mark(), None);
        let fields = [
            ("accessKeyId", "AKIAIOSFODNN7EXAMPLE"),
            ("secretAccessKey", SECRET),
            ("syncedAt", "2026-01-10T09:00:00.123Z"),
            ("userName", "alice"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(render(&alice[0]), fields.into());
    }
}

#[test]
fn definition_is_that_of_what_is_written() {
    let fields = json!({"fields": {"ID": "{accessKeyId}", "R": "{region}"}});
    let of = |top: Value| {
        let mut all = fields.clone();
        merge(&mut all, top);
        target(all, json!({})).definition()
    };
    let same = of(json!({"region": "r"}));
    // The state records this value, so a release that changes it would rewrite all secrets.
    assert_eq!(same, "e9f306bcb4834cfa");
    assert_eq!(of(json!({"region": "r", "roleArn": "not-used"})), same);
    assert_eq!(
        of(json!({"region": "r", "merge": false, "metadata": null})),
        same
    );
    assert_eq!(
        of(json!({"fields": {"R": "r", "ID": "{accessKeyId}"}})),
        same
    );
    assert_ne!(of(json!({"region": "s"})), same);
    assert_ne!(of(json!({})), same, "the field is left out");
    assert_ne!(
        of(json!({"fields": {"ID": "{accessKeyId}", "Q": "r"}})),
        same
    );
    assert_ne!(
        of(json!({"fields": {"ID": "{{accessKeyId}}", "R": "r"}})),
        same
    );
    let smtp = |region: &str| {
        let fields = json!({"fields": {"P": "{sesSmtpPassword}"}, "region": region});
        target(fields, json!({})).definition()
    };
    assert_ne!(smtp("r"), smtp("s"), "the password depends on the Region");
}

#[test]
fn default_fields_are_recognised_also_if_they_are_stated() {
    let stated = json!({"fields": {
        "AWS_ACCESS_KEY_ID": "{accessKeyId}", "AWS_SECRET_ACCESS_KEY": "{secretAccessKey}",
        "AWS_DEFAULT_REGION": "{region}", "AWS_ROLE_ARN": "{roleArn}",
    }});
    assert!(target(json!({}), stated.clone()).has_default_fields());
    assert!(target(stated, json!({})).has_default_fields());
    let other = json!({"fields": {"AWS_ACCESS_KEY_ID": "{accessKeyId}"}});
    assert!(!target(json!({}), other).has_default_fields());
}

#[test]
fn refused_document_lists_every_problem_by_place() {
    let target = |mount: Value, path: Value| json!({"mount": mount, "path": path});
    let document = json!({
        "region": "ca central",
        "roleArn": "\"arn\"",
        "namespace": "a b",
        "metadata": "managed-by",
        "merge": "yes",
        "fields": {"": "x", "A": "{nothing}", "B": 1, "C": "}"},
        "regoin": "x",
        "others": {"mount": "kv", "path": "all"},
        "parameters": [
            {"name": "alice", "targets": [target(json!(""), json!("/a"))]},
            {"name": "/iam_users/bob", "targets": []},
            {"name": "/iam_users/carol_keys"},
            {"targets": [target(json!("apps/"), json!("a//b"))]},
            {"name": "/iam_users/da+ve_keys", "targets": [target(json!(1), json!(null))]},
            {"name": "/iam_users/e/ve_keys", "targets": {}, "path": "x"},
            {"name": "/iam_users/frank_keys", "targets": ["x"]},
        ],
    });
    insta::assert_snapshot!(problems(&document).join("\n"), @r#"
    regoin: is an unknown member; expected region, roleArn, metadata, namespace, merge, fields, others, parameters
    namespace: has white space, a quote or a character that is not ASCII; expected a namespace such as platform-services
    region: has white space, a quote or a brace; expected a Region such as ca-central-1
    roleArn: has white space, a quote or a brace; expected an ARN such as arn:aws:iam::123456789012:role/NAME
    fields[""]: is the empty string; expected the name of a field
    fields.A: has the unknown placeholder "nothing"; expected {accessKeyId}, {secretAccessKey}, {userName}, {syncedAt}, {region}, {roleArn}, {sesSmtpPassword}, {sesSmtpPassword:REGION}; {{ and }} for braces
    fields.B: is a number; expected a template, which is a string
    fields.C: has a single brace; expected {{ or }} for a brace of the text
    merge: is a string; expected true or false
    metadata: is the key of another mark; expected a key such as aws_parameter_version
    others.path: does not contain {userName}; expected a path of its own for each user
    parameters[0].name: does not begin with /iam_users/; expected /iam_users/USER_keys, or another SSM_PARAMETER_PREFIX
    parameters[0].targets[0].mount: is empty; expected a string
    parameters[0].targets[0].path: has a slash at an end; expected segments between single slashes
    parameters[1].name: does not end with _keys; expected /iam_users/USER_keys, or another SSM_PARAMETER_SUFFIX
    parameters[1].targets: is empty; expected a list of targets
    parameters[2].targets: is missing; expected a list of targets
    parameters[3].name: is missing; expected a string
    parameters[3].targets[0].mount: has a slash at an end; expected segments between single slashes
    parameters[3].targets[0].path: has an empty segment; expected segments between single slashes
    parameters[4].name: has a character that Parameter Store does not allow; expected A-Z a-z 0-9 . - _ in the name of the user "da+ve"
    parameters[4].targets[0].mount: is a number; expected a string
    parameters[4].targets[0].path: is null; expected a string
    parameters[5].path: is an unknown member; expected name, targets
    parameters[5].name: is not that of a user (the parameter's name contains no user name: a user name contains '/'; expected only A-Z a-z 0-9 + = , . @ _ -); expected /iam_users/USER_keys
    parameters[5].targets: is an object; expected a list of targets
    parameters[6].targets[0]: is a string; expected an object
    "#);
}

#[test]
fn refused_paths_have_their_reason() {
    for (path, problem) in [
        ("", "is empty"),
        ("/a", "has a slash at an end"),
        ("a/", "has a slash at an end"),
        ("a//b", "has an empty segment"),
        (".", "has the segment . or .."),
        ("a/../b", "has the segment . or .."),
        ("a/\u{7}", "has a control character"),
        ("a\nb", "has a control character"),
        ("a/ b", "has white space at an end of a segment"),
        ("a/{userName}", "has a brace"),
        ("a/b*", "has a *"),
        ("a/+/b", "has the segment +"),
    ] {
        for member in ["path", "mount"] {
            let found = problems(&one(json!({}), json!({member: path})));
            assert_eq!(found.len(), 1, "{found:?}");
            let expected = format!("parameters[0].targets[0].{member}: {problem}");
            assert!(found[0].starts_with(&expected), "{path:?}: {found:?}");
            assert!(found[0].contains("; expected "), "{found:?}");
        }
    }
    for length in [255, 256] {
        let long = "x".repeat(length);
        let document = one(json!({}), json!({"path": format!("a/{long}")})).to_string();
        let accepted = Targets::parse(document.as_bytes(), &defaults(&[])).is_ok();
        assert_eq!(accepted, length == 255);
    }
    let deep = vec!["x"; 257].join("/");
    assert!(problems(&one(json!({}), json!({"path": deep})))[0].contains("is too long"));
}

#[test]
fn accepted_paths_are_kept_as_they_are() {
    for path in ["a", "A-z_0.9/é ü/x=y,z@+", "..a/.b./c", "data/metadata"] {
        let target = target(json!({}), json!({"path": path}));
        assert_eq!(target.location.path, path);
    }
}

#[test]
fn refused_values_are_those_that_break_a_configuration_file() {
    for value in ["a b", "a\tb", "a\"", "'a'", "a`", "{region}", "a\u{0}", " "] {
        for member in ["region", "roleArn", "namespace"] {
            for document in [
                one(json!({member: value}), json!({})),
                one(json!({}), json!({member: value})),
            ] {
                let found = problems(&document);
                assert!(!found.is_empty(), "{member} {value:?}");
                let place = format!("{member}: has ");
                assert!(found[0].contains(&place), "{member} {value:?}: {found:?}");
            }
        }
    }
    assert!(problems(&one(json!({"namespace": "é"}), json!({})))[0].contains("is not ASCII"));
}

#[test]
fn refused_are_two_targets_of_the_same_secret() {
    let entry = |user: &str, path: &str, namespace: Value| {
        json!({"name": format!("/iam_users/{user}_keys"), "targets":
            [{"mount": "apps", "path": path, "namespace": namespace}]})
    };
    let document = json!({"parameters": [
        entry("alice", "a", json!(null)), entry("alice", "a", json!("n")),
        entry("bob", "a", json!("n/")), entry("alice", "a", json!(null)),
    ]});
    assert_eq!(
        problems(&document),
        [
            "parameters[2].targets[0]: is the same secret as parameters[1].targets[0]; expected \
             another namespace, mount or path",
            "parameters[3].targets[0]: is the same secret as parameters[0].targets[0]; expected \
             another namespace, mount or path",
        ]
    );
}

#[test]
fn refused_is_a_target_that_others_gives_to_a_user_without_entry() {
    let with = |pattern: &str, path: &str| {
        let others = json!({"mount": "apps", "path": pattern});
        let document = one(json!({"others": others}), json!({"path": path})).to_string();
        Targets::parse(document.as_bytes(), &defaults(&[])).map_err(|problems| problems.len())
    };
    assert_eq!(with("k/{userName}", "k/bob").err(), Some(1));
    assert_eq!(
        with("k/{userName}/x/{userName}", "k/bob/x/bob").err(),
        Some(1)
    );
    assert!(with("k/{userName}/x/{userName}", "k/bob/x/eve").is_ok());
    assert!(
        with("k/{userName}", "k/alice").is_ok(),
        "alice has an entry"
    );
    assert!(
        with("k/{userName}", "k/b+b").is_ok(),
        "no parameter has this user"
    );
    assert!(with("k/{userName}", "k").is_ok());
    let others = json!({"mount": "kv", "path": "k/{userName}"});
    let other_mount = one(json!({"others": others}), json!({"path": "k/bob"}));
    assert_eq!(parse(&other_mount).named().count(), 1);
}

#[test]
fn refused_is_a_document_that_targets_nothing() {
    for (document, place) in [
        (json!({}), "parameters: is missing"),
        (json!({"parameters": []}), "parameters: is empty"),
        (json!({"parameters": null}), "parameters: is null"),
        (
            json!({"parameters": {}, "others": null}),
            "parameters: is an object",
        ),
        (
            one(json!({"fields": null}), json!({})),
            "parameters[0].targets[0].fields: is null",
        ),
        (
            one(json!({}), json!({"fields": null})),
            "parameters[0].targets[0].fields: is null",
        ),
        (
            one(json!({}), json!({"fields": {"R": "{region}"}})),
            "parameters[0].targets[0].fields: all use a value that is null or absent",
        ),
    ] {
        let found = problems(&document);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(place), "{found:?}");
    }
}

#[test]
fn refused_is_what_is_not_one_json_object() {
    for text in [
        "",
        "[]",
        "{",
        "{} {}",
        "null",
        "'",
        "\u{feff}{}",
        "{\"parameters\": [1e999]}",
    ] {
        let found = problems_of_text(text);
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        assert!(found[0].starts_with("document: is "), "{text:?}: {found:?}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(problems_of_text(&deep)[0].contains("recursion limit"));
    assert!(Targets::parse(b"{\"\xff\": 1}", &defaults(&[])).is_err());
}

#[test]
fn refused_is_a_repeated_member() {
    let target = r#"{"mount": "m", "path": "p", "path": "q", "fields": {"A": "a", "A": "b"}}"#;
    let entry = format!(r#"{{"name": "/iam_users/a_keys", "targets": [{target}]}}"#);
    let found = problems_of_text(&format!(
        r#"{{"region": "r", "region": "s", "parameters": [{entry}]}}"#
    ));
    let places = found
        .iter()
        .map(|problem| problem.split(':').next().unwrap());
    assert_eq!(
        places.collect::<Vec<_>>(),
        [
            "region",
            "parameters[0].targets[0].path",
            "parameters[0].targets[0].fields.A"
        ]
    );
}

#[test]
fn refused_is_a_document_over_a_limit() {
    let targets = |count: usize| {
        let target = |index| json!({"mount": "m", "path": format!("p{index}")});
        (0..count).map(target).collect::<Vec<_>>()
    };
    let of_alice = |count| {
        json!({"parameters":
        [{"name": "/iam_users/alice_keys", "targets": targets(count)}]})
    };
    assert_eq!(parse(&of_alice(50)).for_user(&user("alice")).len(), 50);
    assert_eq!(
        problems(&of_alice(51)),
        ["parameters[0].targets[50]: is one target too many for alice; expected at most 50"]
    );
    let entry = |index| {
        json!({"name": format!("/iam_users/u{index}_keys"),
        "targets": [{"mount": "m", "path": format!("{index}")}]})
    };
    let entries = (0..=20_000).map(entry).collect::<Vec<_>>();
    let text = json!({"parameters": entries}).to_string();
    assert!(text.len() > MAX_BYTES);
    assert_eq!(
        problems_of_text(&text),
        ["document: is too large; expected at most 1048576 bytes"]
    );
    let fields = |count: usize, length: usize| {
        let field = |index: usize| (index.to_string(), Value::from("x".repeat(length)));
        let fields = (0..count).map(field).collect::<serde_json::Map<_, _>>();
        one(json!({}), json!({"fields": fields})).to_string()
    };
    let accepted = |text: String| Targets::parse(text.as_bytes(), &defaults(&[])).is_ok();
    assert!(accepted(fields(64, 200)) && !accepted(fields(65, 1)));
    assert!(accepted(fields(1, 16_000)) && !accepted(fields(1, 16_384)));
}

#[test]
fn document_of_the_largest_size_is_parsed_in_a_moment() {
    let entry = |index| {
        json!({"name": format!("/iam_users/u{index:04}_keys"), "targets": [
        {"mount": "apps", "path": format!("prod/{index:04}/a/s3")},
        {"mount": "apps", "path": format!("prod/{index:04}/a/smtp")}]})
    };
    let entries = (0..5_000).map(entry).collect::<Vec<_>>();
    let document = json!({"region": "r", "parameters": entries});
    assert_eq!(parse(&document).named().count(), 10_000);
}

#[test]
fn problems_quote_no_secret_and_no_control_character() {
    let long = SECRET.replace('/', "x");
    let document = json!({
        SECRET: 1,
        &long: 1,
        "region": format!("{SECRET} "),
        "fields": {SECRET: format!("{{{SECRET}}}"), "\u{1b}]0;x\u{7}": "{"},
        "parameters": [{"name": SECRET, "targets": [{"mount": SECRET, "path": "{}"}]}],
    });
    let found = problems(&document).join("\n");
    assert!(!found.contains(&SECRET[..=MAX_QUOTED]), "{found}");
    assert!(!found.contains(&long[..=MAX_QUOTED]), "{found}");
    assert!(
        !found.replace('\n', "").contains(char::is_control),
        "{found:?}"
    );
}

#[test]
fn check_returns_the_resolved_targets() {
    let document = json!({
        "region": "ca-central-1",
        "others": {"mount": "kv", "path": "k/{userName}", "merge": false},
        "parameters": [{"name": "/iam_users/alice_keys", "targets":
            [{"mount": "apps", "path": "a", "namespace": "n"}]}],
    });
    let check = check_targets(document.to_string().as_bytes(), &defaults(&[]));
    let fields = json!({
        "AWS_ACCESS_KEY_ID": "{accessKeyId}", "AWS_SECRET_ACCESS_KEY": "{secretAccessKey}",
        "AWS_DEFAULT_REGION": "ca-central-1",
    });
    assert_eq!(
        serde_json::to_value(check).unwrap(),
        json!({"problems": [], "metadata": "aws_parameter_version", "targets": [
            {"user": "alice", "namespace": "n", "mount": "apps", "path": "a", "merge": true,
                "fields": fields, "leftOut": ["AWS_ROLE_ARN"]},
            {"mount": "kv", "path": "k/{userName}", "merge": false,
                "fields": fields, "leftOut": ["AWS_ROLE_ARN"]},
        ]})
    );
}

/// Each documented example, and what its targets render.
#[test]
fn examples_are_accepted_and_render() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/targets.md")).unwrap();
    let mut rendered = Vec::new();
    let files = std::fs::read_dir(root.join("examples/targets")).unwrap();
    let mut files = files.map(|file| file.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(
            page.contains(&format!("../examples/targets/{name}")),
            "{name} is not documented"
        );
        let targets = Targets::parse(&std::fs::read(&file).unwrap(), &defaults(&[]));
        let targets = targets.unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let named = targets
            .named()
            .map(|(user, target)| (user.to_string(), target));
        let others = targets.others().map(|target| ("others".to_owned(), target));
        for (user, target) in named.chain(others) {
            let namespace = target.location.namespace.as_deref().unwrap_or_default();
            let write = if target.merge { "merge" } else { "replace" };
            let location = &target.location;
            rendered.push(format!("{name} {user} {namespace}:{location} {write}"));
            let fields = render(target).into_iter();
            rendered.extend(fields.map(|(name, value)| format!("{name}: {value}")));
        }
    }
    insta::assert_snapshot!(rendered.join("\n").replace(SECRET, "SECRET"), @r#"
    credential-process.json reports :apps/prod/reports/web/aws-ssm-sync/credentials merge
    credentials.json: {"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "SECRET"}
    environment-variables.json orders :apps/prod/orders/api/aws-ssm-sync/aws merge
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    AWS_DEFAULT_REGION: ca-central-1
    AWS_ROLE_ARN: arn:aws:iam::123456789012:role/Writer
    AWS_SECRET_ACCESS_KEY: SECRET
    merged-neighbours.json orders :apps/prod/orders/api/config merge
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    AWS_DEFAULT_REGION: ca-central-1
    AWS_SECRET_ACCESS_KEY: SECRET
    merged-neighbours.json orders :apps/prod/orders/batch/aws replace
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    AWS_DEFAULT_REGION: ca-central-1
    AWS_SECRET_ACCESS_KEY: SECRET
    namespaces.json orders platform-services:abc123-nonprod/orders/aws merge
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    AWS_DEFAULT_REGION: ca-central-1
    AWS_SECRET_ACCESS_KEY: SECRET
    namespaces.json orders platform-services:abc123-prod/orders/aws merge
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    AWS_DEFAULT_REGION: ca-central-1
    AWS_SECRET_ACCESS_KEY: SECRET
    namespaces.json orders platform-services/tools:shared/orders/aws merge
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    AWS_DEFAULT_REGION: ca-central-1
    AWS_SECRET_ACCESS_KEY: SECRET
    namespaces.json others platform-services:abc123-prod/iam-keys/{userName} merge
    AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE
    AWS_DEFAULT_REGION: ca-central-1
    AWS_SECRET_ACCESS_KEY: SECRET
    pgbackrest.json backup :apps/prod/database/postgres/aws-ssm-sync/pgbackrest merge
    s3.conf: [global]
    repo1-type=s3
    repo1-s3-endpoint=s3.ca-central-1.amazonaws.com
    repo1-s3-region=ca-central-1
    repo1-s3-key=AKIAIOSFODNN7EXAMPLE
    repo1-s3-key-secret=SECRET

    ses-smtp.json mailer :apps/prod/mail/relay/aws-ssm-sync/smtp merge
    SMTP_HOST: email-smtp.ca-central-1.amazonaws.com
    SMTP_PASSWORD: BAasSsnWzpnb1x/UOD58KEOQvGKrh4RNYWJDqqq9/dFC
    SMTP_PASSWORD_OREGON: BF2PynzbSCAjX08zhZZnP/kW+T9P5zs/1Er0pi5vTEmd
    SMTP_USERNAME: AKIAIOSFODNN7EXAMPLE
    velero.json velero :apps/prod/cluster/velero/aws-ssm-sync/cloud merge
    cloud: [default]
    aws_access_key_id=AKIAIOSFODNN7EXAMPLE
    aws_secret_access_key=SECRET
    "#);
}

#[test]
fn refused_is_one_secret_under_two_names() {
    let entries = |first: Value, second: Value| {
        let entry = |(user, target)| json!({"name": format!("/iam_users/{user}_keys"), "targets": [target]});
        let entries = [("alice", first), ("bob", second)].map(entry);
        json!({"parameters": entries})
    };
    for (first, second) in [
        (
            json!({"namespace": "ns1", "mount": "apps", "path": "x"}),
            json!({"mount": "ns1/apps", "path": "x"}),
        ),
        (
            json!({"mount": "apps", "path": "data/x"}),
            json!({"mount": "apps/data", "path": "x"}),
        ),
    ] {
        let found = problems(&entries(first, second));
        assert!(found[0].contains("is the same secret as"), "{found:?}");
    }
    let root = json!({"namespace": "/root", "mount": "apps", "path": "x"});
    let found = problems(&entries(root, json!({"mount": "apps", "path": "y"})));
    assert!(found[0].contains("is the root namespace"), "{found:?}");
}

#[test]
fn refused_is_text_that_is_not_shown_as_it_is() {
    for path in ["a\u{202e}b", "a\u{200b}", "\u{feff}a", "a\u{2066}"] {
        let found = problems(&json!({"parameters": [
            {"name": "/iam_users/alice_keys", "targets": [{"mount": "apps", "path": path}]},
        ]}));
        assert!(
            found[0].contains("control character"),
            "{path:?}: {found:?}"
        );
    }
}

#[test]
fn a_hundred_problems_are_listed_and_all_are_counted() {
    let members = (0..1000)
        .map(|n| format!("\"m{n}\": 0"))
        .collect::<Vec<_>>();
    let found = problems_of_text(&format!("{{{}}}", members.join(",")));
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "document: has 901 more problems");
}

#[test]
fn refused_are_values_that_are_too_long_together() {
    let template = "{roleArn}".repeat(100);
    let with_role = |length: usize| {
        json!({
            "roleArn": "r".repeat(length), "fields": {"ROLES": &template},
            "parameters": [
                {"name": "/iam_users/alice_keys", "targets": [{"mount": "apps", "path": "x"}]},
            ],
        })
    };
    parse(&with_role(600));
    let found = problems(&with_role(700));
    assert!(
        found[0].contains("too long; expected at most 65536"),
        "{found:?}"
    );
}

#[test]
fn others_in_another_spelling_of_the_namespace_is_the_same_secret() {
    let others = json!({"mount": "ns1/apps", "path": "k/{userName}"});
    let entry = json!({"name": "/iam_users/alice_keys", "targets": [
        {"namespace": "ns1", "mount": "apps", "path": "k/bob"}]});
    let document = json!({"others": others, "parameters": [entry]}).to_string();
    let parsed = Targets::parse(document.as_bytes(), &defaults(&[]));
    assert!(parsed.is_err(), "alice's target is the secret of bob");
}
