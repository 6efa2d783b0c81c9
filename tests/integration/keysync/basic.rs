//! The basic mode: a token in the environment, no bucket, and no record but the key in Vault.

use super::transcript::Transcript;
use crate::stack::Stack;
use crate::test_env::TestEnv;

#[tokio::test]
async fn basic_mode_supports_every_command() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let basic = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", "unused")];
    let policy = env.keysync_line("policy vault", &basic).await.out;
    let token = env.token_with_policy(&policy).await;
    let basic = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", token.as_str())];
    let mut transcript = Transcript::new(&env, &[&token]).with(&basic);
    let first = env.rotate("alice").await;
    transcript.run("plan alice").await;
    assert_eq!(env.key("alice").await, None);
    transcript.run("sync alice").await;
    assert_eq!(env.key("alice").await.unwrap(), (first, 1));
    transcript.run("sync alice").await;
    assert_eq!(
        env.key("alice").await.unwrap().1,
        1,
        "an unchanged key is written once"
    );
    let (alice, bob) = (env.rotate("alice").await, env.rotate("bob").await);
    transcript.run("status").await;
    transcript.run("explain alice").await;
    transcript.run("reconcile --dry-run").await;
    transcript.run("reconcile").await;
    assert_eq!(env.key("alice").await.unwrap(), (alice, 2));
    assert_eq!(env.key("bob").await.unwrap(), (bob.clone(), 1));
    transcript.run("reconcile").await;
    env.tamper("bob").await;
    transcript.run("reconcile").await;
    assert_eq!(env.key("bob").await.unwrap(), (bob, 3));
    transcript.run("token show").await;
    transcript.run("token renew").await;
    transcript.assert_matches("basic_mode");
    let objects = env
        .s3
        .list_objects_v2()
        .bucket(&env.bucket)
        .send()
        .await
        .unwrap();
    assert_eq!(objects.key_count, Some(0));
}

#[tokio::test]
async fn basic_mode_without_read_capability_writes_each_time() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let token = env.stack.token("strict", "72h");
    let basic = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", token.as_str())];
    let mut transcript = Transcript::new(&env, &[&token]).with(&basic);
    let key = env.rotate("alice").await;
    transcript.run("sync alice").await;
    transcript.run("sync alice").await;
    assert_eq!(env.key("alice").await.unwrap(), (key, 2));
    transcript.assert_matches("basic_mode_without_read");
}
