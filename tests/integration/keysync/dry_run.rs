//! Read-only commands change nothing: no secret in Vault, no object, and no token lifetime.

use crate::test_env::TestEnv;

#[tokio::test]
async fn dry_run_plan_and_status_change_nothing() {
    let env = TestEnv::new().await;
    env.enable_versioning().await;
    let table = env
        .roster(&["behind", "drift", "gone", "held", "synced", "new"])
        .await;
    let variables = [
        ("IAM_USER_TABLE", table),
        ("ON_USER_DELETED", "soft-delete"),
    ];
    for user in ["behind", "drift", "gone", "held", "synced"] {
        env.rotate(user).await;
    }
    assert_eq!(env.keysync_line("reconcile", &variables).await.code, 0);
    let behind = env.rotate("behind").await;
    env.tamper("drift").await;
    env.remove("gone").await;
    env.put("held", "{}").await;
    env.rotate("new").await;

    let before = env.snapshot().await;
    for (line, code) in [
        ("plan", 3),
        ("plan synced", 0),
        ("plan behind drift gone held new", 3),
        ("sync behind drift gone held new --dry-run", 3),
        ("reconcile --dry-run", 3),
        ("reconcile --dry-run --force --allow-mass-retire", 3),
        ("reconcile --dry-run --user behind --user gone", 3),
        ("reconcile --dry-run --user synced", 0),
        ("status", 3),
        ("status synced", 0),
        ("status behind", 3),
        ("explain synced", 0),
        ("explain gone", 3),
        ("token show", 0),
        ("policy vault", 0),
        ("policy iam", 0),
    ] {
        let output = env.keysync_line(line, &variables).await;
        assert_eq!(output.code, code, "{line}: {output:?}");
        assert_eq!(env.snapshot().await, before, "{line}");
    }
    // The control: there was something to change.
    assert_eq!(
        env.keysync_line("reconcile --force", &variables).await.code,
        0
    );
    assert_ne!(env.snapshot().await, before);
    assert_eq!(env.key("behind").await.unwrap().0, behind);
    assert_eq!(env.key("gone").await, None);
}
