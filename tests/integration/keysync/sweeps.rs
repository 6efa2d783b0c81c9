//! Sweeps by hand: when they are due, for whom they are, and when they refuse.

use insta::assert_snapshot;
use serde_json::json;

use super::transcript::{Transcript, equal_names};
use crate::corner::Corner;

#[tokio::test]
async fn a_sweep_is_not_repeated_unless_that_is_forced_or_it_is_for_named_users() {
    let corner = Corner::new().await;
    let _equal = equal_names();
    for user in ["alice", "bob"] {
        corner.rotate(user).await;
    }
    let mut terminal = Transcript::of(&corner, &[]);
    terminal.run("reconcile").await;
    let (alice, bob) = (corner.rotate("alice").await, corner.rotate("bob").await);
    terminal.run("reconcile").await;
    assert_ne!(corner.key("bob").await.unwrap().0, bob);
    terminal.run("reconcile --user bob --user bob").await;
    assert_eq!(corner.key("bob").await.unwrap().0, bob);
    assert_ne!(corner.key("alice").await.unwrap().0, alice);
    terminal.run("reconcile --force").await;
    assert_eq!(corner.key("alice").await.unwrap().0, alice);
    assert_snapshot!(terminal.text(), @r"
    $ keysync reconcile
    USER   OUTCOME  WHY
    alice  written  new: no key of this user was recorded (now version 1 in Vault)
    bob    written  new: no key of this user was recorded (now version 1 in Vault)

    2 written; N s
    [0]
    $ keysync reconcile
    Nothing was swept: the last sweep was complete at TIME, and
    one every 24 h is enough; force (--force) repeats it.
    [0]
    $ keysync reconcile --user bob --user bob
    USER  OUTCOME  WHY
    bob   written  rotated: the parameter holds a newer key (now version 2 in
                   Vault)

    1 written; N s
    [0]
    $ keysync reconcile --force
    USER   OUTCOME  WHY
    alice  written  rotated: the parameter holds a newer key (now version 2 in
                    Vault)

    1 written, 1 unchanged; N s
    [0]
    ");
}

#[tokio::test]
async fn a_sweep_that_leaves_somebody_over_fails_names_them_and_goes_on_with_them() {
    let corner = Corner::new().await;
    let _equal = equal_names();
    for user in ["alice", "bob"] {
        corner.rotate(user).await;
    }
    corner.put("carol", "no JSON").await;
    let mut terminal = Transcript::of(&corner, &[]);
    terminal.run("reconcile").await;
    let carol = corner.rotate("carol").await;
    terminal.run("reconcile").await;
    assert_eq!(corner.key("carol").await.unwrap().0, carol);
    terminal.run("reconcile").await;
    assert_snapshot!(terminal.text(), @r#"
    $ keysync reconcile
    USER   OUTCOME  WHY
    alice  written  new: no key of this user was recorded (now version 1 in Vault)
    bob    written  new: no key of this user was recorded (now version 1 in Vault)
    carol  failed   BadParameter: the value is not a JSON object, expected
                    {"current": {"AccessKeyID": "…", "SecretAccessKey": "…"}, …};
                    Vault keeps the last good key

    2 written, 1 failed; N s
    ! error: the sweep is incomplete: 1 failed (carol)
    [1]
    $ keysync reconcile
    USER   OUTCOME  WHY
    carol  written  new: no key of this user was recorded (now version 1 in Vault)

    1 written; N s
    [0]
    $ keysync reconcile
    Nothing was swept: the last sweep was complete at TIME, and
    one every 24 h is enough; force (--force) repeats it.
    [0]
    "#);
}

#[tokio::test]
async fn many_users_gone_at_once_are_retired_only_when_that_is_allowed() {
    let corner = Corner::new().await;
    let _equal = equal_names();
    let users = ["alice", "bob", "carol", "dave", "erin"];
    let table = corner.roster(&users).await.to_owned();
    for user in users {
        corner.rotate(user).await;
    }
    let mut terminal = Transcript::of(&corner, &[]).with(&[("IAM_USER_TABLE", &table)]);
    assert_eq!(terminal.run("reconcile").await.code, 0);
    for user in &users[..4] {
        corner.remove(user).await;
    }
    terminal.run("plan").await;
    terminal.run("reconcile --force").await;
    assert_eq!(corner.state("alice").await.unwrap().get("retiredAt"), None);
    terminal.run("reconcile --force --allow-mass-retire").await;
    for user in &users[..4] {
        assert!(corner.state(user).await.unwrap()["retiredAt"].is_string());
    }
    assert_snapshot!(terminal.text(), @r"
    $ keysync reconcile
    USER   OUTCOME  WHY
    alice  written  new: no key of this user was recorded (now version 1 in Vault)
    bob    written  new: no key of this user was recorded (now version 1 in Vault)
    carol  written  new: no key of this user was recorded (now version 1 in Vault)
    dave   written  new: no key of this user was recorded (now version 1 in Vault)
    erin   written  new: no key of this user was recorded (now version 1 in Vault)

    5 written; N s
    [0]
    $ keysync plan
    USER   OUTCOME  WHY
    alice  failed   refused: 4 of 5 users would be retired at once, as if a
                    listing were broken; check Parameter Store, then repeat with
                    allowMassRetire (--allow-mass-retire) if they are really gone
    bob    failed   as for alice
    carol  failed   as for alice
    dave   failed   as for alice

    1 unchanged, 4 failed; N s
    ! error: the sweep is incomplete: refused: 4 of 5 users would be retired at once, as if a listing were broken; check Parameter Store, then repeat with allowMassRetire (--allow-mass-retire) if they are really gone
    [1]
    $ keysync reconcile --force
    USER   OUTCOME  WHY
    alice  failed   refused: 4 of 5 users would be retired at once, as if a
                    listing were broken; check Parameter Store, then repeat with
                    allowMassRetire (--allow-mass-retire) if they are really gone
    bob    failed   as for alice
    carol  failed   as for alice
    dave   failed   as for alice

    1 unchanged, 4 failed; N s
    ! error: the sweep is incomplete: 4 failed (alice, bob, carol, dave); refused: 4 of 5 users would be retired at once, as if a listing were broken; check Parameter Store, then repeat with allowMassRetire (--allow-mass-retire) if they are really gone
    [1]
    $ keysync reconcile --force --allow-mass-retire
    USER   OUTCOME  WHY
    alice  retired  the parameter is gone and the user is not on the roster
    bob    retired  the parameter is gone and the user is not on the roster
    carol  retired  the parameter is gone and the user is not on the roster
    dave   retired  the parameter is gone and the user is not on the roster

    1 unchanged, 4 retired; N s
    [0]
    ");
}

#[tokio::test]
async fn a_renewal_by_hand_is_written_back_and_the_token_is_never_shown() {
    let corner = Corner::new().await;
    let _equal = equal_names();
    let before: serde_json::Value =
        serde_json::from_str(&corner.object("vault-token.json").await.unwrap()).unwrap();
    let token = before["token"].as_str().unwrap().to_owned();
    let mut terminal = Transcript::of(&corner, &[&token]);
    terminal.run("token show").await;
    assert_eq!(
        corner.object("vault-token.json").await.unwrap(),
        before.to_string(),
        "to look is not to renew"
    );
    terminal.run("token renew").await;
    let after: serde_json::Value =
        serde_json::from_str(&corner.object("vault-token.json").await.unwrap()).unwrap();
    assert_eq!(
        (&after["token"], &after["ttl"]),
        (&before["token"], &json!(72 * 3600))
    );
    assert_snapshot!(terminal.text(), @r"
    $ keysync token show
    Vault token  expires in 71 h (TIME), period 72 h
    kind         service token, orphan, made less than a minute ago (TIME)
    policies     default, iam-key-sync
    [0]
    $ keysync token renew
    Vault token  renewed; expires in 71 h (TIME), period 72 h
    [0]
    ");
}
