//! `keysync targets`, and how targets are named in all commands.

use reqwest::Method;
use serde_json::json;

use super::transcript::{Transcript, assert_matches};
use crate::command::{CommandOutput, run};
use crate::schemas::assert_valid;
use crate::stack::{Stack, read};
use crate::test_env::TestEnv;

/// A file in a folder of its own, removed on drop.
struct Document(std::path::PathBuf);

impl Document {
    fn new(text: &[u8]) -> Self {
        let name = format!("iam-key-sync-{:016x}", fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("targets.json"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.join("targets.json").to_str().unwrap().to_owned()
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn check(path: &str, variables: &[(&str, &str)]) -> CommandOutput {
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    run(&["targets", "check", path], &variables.collect::<Vec<_>>()).await
}

fn transcript(path: &str, output: &CommandOutput) -> String {
    let errors = output.err.lines().map(|line| format!("! {line}\n"));
    let errors = errors.collect::<String>();
    let (out, code) = (&output.out, output.code);
    format!("$ keysync targets check {path}\n{out}{errors}[{code}]\n")
}

#[tokio::test]
async fn targets_check_shows_the_targets_of_examples() {
    let mut text = String::new();
    for name in [
        "environment-variables",
        "merged-neighbours",
        "namespaces",
        "ses-smtp",
    ] {
        let path = format!("examples/targets/{name}.json");
        let output = check(&path, &[]).await;
        assert_eq!(output.code, 0, "{output:?}");
        text += &transcript(&path, &output);
    }
    assert_matches(&text, "targets_accepted");
}

#[tokio::test]
async fn targets_check_lists_all_problems_of_a_refused_document() {
    let mut text = String::new();
    for document in [
        r#"{"regoin": "ca-central-1", "parameters": [
            {"name": "/iam_users/alice_key", "targets": [
                {"mount": "apps", "path": "/prod/a"},
                {"mount": "apps", "fields": {"KEY": "{secretKey}", "\u001b[2J": "{"}}]},
            {"name": "/iam_users/bob_keys", "targets": []}]}"#,
        "{\"parameters\": [",
        "",
    ] {
        let document = Document::new(document.as_bytes());
        let output = check(&document.path(), &[]).await;
        assert_eq!((output.code, output.out.as_str()), (2, ""), "{output:?}");
        text += &transcript(&document.path(), &output);
    }
    for path in ["/no/such/file.json", "/"] {
        let output = check(path, &[]).await;
        assert_eq!(output.code, 2, "{output:?}");
        text += &transcript(path, &output);
    }
    assert_matches(&text, "targets_refused");
}

#[tokio::test]
async fn targets_check_as_json_has_problems_or_targets() {
    let example = "examples/targets/ses-smtp.json";
    let accepted = run(&["targets", "check", example, "--output", "json"], &[]).await;
    assert_eq!(accepted.code, 0, "{accepted:?}");
    assert_valid(&accepted, "targetsCheck");
    let smtp = &accepted.json()["targets"][0]["fields"];
    assert_eq!(smtp["SMTP_PASSWORD"], "{sesSmtpPassword:ca-central-1}");
    let document = Document::new(b"{}");
    let path = document.path();
    let refused = run(&["targets", "check", &path, "--output", "json"], &[]).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_valid(&refused, "targetsCheck");
    assert_eq!(refused.json()["problems"][0]["place"], "parameters");
}

#[tokio::test]
async fn targets_check_depends_on_the_naming_of_parameters() {
    let example = read("examples/targets/velero.json").replace("_keys\"", "_key\"");
    let document = Document::new(example.as_bytes());
    let refused = check(&document.path(), &[]).await;
    assert!(refused.err.contains("SSM_PARAMETER_SUFFIX"), "{refused:?}");
    let accepted = check(&document.path(), &[("SSM_PARAMETER_SUFFIX", "_key")]).await;
    assert_eq!(accepted.code, 0, "{accepted:?}");
    let invalid = check(&document.path(), &[("SSM_PARAMETER_PREFIX", "x")]).await;
    assert_eq!(invalid.code, 2);
    assert!(
        invalid.err.contains("SSM_PARAMETER_PREFIX: "),
        "{invalid:?}"
    );
}

#[tokio::test]
async fn targets_check_reads_no_more_than_a_document_may_have() {
    let document = Document::new(&vec![b' '; 2 * 1024 * 1024]);
    let output = check(&document.path(), &[]).await;
    assert_eq!(output.code, 2);
    assert!(output.err.contains("is too large"), "{output:?}");
    let endless = check("/dev/zero", &[]).await;
    assert_eq!(endless.code, 2);
    assert!(endless.err.contains("is too large"), "{endless:?}");
}

#[tokio::test]
async fn targets_are_named_in_each_command() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let policy = format!(
        r#"path "secret/data/{folder}/+" {{ capabilities = ["create", "update", "patch"] }}
        path "secret/metadata/{folder}/+" {{ capabilities = ["read", "patch"] }}
        path "secret/detailed-metadata/{folder}/" {{ capabilities = ["list"] }}"#,
        folder = env.folder
    );
    env.store_token(&env.token_with_policy(&policy).await).await;
    for user in ["mailer", "other"] {
        env.rotate(user).await;
    }
    let targets = ["backup", "foreign", "web"].map(|name| env.target(name));
    let entry = json!({"name": env.parameter("mailer"), "targets": targets});
    let file = Document::new(json!({"parameters": [entry]}).to_string().as_bytes());
    let folder = format!("secret/metadata/{}", env.path("foreign"));
    let mark = json!({"custom_metadata": {"managed-by": "external-secrets"}});
    env.change("foreign", "THEIRS", "value").await;
    env.vault(Method::POST, &folder, Some(mark)).await;

    let mut transcript = Transcript::new(&env, &[]);
    let import = format!("targets import {}", file.path());
    transcript.run("targets show").await;
    transcript.run(&import).await;
    transcript.run(&import).await;
    transcript.run("targets show mailer").await;
    transcript.run("targets show other").await;
    transcript.run("plan").await;
    transcript.run("sync mailer other").await;
    transcript.run("sync mailer --adopt --dry-run").await;
    transcript.run("sync mailer --adopt").await;
    env.change("web", "accessKeyId", "by hand").await;
    transcript.run("plan mailer").await;
    transcript.run("explain mailer").await;
    transcript.run("reconcile").await;
    transcript.run("status").await;
    env.remove_object("targets.json").await;
    transcript.run("sync mailer").await;
    transcript.run("explain mailer").await;
    transcript.assert_matches("targets_in_use");
}

#[tokio::test]
async fn targets_outputs_are_valid_by_the_schema() {
    let env = TestEnv::without_token(Stack::shared()).await;
    env.rotate("mailer").await;
    env.give_two_targets(&["mailer"]).await;
    for (line, definition) in [
        ("targets show", "targetsCheck"),
        ("sync mailer", "report"),
        ("plan mailer", "report"),
        ("status", "status"),
        ("explain mailer", "explanation"),
    ] {
        let output = env.keysync_line(&format!("{line} --json"), &[]).await;
        assert_valid(&output, definition);
        assert!(output.out.contains("merged-mailer"), "{line}: {output:?}");
    }
}
