//! Manual reconcile runs: when they are due, for which users, and when they do not retire.

use serde_json::json;

use super::transcript::Transcript;
use crate::test_env::TestEnv;

#[tokio::test]
async fn reconcile_repeats_a_complete_run_only_if_requested() {
    let env = TestEnv::new().await;
    for user in ["alice", "bob"] {
        env.rotate(user).await;
    }
    let mut transcript = Transcript::new(&env, &[]);
    transcript.run("reconcile").await;
    let (alice, bob) = (env.rotate("alice").await, env.rotate("bob").await);
    transcript.run("reconcile").await;
    assert_ne!(env.key("bob").await.unwrap().0, bob);
    transcript.run("reconcile --user bob --user bob").await;
    assert_eq!(env.key("bob").await.unwrap().0, bob);
    assert_ne!(env.key("alice").await.unwrap().0, alice);
    transcript.run("reconcile --force").await;
    assert_eq!(env.key("alice").await.unwrap().0, alice);
    transcript.assert_matches("reconcile_repeated");
}

#[tokio::test]
async fn reconcile_continues_with_the_users_that_failed() {
    let env = TestEnv::new().await;
    for user in ["alice", "bob"] {
        env.rotate(user).await;
    }
    env.put("carol", "no JSON").await;
    let mut transcript = Transcript::new(&env, &[]);
    transcript.run("reconcile").await;
    let carol = env.rotate("carol").await;
    transcript.run("reconcile").await;
    assert_eq!(env.key("carol").await.unwrap().0, carol);
    transcript.run("reconcile").await;
    transcript.assert_matches("reconcile_incomplete");
}

#[tokio::test]
async fn reconcile_retires_many_users_only_if_allowed() {
    let env = TestEnv::new().await;
    let users = ["alice", "bob", "carol", "dave", "erin"];
    let table = env.roster(&users).await.to_owned();
    for user in users {
        env.rotate(user).await;
    }
    let mut transcript = Transcript::new(&env, &[]).with(&[("IAM_USER_TABLE", &table)]);
    assert_eq!(transcript.run("reconcile").await.code, 0);
    let gone = &users[..4];
    for user in gone {
        env.remove(user).await;
    }
    transcript.run("plan").await;
    transcript.run("reconcile --force").await;
    for user in gone {
        assert_eq!(env.state(user).await.unwrap().get("retiredAt"), None);
    }
    transcript
        .run("reconcile --force --allow-mass-retire")
        .await;
    for user in gone {
        assert!(env.state(user).await.unwrap()["retiredAt"].is_string());
    }
    transcript.assert_matches("reconcile_mass_retire");
}

#[tokio::test]
async fn token_renewal_updates_the_object_and_shows_no_token() {
    let env = TestEnv::new().await;
    let before = env.json_object("vault-token.json").await;
    let token = before["token"].as_str().unwrap().to_owned();
    let mut transcript = Transcript::new(&env, &[&token]);
    transcript.run("token show").await;
    assert_eq!(
        env.json_object("vault-token.json").await,
        before,
        "token show does not renew"
    );
    transcript.run("token renew").await;
    let after = env.json_object("vault-token.json").await;
    assert_eq!(
        (&after["token"], &after["ttl"]),
        (&before["token"], &json!(72 * 3600))
    );
    let members = after.as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(
        members,
        ["createdAt", "expiresAt", "renewable", "token", "ttl"]
    );
    transcript.assert_matches("token_renewed");
}
