//! Secret keys and a token pass through all paths with `LOG_LEVEL=trace`. No output of the
//! function contains one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::test_env::{TestEnv, batch};

/// The emulator of this test accepts any credentials.
const AWS_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

#[tokio::test]
async fn no_output_contains_a_secret_at_log_level_trace() {
    let env = TestEnv::new().await;
    let trace = ("LOG_LEVEL", "trace");
    let credentials = ("AWS_SECRET_ACCESS_KEY", AWS_SECRET);
    let token = env.json_object("vault-token.json").await;
    let function = env.function_with(&[trace, credentials]).await;
    let mut answers = Vec::new();
    let mut invoke = async |payload: Value| {
        let (Ok(answer) | Err(answer)) = function.invoke(&payload).await;
        answers.push(answer.to_string());
    };
    let sync = json!({"action": "sync", "users": ["alice"]});

    let first = env.rotate("alice").await;
    invoke(env.event("Create", "alice")).await;
    let second = env.rotate_in_two_puts("alice", &first).await;
    invoke(batch(&[
        ("m1", 1, env.event("Update", "alice")),
        ("m2", 1, json!("no event")),
    ]))
    .await;
    // A rejected check-and-set.
    env.tamper("alice").await;
    let third = env.rotate("alice").await;
    invoke(sync.clone()).await;
    // An invalid state with a secret in it.
    let hash = json!({&third.secret: 1});
    let state = json!({"userName": "alice", "lastSecretHash": hash}).to_string();
    env.store("sync-state/users/alice.json", state).await;
    invoke(sync.clone()).await;
    // Invalid parameters with a secret in them.
    let (id, secret) = (&third.id, &third.secret);
    for value in [
        secret.clone(),
        json!({"current": secret}).to_string(),
        json!([third.document()]).to_string(),
        json!({"current": {"AccessKeyID": id, "SecretAccessKey": [secret]}}).to_string(),
        json!({"current": {"AccessKeyID": secret, "SecretAccessKey": 1}}).to_string(),
        format!(r#"{{"current": {{"AccessKeyID": "{secret}", "AccessKeyID": "{secret}"}}}}"#),
    ] {
        env.put("alice", &value).await;
        invoke(env.event("Update", "alice")).await;
    }
    invoke(json!({"action": "refresh-token"})).await;
    invoke(json!({"action": "doctor"})).await;
    env.delete("alice").await;
    invoke(env.event("Delete", "alice")).await;
    // A field that is derived from a key, written and changed.
    let smtp = give_smtp_password(&env, "mailer").await;
    let mut derived = Vec::new();
    for _ in 0..2 {
        let key = env.rotate("mailer").await;
        invoke(env.event("Update", "mailer")).await;
        let (_, secret) = env.vault(Method::GET, &smtp, None).await;
        let password = &secret["data"]["data"]["SMTP_PASSWORD"];
        derived.extend([key.secret, password.as_str().unwrap().to_owned()]);
    }
    invoke(json!({"action": "reconcile", "force": true})).await;
    env.remove_object("targets.json").await;
    // A path that Vault rejects, and a token object with the token in the wrong place.
    let elsewhere = env
        .function_with(&[trace, credentials, ("VAULT_PATH_PREFIX", "elsewhere")])
        .await;
    let fourth = env.rotate("bob").await;
    let error = elsewhere
        .invoke(&env.event("Create", "bob"))
        .await
        .unwrap_err();
    answers.push(error.to_string());
    env.store(
        "vault-token.json",
        json!({"token": [token["token"]]}).to_string(),
    )
    .await;
    let new = env.function_with(&[trace, credentials]).await;
    let error = new
        .invoke(&json!({"action": "refresh-token"}))
        .await
        .unwrap_err();
    answers.push(error.to_string());

    let mut secrets = vec![token["token"].as_str().unwrap().to_owned()];
    secrets.extend([first, second, third, fourth].map(|key| key.secret));
    secrets.extend(derived);
    secrets.push(AWS_SECRET.to_owned());
    let lines = [function.lines(), elsewhere.lines(), new.lines()].concat();
    assert!(
        lines
            .iter()
            .any(|line| line.contains(r#""outcome":"written""#)),
        "no log: {lines:#?}"
    );
    let mut states = Vec::new();
    let objects = env
        .s3
        .list_objects_v2()
        .bucket(&env.bucket)
        .send()
        .await
        .unwrap();
    let keys = objects.contents().iter().filter_map(|object| object.key());
    for key in keys.filter(|key| *key != "vault-token.json") {
        states.push(env.object(key).await.unwrap());
    }
    assert!(!states.is_empty());
    assert_none_contains("log", &lines, &secrets);
    assert_none_contains("answer", &answers, &secrets);
    assert_none_contains("state object", &states, &secrets);
}

/// Gives a user a target with a field that is derived from the key. Returns its path in Vault's API.
async fn give_smtp_password(env: &TestEnv<'_>, user: &str) -> String {
    let fields = json!({"SMTP_PASSWORD": "{sesSmtpPassword}"});
    let target = json!({"mount": "secret", "path": env.path("smtp"), "fields": fields});
    let entry = json!({"name": env.parameter(user), "targets": [target]});
    env.store_targets(&json!({"region": "ca-central-1", "parameters": [entry]}))
        .await;
    format!("secret/data/{}", env.path("smtp"))
}

fn assert_none_contains(kind: &str, texts: &[String], secrets: &[String]) {
    for text in texts {
        for secret in secrets {
            let redacted = || text.replace(secret, "<SECRET>");
            assert!(
                !text.contains(secret),
                "the {kind} contains a secret: {}",
                redacted()
            );
        }
    }
}
