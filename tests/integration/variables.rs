//! Each fault of each variable, with the built binaries: no panic, and every problem by name.

use axum::Router;
use axum::http::StatusCode;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::command::run;
use crate::function::Function;
use crate::proxy::serve;
use crate::stack::read;

/// A file with one authority.
const AUTHORITY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/config/authorities/test_ca.pem"
);

/// A value for each variable that is valid, and one that is not: of the wrong type, or `None` if
/// every text is valid.
fn values(name: &str) -> (&'static str, Option<&'static str>) {
    match name {
        "VAULT_ADDR" => ("http://127.0.0.1:9", Some("vault:8200")),
        "AWS_ENDPOINT_URL"
        | "AWS_ENDPOINT_URL_SSM"
        | "AWS_ENDPOINT_URL_S3"
        | "AWS_ENDPOINT_URL_DYNAMODB" => ("http://127.0.0.1:9", Some("nonsense")),
        "VAULT_CACERT" | "AWS_CA_BUNDLE" | "SSL_CERT_FILE" => (AUTHORITY, Some("/nonexistent")),
        "VAULT_CACERT_BYTES" => (
            include_str!("../../src/config/authorities/test_ca.pem"),
            Some("1"),
        ),
        "SSL_CERT_DIR" => ("/etc/ssl/certs", Some("/nonexistent")),
        "AWS_REGION" | "AWS_DEFAULT_REGION" | "VAULT_AUTH_AWS_REGION" => {
            ("ca-central-1", Some("Canada"))
        }
        "AWS_USE_FIPS_ENDPOINT"
        | "AWS_USE_DUALSTACK_ENDPOINT"
        | "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" => ("false", Some("2")),
        "VAULT_NAMESPACE" => ("team", Some("a b")),
        "VAULT_TOKEN" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => {
            ("made-up", Some("made\nup"))
        }
        "VAULT_AUTH_METHOD" => ("token", Some("ldap")),
        // Without the method aws each value is a problem.
        "VAULT_AUTH_ROLE" | "VAULT_AUTH_MOUNT" | "VAULT_AUTH_AWS_SERVER_ID" => ("aws", Some("b")),
        "VAULT_MOUNT" | "VAULT_PATH_PREFIX" => ("kv", Some("a//b")),
        "S3_BUCKET_NAME" => ("bucket", Some("s3://bucket")),
        "VAULT_TOKEN_S3_KEY" | "SYNC_STATE_S3_KEY" | "TARGETS_S3_KEY" => {
            ("object.json", Some("s3://b/object.json"))
        }
        "TARGETS_FILE" => ("targets.json", None),
        "SYNC_STATE_S3_PREFIX" => ("state/", Some("state")),
        "SSM_PARAMETER_PREFIX" => ("/users/", Some("users")),
        "SSM_PARAMETER_SUFFIX" => ("_k", Some("/")),
        "IAM_USER_LIST" => ("alice", Some("alice;bob")),
        "IAM_USER_TABLE" => ("-", Some("a table")),
        "ON_USER_DELETED" => ("retain", Some("delete")),
        "LOG_LEVEL" => ("error", Some("7")),
        "AWS_PROFILE" => ("default", None),
        name if name.ends_with("_HOURS")
            || name.ends_with("_PER_SECOND")
            || name == "SYNC_CONCURRENCY" =>
        {
            ("2", Some("many"))
        }
        name => panic!("{name} has no values in this test"),
    }
}

/// The environment that each case changes, without a variable of the case.
fn base(aws: &str, without: &str) -> Vec<(String, String)> {
    [
        ("VAULT_ADDR", "http://127.0.0.1:9"),
        ("S3_BUCKET_NAME", "bucket"),
        ("AWS_REGION", "ca-central-1"),
        ("AWS_ENDPOINT_URL", aws),
        ("AWS_ACCESS_KEY_ID", "made-up"),
        ("AWS_SECRET_ACCESS_KEY", "made-up"),
        ("IAM_USER_TABLE", "-"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        // One authority instead of those of the system: the debug build parses them slowly.
        ("SSL_CERT_FILE", AUTHORITY),
    ]
    .into_iter()
    .filter(|(name, _)| *name != without)
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// The value of a variable, or none.
type Given = Option<String>;

/// Returns the cases of a variable: what is given, and what must have the same result. An invalid
/// value has none.
fn cases(name: &str) -> Vec<(Given, Option<Given>)> {
    let (good, wrong) = values(name);
    let good = good.to_owned();
    let mut cases = vec![(Some(format!(" {good}\r")), Some(Some(good)))];
    cases.extend(["", " ", "\r"].map(|empty| (Some(empty.to_owned()), Some(None))));
    cases.extend(wrong.map(|wrong| (Some(wrong.to_owned()), None)));
    cases
}

/// Returns the checks of a doctor without their durations.
fn checks(mut checks: Value) -> Value {
    for check in checks.as_array_mut().unwrap() {
        check["millis"] = json!(0);
    }
    checks
}

async fn of_keysync(environment: Vec<(String, String)>) -> Value {
    let output = run(&["doctor", "--output", "json"], &environment).await;
    assert!(
        (1..=2).contains(&output.code),
        "{environment:?}: {output:?}"
    );
    checks(output.json())
}

async fn of_function(environment: Vec<(String, String)>) -> Value {
    let function = Function::start(&environment).await;
    checks(function.invoke(&json!({"action": "doctor"})).await.unwrap())
}

/// Asserts for each case that the doctor answers, that white space and empty values have no effect,
/// and that the problem of an invalid value names the variable.
async fn assert_matrix(doctor: impl AsyncFn(Vec<(String, String)>) -> Value, of_cli: bool) {
    let refuse = || async {
        let body = r#"{"__type": "AccessDeniedException", "message": "no"}"#;
        (StatusCode::BAD_REQUEST, body)
    };
    let aws = serve(Router::new().fallback(refuse)).await;
    let variables: Value = serde_json::from_str(&read("infra/shared/environment.json")).unwrap();
    let names = variables.as_array().unwrap().iter();
    let names = names.map(|variable| variable["name"].as_str().unwrap());
    // The function reads all variables as keysync does, but hands them to other code.
    let names = names.filter(|name| {
        of_cli
            || ["AWS_", "SSL_", "VAULT_C"]
                .iter()
                .any(|part| name.starts_with(part))
    });
    let check = async |name: &str| {
        let with = async |given: &Given| {
            let given = given.iter().map(|value| (name.to_owned(), value.clone()));
            doctor(base(&aws, name).into_iter().chain(given).collect()).await
        };
        let absent = with(&None).await;
        let good = with(&Some(values(name).0.to_owned())).await;
        for (given, same) in cases(name) {
            let found = with(&given).await;
            match same {
                Some(Some(_)) => assert_eq!(found, good, "{name}={given:?}"),
                Some(None) => assert_eq!(found, absent, "{name}={given:?}"),
                None => {
                    let detail = found[0]["detail"].as_str().unwrap();
                    assert!(detail.contains(&format!("{name}: ")), "{given:?}: {found}");
                }
            }
            assert!(
                !found.to_string().contains("panic"),
                "{name}={given:?}: {found}"
            );
        }
    };
    let names = stream::iter(names.collect::<Vec<_>>());
    names.for_each_concurrent(4, check).await;
}

#[tokio::test]
async fn keysync_names_every_fault_of_a_variable() {
    assert_matrix(of_keysync, true).await;
}

#[tokio::test]
async fn function_names_every_fault_of_a_variable() {
    assert_matrix(of_function, false).await;
}
