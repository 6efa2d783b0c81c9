//! What only looks, changes nothing: no version in Vault, no version of an object, and the token is not renewed.

use crate::corner::Corner;

#[tokio::test]
async fn plans_dry_runs_and_reports_write_nothing() {
    let corner = Corner::new().await;
    corner.keep_versions().await;
    let table = corner
        .roster(&["behind", "drift", "gone", "held", "in-step", "new"])
        .await
        .to_owned();
    let variables = [
        ("IAM_USER_TABLE", table.as_str()),
        ("ON_USER_DELETED", "soft-delete"),
    ];
    let mut keys = Vec::new();
    for user in ["behind", "drift", "gone", "held", "in-step"] {
        keys.push(corner.rotate(user).await);
    }
    assert_eq!(
        corner
            .keysync_with(&["reconcile"], &variables, "")
            .await
            .code,
        0
    );
    let behind = corner.rotate("behind").await;
    corner.tamper("drift").await;
    corner.remove("gone").await;
    corner.put("held", "{}").await;
    corner.rotate("new").await;

    let before = corner.everything().await;
    for (line, code) in [
        ("plan", 3),
        ("plan in-step", 0),
        ("plan behind drift gone held new", 3),
        ("sync behind drift gone held new --dry-run", 3),
        ("reconcile --dry-run", 3),
        ("reconcile --dry-run --force --allow-mass-retire", 3),
        ("reconcile --dry-run --user behind --user gone", 3),
        ("reconcile --dry-run --user in-step", 0),
        ("status", 3),
        ("status in-step", 0),
        ("status behind", 3),
        ("explain in-step", 0),
        ("explain gone", 3),
        ("token show", 0),
        ("policy vault", 0),
        ("policy iam", 0),
    ] {
        let said = corner
            .keysync_with(&line.split(' ').collect::<Vec<_>>(), &variables, "")
            .await;
        assert_eq!(said.code, code, "{line}: {said:?}");
        assert_eq!(corner.everything().await, before, "{line}");
    }
    // And that there was something to do, these did say.
    assert_eq!(
        corner
            .keysync_with(&["reconcile", "--force"], &variables, "")
            .await
            .code,
        0
    );
    assert_ne!(corner.everything().await, before);
    assert_eq!(corner.key("behind").await.unwrap().0, behind);
    assert_eq!(corner.key("gone").await, None);
}
