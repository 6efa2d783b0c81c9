//! All conditions of a user: in the status, in the plan and in the explanation.

use futures_util::future::join_all;

use super::transcript::Transcript;
use crate::schemas::assert_valid;
use crate::test_env::TestEnv;

/// Creates a roster, and a user in each lasting condition, named after the condition.
async fn create_users(env: &TestEnv<'_>) {
    let users = [
        "behind",
        "came-back",
        "drift",
        "gone",
        "held",
        "in-step",
        "missing",
        "moved",
        "retired",
    ];
    env.roster(&[&users[..], &["failed", "new"]].concat()).await;
    for user in users {
        env.rotate(user).await;
    }
    let table = ("IAM_USER_TABLE", env.bucket.as_str());
    let run = async |line: &str, variables: &[(&str, &str)]| {
        let output = env.keysync_line(line, variables).await;
        assert_eq!(output.code, 0, "{line}: {output:?}");
    };
    let elsewhere = format!("{}/elsewhere", env.folder);
    run("sync moved", &[("VAULT_PATH_PREFIX", &elsewhere)]).await;
    let mut line = "reconcile".to_owned();
    for user in users.iter().filter(|user| **user != "moved") {
        line.extend([" --user ", user]);
    }
    run(&line, &[table]).await;
    for user in ["came-back", "retired"] {
        env.remove(user).await;
        run(&format!("reconcile --user {user}"), &[table]).await;
    }
    env.rotate("behind").await;
    env.rotate("came-back").await;
    env.tamper("drift").await;
    env.put("failed", r#"{"current": "nonsense"}"#).await;
    env.remove("gone").await;
    env.put("held", "{}").await;
    env.delete("missing").await;
    env.rotate("new").await;
}

#[tokio::test]
async fn condition_outputs_are_valid_by_the_schema() {
    let env = TestEnv::new().await;
    create_users(&env).await;
    let table = ("IAM_USER_TABLE", env.bucket.as_str());
    let unreachable = ("VAULT_ADDR", "https://127.0.0.1:1");
    for variables in [&[table][..], &[table, unreachable]] {
        let check = async |line: &str, definition: &str| {
            let output = env
                .keysync_line(&format!("{line} --output json"), variables)
                .await;
            assert_valid(&output, definition);
            output.json()
        };
        let status = check("status", "status").await;
        let users = status["users"].as_array().unwrap();
        let lines = users
            .iter()
            .map(|row| format!("explain {}", row["user"].as_str().unwrap()));
        let lines = lines.collect::<Vec<_>>();
        join_all(
            lines
                .iter()
                .map(async |line| check(line, "explanation").await),
        )
        .await;
        check("plan", "report").await;
        check("sync in-step held failed mallory", "report").await;
        check("reconcile", "report").await;
        check("status", "status").await;
    }
}

#[tokio::test]
async fn conditions_have_a_status_and_a_plan() {
    let env = TestEnv::new().await;
    create_users(&env).await;
    let mut transcript = Transcript::new(&env, &[]).with(&[("IAM_USER_TABLE", &env.bucket)]);
    transcript.run("status").await;
    transcript.run("plan").await;
    transcript.assert_matches("conditions_status");
}

#[tokio::test]
async fn conditions_have_an_explanation_and_an_exit_code() {
    let env = TestEnv::new().await;
    create_users(&env).await;
    let mut transcript = Transcript::new(&env, &[]).with(&[("IAM_USER_TABLE", &env.bucket)]);
    for (user, code) in [
        ("in-step", 0),
        ("behind", 3),
        ("drift", 3),
        ("held", 3),
        ("new", 3),
        ("missing", 3),
        ("gone", 3),
        ("failed", 1),
        ("moved", 3),
        ("came-back", 3),
        ("retired", 0),
    ] {
        let output = transcript.run(&format!("explain {user}")).await;
        assert_eq!(output.code, code, "{output:?}");
    }
    transcript.assert_matches("conditions_explained");
}
