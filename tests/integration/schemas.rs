//! The output of `--output json` is valid by the schema that `keysync schema` prints.

use serde_json::{Value, json};

use crate::command::CommandOutput;
use crate::test_env::TestEnv;

/// Returns the schema that `keysync schema` prints.
pub fn schema() -> Value {
    let keysync = env!("CARGO_BIN_EXE_keysync");
    let output = std::process::Command::new(keysync)
        .arg("schema")
        .env_clear()
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the violations of a definition of the schema.
fn violations(instance: &Value, definition: &str) -> Vec<String> {
    let schema = schema();
    let schema = json!({"$ref": format!("#/$defs/{definition}"), "$defs": schema["$defs"]});
    let options = jsonschema::options().should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    let errors = validator.iter_errors(instance);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Fails unless the output is valid by a definition of the schema.
pub fn assert_valid(output: &CommandOutput, definition: &str) {
    let violations = violations(&output.json(), definition);
    assert_eq!(violations, [""; 0], "{definition}: {output:?}");
}

#[tokio::test]
async fn schema_describes_every_result() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    let token = env.stack.token("sync", "72h");
    let basic = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", token.as_str())];
    let invalid = [("VAULT_ADDR", "")];
    for (line, variables, definition) in [
        ("sync alice", &[][..], "report"),
        ("reconcile", &[], "report"),
        ("reconcile", &[], "report"),
        ("token show", &[], "token"),
        ("token renew", &[], "renewal"),
        ("doctor", &[], "checks"),
        ("doctor", &invalid, "checks"),
        ("policy vault", &[], "vaultPolicy"),
        ("policy iam --account 123456789012", &[], "iamPolicy"),
        (
            "targets check examples/targets/ses-smtp.json",
            &[("SSM_PARAMETER_PREFIX", "")],
            "targetsCheck",
        ),
        (
            "targets check examples/targets/ses-smtp.json",
            &[],
            "targetsCheck",
        ),
        ("status", &basic, "status"),
        ("explain alice", &basic, "explanation"),
        ("plan", &basic, "report"),
    ] {
        let output = env
            .keysync_line(&format!("{line} --output json"), variables)
            .await;
        assert_valid(&output, definition);
    }
    let import = ["token", "import", "--accept-warnings", "--output", "json"];
    assert_valid(&env.keysync_with(&import, &[], &token).await, "import");
}

#[tokio::test]
async fn errors_are_json_if_the_result_is() {
    let env = TestEnv::new().await;
    let dead = [("VAULT_TOKEN", "hvs.dead")];
    let invalid = [("VAULT_ADDR", "x"), ("SYNC_CONCURRENCY", "many")];
    for (line, variables, code, kinds) in [
        ("token show --json", &dead[..], 1, &["Denied"][..]),
        (
            "token show --output json",
            &invalid,
            2,
            &["BadConfiguration", "BadConfiguration"],
        ),
        ("plan --json", &dead, 1, &["PartialFailure"]),
        ("status --json", &dead, 1, &["PartialFailure"]),
        ("sync --json", &[], 2, &["Usage"]),
        ("stauts --output=json", &[], 2, &["Usage"]),
        ("man /no/such/folder --json", &[], 2, &["Usage"]),
    ] {
        let output = env.keysync_line(line, variables).await;
        assert_eq!(output.code, code, "{output:?}");
        let lines = output.err.lines().map(|line| {
            let error: Value = serde_json::from_str(line).unwrap();
            assert_eq!(violations(&error, "error"), [""; 0], "{error}");
            error["type"].as_str().unwrap().to_owned()
        });
        assert_eq!(lines.collect::<Vec<_>>(), kinds, "{line}: {output:?}");
    }
    let text = env.keysync_line("token show", &dead).await;
    assert!(text.err.starts_with("error: looking up"), "{text:?}");
}

#[tokio::test]
async fn schema_rejects_other_values() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    let status = env
        .keysync(&["status", "alice", "--output", "json"])
        .await
        .json();
    assert_eq!(violations(&status, "status"), [""; 0]);
    let count = |pointer: &str, value: Value| {
        let mut status = status.clone();
        *status.pointer_mut(pointer).unwrap() = value;
        violations(&status, "status").len()
    };
    assert_eq!(count("/users/0/condition", json!("fine")), 1);
    assert_eq!(count("/users/0/rotatedAt", json!("yesterday")), 1);
    assert_eq!(count("/users/0/hoursLeft", json!("48")), 1);
    let mut extra = status.clone();
    extra["users"][0]["secretAccessKey"] = json!("x");
    assert_eq!(violations(&extra, "status").len(), 1);
}
