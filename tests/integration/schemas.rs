//! What `--output json` writes is what `docs/keysync.schema.json` says.

use serde_json::{Value, json};

use crate::command::Said;
use crate::corner::Corner;
use crate::stack::checkout;

fn schema() -> Value {
    serde_json::from_str(
        &std::fs::read_to_string(checkout().join("docs/keysync.schema.json")).unwrap(),
    )
    .unwrap()
}

/// What is wrong with `instance`, if anything is.
fn problems(instance: &Value, of: &str) -> Vec<String> {
    let schema = json!({"$ref": format!("#/$defs/{of}"), "$defs": schema()["$defs"]});
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    validator
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Requires of what was said to be as the schema says.
pub fn is(said: &Said, of: &str) {
    assert_eq!(
        problems(&said.json(), of),
        Vec::<String>::new(),
        "{of}: {said:?}"
    );
}

/// A corner with a user in every condition that can be brought about in one.
async fn corner() -> Corner<'static> {
    let corner = Corner::new().await;
    for user in ["behind", "drift", "held", "in-step", "missing"] {
        corner.rotate(user).await;
    }
    corner
}

#[tokio::test]
async fn every_result_is_as_the_schema_says() {
    let corner = corner().await;
    let run = async |arguments: &[&str]| {
        corner
            .keysync(&[arguments, &["--output", "json"]].concat())
            .await
    };
    is(&run(&["status"]).await, "status");
    is(&run(&["sync", "in-step", "nobody"]).await, "report");
    is(&run(&["plan"]).await, "report");
    is(&run(&["reconcile"]).await, "report");
    is(&run(&["reconcile"]).await, "report");
    corner.rotate("behind").await;
    corner.put("held", "{}").await;
    corner.put("odd", "no JSON").await;
    corner.delete("missing").await;
    let by_hand = json!({"data": {"accessKeyId": "by hand"}});
    corner
        .vault(
            reqwest::Method::POST,
            &format!("secret/data/{}", corner.path("drift")),
            Some(by_hand),
        )
        .await;
    let status = run(&["status"]).await;
    is(&status, "status");
    assert_eq!(
        status.json()["counts"].as_object().unwrap().len(),
        6,
        "{status:?}"
    );
    for user in [
        "behind", "drift", "held", "in-step", "missing", "odd", "nobody",
    ] {
        is(&run(&["explain", user]).await, "explanation");
    }
    is(&run(&["plan", "behind", "nobody"]).await, "report");
    is(&run(&["reconcile", "--force"]).await, "report");
    is(&run(&["token", "show"]).await, "token");
    is(&run(&["token", "renew"]).await, "renewal");
    is(&run(&["doctor"]).await, "checks");
    is(&run(&["policy", "vault"]).await, "vaultPolicy");
    is(
        &run(&["policy", "iam", "--account", "123456789012"]).await,
        "iamPolicy",
    );
    let token = corner.stack.token("sync", "72h");
    let import = ["token", "import", "--accept-warnings", "--output", "json"];
    is(&corner.keysync_with(&import, &[], &token).await, "import");
    is(
        &corner
            .keysync_with(&["doctor", "--output", "json"], &[("VAULT_ADDR", "")], "")
            .await,
        "checks",
    );
    let basic = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", token.as_str())];
    for (arguments, of) in [
        (&["status"][..], "status"),
        (&["explain", "in-step"], "explanation"),
        (&["plan"], "report"),
    ] {
        is(
            &corner
                .keysync_with(&[arguments, &["--output", "json"]].concat(), &basic, "")
                .await,
            of,
        );
    }
}

#[tokio::test]
async fn the_schema_refuses_what_it_does_not_tell_of() {
    let corner = corner().await;
    let status = corner
        .keysync(&["status", "in-step", "--output", "json"])
        .await
        .json();
    assert_eq!(problems(&status, "status"), Vec::<String>::new());
    let spoilt = |pointer: &str, value: Value| {
        let mut status = status.clone();
        *status.pointer_mut(pointer).unwrap() = value;
        problems(&status, "status").len()
    };
    assert_eq!(spoilt("/users/0/condition", json!("fine")), 1);
    assert_eq!(spoilt("/users/0/rotatedAt", json!("yesterday")), 1);
    assert_eq!(spoilt("/users/0/hoursLeft", json!("48")), 1);
    let mut more = status.clone();
    more["users"][0]["secretAccessKey"] = json!("x");
    assert_eq!(problems(&more, "status").len(), 1);
}
