use serde_json::{Value, json};

use super::*;
use crate::config::{Config, TargetDefaults};
use crate::targets::Targets;

fn config(variables: &[(&str, &str)]) -> Config {
    let variables = [&[("VAULT_ADDR", "https://vault.example.org")], variables].concat();
    Config::read(|name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

fn rules(policy: &VaultPolicy) -> Value {
    serde_json::to_value(policy).unwrap()["path"].clone()
}

#[test]
fn enhanced_mode_writes_keys_but_reads_none() {
    let policy = VaultPolicy::of(&config(&[
        ("S3_BUCKET_NAME", "b"),
        ("VAULT_MOUNT", "kv"),
        ("VAULT_PATH_PREFIX", "keys"),
    ]));
    assert_eq!(
        rules(&policy),
        json!({
            "kv/data/keys/*": {"capabilities": ["create", "update"]},
            "kv/detailed-metadata/keys/": {"capabilities": ["list"]},
            "kv/metadata/keys/*": {"capabilities": ["read"]},
        })
    );
}

#[test]
fn basic_mode_also_reads_keys() {
    let policy = rules(&VaultPolicy::of(&config(&[("VAULT_TOKEN", "t")])));
    assert_eq!(
        policy["secret/data/aws/iam-keys/*"]["capabilities"],
        json!(["create", "update", "read"])
    );
    assert!(
        policy
            .get("secret/detailed-metadata/aws/iam-keys/")
            .is_none()
    );
}

#[test]
fn only_soft_delete_may_delete_versions() {
    let with = |value| {
        rules(&VaultPolicy::of(&config(&[
            ("S3_BUCKET_NAME", "b"),
            ("ON_USER_DELETED", value),
        ])))
    };
    let path = "secret/delete/aws/iam-keys/*";
    assert_eq!(with("soft-delete")[path]["capabilities"], json!(["update"]));
    assert!(with("retain").get(path).is_none());
}

#[test]
fn hcl_rules_have_their_reason() {
    insta::assert_snapshot!(VaultPolicy::of(&config(&[("VAULT_TOKEN", "t")])).to_hcl(), @r#"
    # For the basic mode of keysync.

    # Write keys.
    # Without a bucket nothing is recorded, so the key in Vault is compared with the
    # current one.
    path "secret/data/aws/iam-keys/*" {
      capabilities = ["create", "update", "read"]
    }

    # Versions and deletions, never values: this is how drift is seen, and how a
    # rejected check-and-set is resolved.
    path "secret/metadata/aws/iam-keys/*" {
      capabilities = ["read"]
    }
    "#);
}

/// The policy file for operators grants exactly what the service needs with all options on.
#[test]
fn policy_file_matches_the_policy_with_soft_delete() {
    let file = include_str!("../../infra/vault/iam-key-sync.hcl");
    let bare = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let policy = VaultPolicy::of(&config(&[
        ("S3_BUCKET_NAME", "b"),
        ("ON_USER_DELETED", "soft-delete"),
    ]));
    assert_eq!(bare(file), bare(&policy.to_hcl()));
}

#[test]
fn iam_policy_names_the_configured_resources() {
    let config = config(&[
        ("S3_BUCKET_NAME", "state"),
        ("IAM_USER_TABLE", "-"),
        ("SSM_PARAMETER_PREFIX", "/keys/"),
        ("AWS_REGION", "ca-central-1"),
    ]);
    let policy = IamPolicy::of(&config, Some("123456789012"), None);
    let (document, left_out) = (serde_json::to_value(&policy).unwrap(), policy.left_out);
    let statements = document["Statement"].as_array().unwrap();
    let resources = |sid: &str| {
        statements
            .iter()
            .find(|of| of["Sid"] == sid)
            .map(|of| of["Resource"].clone())
    };
    assert_eq!(
        resources("ReadKeyParameters"),
        Some(json!([
            "arn:aws:ssm:ca-central-1:123456789012:parameter/keys/*_keys"
        ]))
    );
    assert_eq!(
        resources("ReadAndWriteState"),
        Some(json!([
            "arn:aws:s3:::state/sync-state/*",
            "arn:aws:s3:::state/vault-token.json"
        ]))
    );
    assert_eq!(
        resources("ReadTargets"),
        Some(json!(["arn:aws:s3:::state/targets.json"]))
    );
    assert_eq!(resources("ReadRoster"), None, "there is no roster");
    assert!(
        statements.iter().all(|of| of["Effect"] == "Allow"),
        "{document}"
    );
    for only_a_deployment_knows in ["ConsumeQueue", "RecordFailedInvocations", "WriteLogs"] {
        assert!(
            left_out.iter().any(|sid| sid == only_a_deployment_knows),
            "{left_out:?}"
        );
    }
    assert!(!document.to_string().contains("${"), "{document}");
}

#[test]
fn iam_policy_grants_the_given_bucket_key() {
    let config = config(&[("S3_BUCKET_NAME", "state")]);
    let key = "arn:aws:kms:ca-central-1:123456789012:key/1";
    let document = serde_json::to_value(IamPolicy::of(&config, None, Some(key))).unwrap();
    let statements = document["Statement"].as_array().unwrap();
    let of_key = statements
        .iter()
        .find(|statement| statement["Sid"] == "UseKeyForBucket")
        .unwrap();
    assert_eq!(of_key["Resource"], json!([key]));
    assert_eq!(
        of_key["Condition"]["StringEquals"]["kms:ViaService"],
        json!(["s3.ca-central-1.amazonaws.com"])
    );
    let with_key = IamPolicy::of(&config, None, Some(key));
    assert!(
        with_key.left_out.iter().any(|sid| sid == "UseKeyForQueues"),
        "a host has no queue: {:?}",
        with_key.left_out
    );
    assert!(
        !document.to_string().contains("UseKeyForQueues"),
        "{document}"
    );
    let without = serde_json::to_string(&IamPolicy::of(&config, None, None)).unwrap();
    assert!(!without.contains("kms:"), "{without}");
}

#[test]
fn iam_policy_accepts_names_with_json_escapes() {
    let config = config(&[
        ("S3_BUCKET_NAME", "state"),
        ("SYNC_STATE_S3_PREFIX", r#"o"dd\/"#),
        ("VAULT_TOKEN_S3_KEY", r#"to"ken"#),
        ("SYNC_STATE_S3_KEY", r"old\state"),
    ]);
    let document = serde_json::to_value(IamPolicy::of(&config, None, None)).unwrap();
    let list = document["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .find(|of| of["Sid"] == "ListState")
        .unwrap();
    let prefixes = &list["Condition"]["StringLikeIfExists"]["s3:prefix"];
    assert_eq!(prefixes.as_array().unwrap()[0], r#"o"dd\/*"#, "{list}");
}

#[test]
fn iam_policy_leaves_out_a_bucket_behind_an_access_point() {
    let config = config(&[(
        "S3_BUCKET_NAME",
        "arn:aws:s3:ca-central-1:123456789012:accesspoint/state",
    )]);
    let policy = IamPolicy::of(&config, None, None);
    assert!(
        policy.left_out.iter().any(|sid| sid == "ReadAndWriteState"),
        "{:?}",
        policy.left_out
    );
    assert!(!serde_json::to_string(&policy).unwrap().contains("s3:"));
}

#[test]
fn iam_policy_of_basic_mode_names_no_bucket() {
    let config = config(&[("VAULT_TOKEN", "t"), ("IAM_USER_TABLE", "-")]);
    let policy = IamPolicy::of(&config, None, None);
    let document = serde_json::to_string(&policy).unwrap();
    assert!(!document.contains("s3:"), "{document}");
    assert_eq!(
        policy.left_out,
        [
            "ConsumeQueue",
            "RecordFailedInvocations",
            "WriteLogs",
            "DecryptKeyParameters",
        ],
        "what is not needed is not named"
    );
}

/// Returns the policy of a targets document.
fn policy_of_targets(document: &Value, variables: &[(&str, &str)]) -> VaultPolicy {
    let config = config(variables);
    let defaults = TargetDefaults {
        naming: config.naming.clone(),
        namespace: config.vault.namespace.clone(),
    };
    let targets = Targets::parse(document.to_string().as_bytes(), &defaults).unwrap();
    VaultPolicy::of_targets(&targets, &config)
}

fn targets_document() -> Value {
    json!({
        "others": {"mount": "kv", "path": "x-{userName}/keys", "merge": false},
        "parameters": [{"name": "/iam_users/alice_keys", "targets": [
            {"mount": "apps", "path": "a/s3"}, {"mount": "apps", "path": "a/smtp"},
            {"mount": "apps", "path": "top", "merge": false}]}],
    })
}

#[test]
fn policy_of_targets_grants_exactly_their_paths() {
    let policy = policy_of_targets(&targets_document(), &[("S3_BUCKET_NAME", "b")]);
    let all = |capabilities: Value| json!({"capabilities": capabilities});
    let metadata = all(json!(["read", "patch"]));
    assert_eq!(
        rules(&policy),
        json!({
            "apps/data/a/s3": all(json!(["create", "update", "patch"])),
            "apps/data/a/smtp": all(json!(["create", "update", "patch"])),
            "apps/data/top": all(json!(["create", "update"])),
            "kv/data/+/keys": all(json!(["create", "update"])),
            "apps/metadata/a/s3": metadata, "apps/metadata/a/smtp": metadata,
            "apps/metadata/top": metadata, "kv/metadata/+/keys": metadata,
            "apps/detailed-metadata/a/": all(json!(["list"])),
        })
    );
}

#[test]
fn policy_of_targets_depends_on_mode_mark_and_deletion() {
    let mut document = targets_document();
    let paths = |document: &Value, variables: &[(&str, &str)], kind: &str| {
        let rules = rules(&policy_of_targets(document, variables));
        let rules = rules.as_object().unwrap().clone().into_iter();
        let rules = rules.filter(|(path, _)| path.contains(&format!("/{kind}/")));
        rules
            .map(|(path, rule)| (path, rule["capabilities"].to_string()))
            .collect::<Vec<_>>()
    };
    let basic = &[("VAULT_TOKEN", "t")][..];
    let soft_delete = &[("S3_BUCKET_NAME", "b"), ("ON_USER_DELETED", "soft-delete")][..];
    let deleted = paths(&document, soft_delete, "delete");
    assert_eq!(
        deleted
            .iter()
            .map(|(path, _)| path.as_str())
            .collect::<Vec<_>>(),
        ["apps/delete/top", "kv/delete/+/keys"],
        "merged secrets are changed by PATCH"
    );
    let reads = |document: &Value| {
        let data = paths(document, basic, "data");
        data.iter().filter(|(_, may)| may.contains("read")).count()
    };
    assert_eq!(reads(&document), 0, "a key is never read");
    assert!(paths(&document, basic, "detailed-metadata").is_empty());
    document["metadata"] = json!(null);
    assert_eq!(reads(&document), 0, "without a mark each sync writes");
    let metadata = paths(&document, basic, "metadata");
    assert!(
        metadata.iter().all(|(_, may)| may == "[\"read\"]"),
        "{metadata:?}"
    );
}

#[test]
fn policy_of_targets_names_namespaces_from_its_own() {
    let of = |namespace: Value, own: &str| {
        let document = json!({"parameters": [{"name": "/iam_users/alice_keys", "targets":
            [{"mount": "apps", "path": "a", "namespace": namespace}]}]});
        let variables = [("S3_BUCKET_NAME", "b"), ("VAULT_NAMESPACE", own)];
        let policy = policy_of_targets(&document, &variables);
        let hcl = policy.to_hcl();
        let rules = rules(&policy);
        let first = rules.as_object().unwrap().keys().next().cloned();
        assert_eq!(
            first.is_none(),
            hcl.contains("Not included: apps/a in"),
            "{hcl}"
        );
        first
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(of(json!("team"), "team"), some("apps/data/a"));
    assert_eq!(of(json!("team"), ""), some("team/apps/data/a"));
    assert_eq!(of(json!("team/sub"), "team"), some("sub/apps/data/a"));
    assert_eq!(of(json!("teams"), "team"), None);
    assert_eq!(of(json!(null), "team"), None);
}

#[test]
fn iam_policy_of_a_login_names_no_token_object() {
    let of = |variables: &[(&str, &str)]| {
        let config = config(&[&[("S3_BUCKET_NAME", "b")], variables].concat());
        serde_json::to_string(&IamPolicy::of(&config, None, None)).unwrap()
    };
    assert_eq!(of(&[]).matches("vault-token.json").count(), 2);
    let login = [("VAULT_AUTH_METHOD", "aws"), ("VAULT_AUTH_ROLE", "r")];
    let policy = of(&login);
    assert_eq!(policy.matches("vault-token.json").count(), 0);
    assert!(
        policy.contains("sync-state/*") && policy.contains("targets.json"),
        "{policy}"
    );
}

#[cfg(feature = "cli")]
#[test]
fn rehearsal_policy_covers_one_user() {
    let user = crate::keys::UserName::parse("keysync-rehearsal").unwrap();
    let config = config(&[
        ("S3_BUCKET_NAME", "state"),
        ("IAM_USER_TABLE", "-"),
        ("AWS_REGION", "ca-central-1"),
    ]);
    let account = Some("123456789012");
    let policy = IamPolicy::of_rehearsal(&config, account, None, &user, Some("sync"));
    assert_eq!(policy.left_out, [""; 0]);
    let document = serde_json::to_value(&policy).unwrap();
    let statements = document["Statement"].as_array().unwrap();
    let resources = statements.iter().map(|of| &of["Resource"]);
    assert_eq!(
        resources.collect::<Vec<_>>(),
        [
            &json!([
                "arn:aws:ssm:ca-central-1:123456789012:parameter/iam_users/keysync-rehearsal_keys"
            ]),
            &json!([
                "arn:aws:s3:::state/sync-state/users/keysync-rehearsal.json",
                "arn:aws:s3:::state/sync-state.json",
                "arn:aws:s3:::state/targets.json",
                "arn:aws:s3:::state/vault-token.json",
            ]),
            &json!(["arn:aws:s3:::state"]),
            &json!(["arn:aws:lambda:ca-central-1:123456789012:function:sync"]),
            &json!(["*"]),
        ]
    );
    // Without the function, its statements are left out, and named.
    let policy = IamPolicy::of_rehearsal(&config, account, None, &user, None);
    assert_eq!(policy.left_out, ["TestFunction", "FindMapping"]);
}
