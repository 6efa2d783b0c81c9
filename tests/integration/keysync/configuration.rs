//! Invalid arguments and variables: rejected before any request, with exit code 2.

use super::transcript::{Transcript, assert_matches};
use crate::command::{finish, run, spawn};
use crate::stack::Stack;
use crate::test_env::TestEnv;

#[tokio::test]
async fn arguments_that_are_invalid_are_rejected_with_a_hint() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let mut transcript = Transcript::new(&env, &[]);
    let long = format!("sync {}", "a".repeat(65));
    for line in [
        "stauts",
        "status --ouput json",
        "status --output yaml",
        "sync",
        "sync --dryrun alice",
        "sync al/ice",
        "sync ..",
        &long,
        "explain alice bob",
        "reconcile alice",
        "reconcile --user",
        "completions ksh",
        "policy iam --account 12",
        "policy iam --kms-key alias/keys",
        "man /no/such/folder",
    ] {
        assert_eq!(transcript.run(line).await.code, 2, "{line}");
    }
    transcript.assert_matches("arguments_invalid");
}

#[tokio::test]
async fn arguments_that_are_not_text_are_rejected() {
    use std::os::unix::ffi::OsStrExt;
    for format in ["text", "json"] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_keysync"));
        let invalid = std::ffi::OsStr::from_bytes(b"al\xffice");
        command.args(["--output", format, "sync"]).arg(invalid);
        let output = finish(spawn(&mut command, &[]), "").await;
        assert_eq!(output.code, 2, "{output:?}");
        assert_eq!(output.err.starts_with('{'), format == "json", "{output:?}");
    }
}

#[tokio::test]
async fn arguments_are_required_and_missing_ones_show_the_help() {
    let (output, help) = (run(&[], &[]).await, run(&["-h"], &[]).await);
    assert_eq!(
        (output.code, output.err, output.out.as_str()),
        (2, help.out, "")
    );
}

#[tokio::test]
async fn configuration_errors_name_each_variable_and_show_no_value() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let secret = "hvs.sentinel token";
    let variables = [
        ("VAULT_ADDR", "http://vault.example.org"),
        ("VAULT_TOKEN", secret),
        ("VAULT_CACERT", "/no/such/file.pem"),
        ("VAULT_MOUNT", "a//b"),
        ("SSM_PARAMETER_PREFIX", "iam_users"),
        ("IAM_USER_LIST", "alice,sentinel/x"),
        ("SYNC_INTERVAL_HOURS", "often"),
        ("SYNC_CONCURRENCY", "0"),
        ("ON_USER_DELETED", "delete"),
        ("LOG_LEVEL", "loud"),
    ];
    let mut errors = Vec::new();
    for line in [
        "sync alice",
        "reconcile",
        "plan",
        "status",
        "explain alice",
        "token show",
        "policy vault",
    ] {
        let mut transcript = Transcript::new(&env, &[secret, "sentinel"]).with(&variables);
        transcript.fail(line).await;
        errors.push(transcript.text().split_once('\n').unwrap().1.to_owned());
    }
    errors.dedup();
    assert_eq!(errors.len(), 1, "the commands differ: {errors:?}");
    assert_matches(&errors[0], "configuration_invalid");
}

#[tokio::test]
async fn configuration_without_a_required_part_is_rejected() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let mut transcript = Transcript::new(&env, &[]);
    for variable in [
        ("S3_BUCKET_NAME", ""),
        ("VAULT_ADDR", ""),
        ("VAULT_ADDR", "vault.example.org:8200"),
        ("VAULT_ADDR", "https://vault.example.org:8200/v1"),
        ("VAULT_CACERT_BYTES", "no PEM"),
    ] {
        transcript = transcript.with(&[variable]);
        assert_eq!(transcript.run("token show").await.code, 2, "{variable:?}");
    }
    let bucket = ("S3_BUCKET_NAME", "");
    transcript = transcript.with(&[bucket, ("VAULT_TOKEN", "s.fixed")]);
    assert_eq!(transcript.run("token import").await.code, 2);
    transcript.assert_matches("configuration_incomplete");
}

#[tokio::test]
async fn configuration_error_on_a_host_without_ca_certificates() {
    let variables = [
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_CERT_DIR", "/no/such/folder"),
        ("VAULT_ADDR", "https://vault.example.org"),
        ("VAULT_TOKEN", "made-up"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for command in ["status", "doctor"] {
        let output = run(&[command], &variables).await;
        assert_eq!(output.code, 2, "{output:?}");
        assert!(output.all().contains("SSL_CERT_FILE:"), "{output:?}");
    }
}
