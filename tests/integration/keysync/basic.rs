//! Basic mode: a token in the environment, no bucket, and nothing recorded but the key in Vault.

use insta::assert_snapshot;

use super::transcript::{Transcript, equal_names};
use crate::corner::Corner;
use crate::stack::Stack;

#[tokio::test]
async fn every_command_works_without_a_bucket() {
    let corner = Corner::without_token(Stack::shared()).await;
    let _equal = equal_names();
    let basic = [("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", "unused")];
    let policy = corner.keysync_with(&["policy", "vault"], &basic, "").await;
    let token = corner.token_of(&policy.out).await;
    let mut terminal =
        Transcript::of(&corner, &[&token]).with(&[("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", &token)]);
    let first = corner.rotate("alice").await;
    terminal.run("plan alice").await;
    assert_eq!(corner.key("alice").await, None);
    terminal.run("sync alice").await;
    assert_eq!(corner.key("alice").await.unwrap(), (first, 1));
    terminal.run("sync alice").await;
    assert_eq!(
        corner.key("alice").await.unwrap().1,
        1,
        "the same key is not written again"
    );
    let (alice, bob) = (corner.rotate("alice").await, corner.rotate("bob").await);
    terminal.run("status").await;
    terminal.run("explain alice").await;
    terminal.run("reconcile --dry-run").await;
    terminal.run("reconcile").await;
    assert_eq!(
        (
            corner.key("alice").await.unwrap(),
            corner.key("bob").await.unwrap()
        ),
        ((alice, 2), (bob.clone(), 1))
    );
    terminal.run("reconcile").await;
    corner.tamper("bob").await;
    terminal.run("reconcile").await;
    assert_eq!(corner.key("bob").await.unwrap(), (bob, 3));
    terminal.run("token show").await;
    terminal.run("token renew").await;
    assert_snapshot!(terminal.text(), @r"
    $ keysync plan alice
    USER   OUTCOME   WHY
    alice  to write  new: no key of this user was recorded

    1 to write; N s
    [3]
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  written  new: no key of this user was recorded (now version 1 in Vault)

    1 written; N s
    [0]
    $ keysync sync alice
    USER   OUTCOME    WHY
    alice  unchanged  Vault holds the current key

    1 unchanged; N s
    [0]
    $ keysync status
    USER   STATUS  LAST SYNC  KEY AGE  LEFT  VERSIONS
    alice  behind  written    <1 min   48 h  2 -> 1
    bob    new     never      <1 min   -     1 -> -

    alice  rotated: the parameter holds a newer key
    bob    new: no key of this user was recorded
    Run `keysync explain USER` for the whole story.

    Users        1 new, 1 behind
    Last sweep   none recorded
    Vault token  expires in 71 h (TIME), period 72 h
    [3]
    $ keysync explain alice
    alice       behind
    parameter   /CORNER/alice_keys holds the key …KEY in its
                version 2, put less than a minute ago (TIME).
    record      The key …KEY is in Vault as version 1; in basic mode nothing else
                is recorded.
    Vault       secret/aws/iam-keys/CORNER/alice is at version 1,
                as recorded.
    last sweep  In basic mode sweeps are not recorded.
    time left   The key in Vault is deleted in about 48 h.
    plan        A sync would write the current key to Vault: rotated: the
                parameter holds a newer key.
    what to do  Run `keysync sync alice` to write it now. If events should have
                done that, look at the function's log and at the dead-letter
                queue.
    [3]
    $ keysync reconcile --dry-run
    USER   OUTCOME   WHY
    alice  to write  rotated: the parameter holds a newer key
    bob    to write  new: no key of this user was recorded

    2 to write; N s
    [3]
    $ keysync reconcile
    USER   OUTCOME  WHY
    alice  written  rotated: the parameter holds a newer key (now version 2 in
                    Vault)
    bob    written  new: no key of this user was recorded (now version 1 in Vault)

    2 written; N s
    [0]
    $ keysync reconcile
    2 unchanged; N s
    [0]
    $ keysync reconcile
    USER  OUTCOME  WHY
    bob   written  new: no key of this user was recorded (now version 3 in Vault)

    1 written, 1 unchanged; N s
    [0]
    $ keysync token show
    Vault token  expires in 71 h (TIME), period 72 h
    kind         service token, orphan, made less than a minute ago (TIME)
    policies     default, CORNER
    [0]
    $ keysync token renew
    Vault token  renewed; expires in 71 h (TIME), period 72 h
    [0]
    ");
    assert_eq!(
        corner
            .s3
            .list_objects_v2()
            .bucket(&corner.bucket)
            .send()
            .await
            .unwrap()
            .key_count,
        Some(0)
    );
}

#[tokio::test]
async fn a_token_that_may_not_read_writes_each_time_and_says_so() {
    let corner = Corner::without_token(Stack::shared()).await;
    let _equal = equal_names();
    let token = corner.stack.token("strict", "72h");
    let mut terminal =
        Transcript::of(&corner, &[&token]).with(&[("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", &token)]);
    let key = corner.rotate("alice").await;
    terminal.run("sync alice").await;
    terminal.run("sync alice").await;
    assert_eq!(corner.key("alice").await.unwrap(), (key, 2));
    assert_snapshot!(terminal.text(), @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  written  new: no key of this user was recorded (now version 1 in Vault)

    1 written; N s
    ! warning: the Vault token may not read metadata: keys are synced, but drift in Vault is not seen, and a write whose guard Vault refuses is made without one; allow what `keysync policy vault` prints
    ! warning: the Vault token may not read keys: without a bucket for state, every sync writes a new version; set S3_BUCKET_NAME or allow read
    [0]
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  written  new: no key of this user was recorded (now version 2 in Vault)

    1 written; N s
    ! warning: the Vault token may not read metadata: keys are synced, but drift in Vault is not seen, and a write whose guard Vault refuses is made without one; allow what `keysync policy vault` prints
    ! warning: the Vault token may not read keys: without a bucket for state, every sync writes a new version; set S3_BUCKET_NAME or allow read
    [0]
    ");
}
