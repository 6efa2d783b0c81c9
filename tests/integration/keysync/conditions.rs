//! Every way in which a user can stand: in the status, and as a story.

use futures_util::future::join_all;
use insta::assert_snapshot;

use super::transcript::{Transcript, equal_names};
use crate::corner::Corner;
use crate::schemas::is;

/// A roster, and a user in each condition that lasts; named after it.
async fn everybody(corner: &Corner<'_>) {
    let swept = [
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
    corner
        .roster(&[&swept[..], &["failed", "new"]].concat())
        .await;
    for user in swept {
        corner.rotate(user).await;
    }
    let elsewhere = format!("{}/elsewhere", corner.folder);
    let swept = corner
        .keysync_with(&["sync", "moved"], &[("VAULT_PATH_PREFIX", &elsewhere)], "")
        .await;
    assert_eq!(swept.code, 0, "{swept:?}");
    let table = [("IAM_USER_TABLE", corner.bucket.as_str())];
    let others = [
        "reconcile",
        "--user",
        "behind",
        "--user",
        "came-back",
        "--user",
        "drift",
        "--user",
        "gone",
    ];
    let more = [
        "--user", "held", "--user", "in-step", "--user", "missing", "--user", "retired",
    ];
    assert_eq!(
        corner
            .keysync_with(&[&others[..], &more].concat(), &table, "")
            .await
            .code,
        0
    );
    for user in ["came-back", "retired"] {
        corner.remove(user).await;
        assert_eq!(
            corner
                .keysync_with(&["reconcile", "--user", user], &table, "")
                .await
                .code,
            0
        );
    }
    corner.rotate("behind").await;
    corner.rotate("came-back").await;
    corner.tamper("drift").await;
    corner.put("failed", r#"{"current": "nonsense"}"#).await;
    corner.remove("gone").await;
    corner.put("held", "{}").await;
    corner.delete("missing").await;
    corner.rotate("new").await;
}

#[tokio::test]
async fn each_condition_is_as_the_schema_says() {
    let corner = Corner::new().await;
    everybody(&corner).await;
    let table = ("IAM_USER_TABLE", corner.bucket.as_str());
    let nowhere = ("VAULT_ADDR", "https://127.0.0.1:1");
    for world in [&[table][..], &[table, nowhere]] {
        let run = async |line: &str| {
            let arguments = [
                &line.split(' ').collect::<Vec<_>>()[..],
                &["--output", "json"],
            ]
            .concat();
            corner.keysync_with(&arguments, world, "").await
        };
        let status = run("status").await;
        is(&status, "status");
        let users = status.json()["users"].as_array().unwrap().clone();
        let stories = users
            .iter()
            .map(|row| format!("explain {}", row["user"].as_str().unwrap()))
            .collect::<Vec<_>>();
        join_all(
            stories
                .iter()
                .map(async |line| is(&run(line).await, "explanation")),
        )
        .await;
        is(&run("plan").await, "report");
        is(&run("sync in-step held failed nobody").await, "report");
        is(&run("reconcile").await, "report");
        is(&run("status").await, "status");
    }
}

#[tokio::test]
async fn the_status_names_every_condition_and_what_is_behind_it() {
    let corner = Corner::new().await;
    let _equal = equal_names();
    everybody(&corner).await;
    let mut terminal = Transcript::of(&corner, &[]).with(&[("IAM_USER_TABLE", &corner.bucket)]);
    terminal.run("status").await;
    terminal.run("plan").await;
    assert_snapshot!(terminal.text(), @r#"
    $ keysync status
    USER       STATUS     LAST SYNC           KEY AGE  LEFT    VERSIONS
    behind     behind     written <1 min ago  <1 min   48 h    2 -> 1
    came-back  came back  retired <1 min ago  <1 min   -       1 -> 1
    drift      drift      written <1 min ago  <1 min   -       1 -> 2 (wrote 1)
    failed     failed     never               <1 min   -       1 -> -
    gone       gone       written <1 min ago  -        -       - -> 1
    held       held       written <1 min ago  <1 min   48 h    2 -> 1
    in-step    in step    written <1 min ago  <1 min   4 days  1 -> 1
    missing    missing    written <1 min ago  -        -       - -> 1
    moved      moved      written <1 min ago  <1 min   -       1 -> 1
    new        new        never               <1 min   -       1 -> -
    retired    retired    retired <1 min ago  -        -       - -> 1

    behind     rotated: the parameter holds a newer key
    came-back  came back: the user was retired and has a key again; note: the user
               has no row on the roster
    drift      drift: Vault is at version 2, we wrote 1
    failed     BadParameter: its member "current" is not a JSON object, expected
               {"current": {"AccessKeyID": "…", "SecretAccessKey": "…"}, …}; Vault
               keeps the last good key
    gone       the parameter is gone and the user is not on the roster
    held       the parameter has no current key (a rotation is under way or
               stuck); Vault keeps the last good key
    missing    on the roster, but there is no parameter; ask the platform team if
               that lasts for more than an hour
    moved      moved: the recorded key is at another path in Vault
    new        new: no key of this user was recorded
    Run `keysync explain USER` for the whole story.

    Users        1 in step, 1 retired, 1 new, 1 behind, 1 drift, 1 moved, 1 came
                 back, 1 held, 1 missing, 1 gone, 1 failed
    Last sweep   none recorded
    Vault token  expires in 71 h (TIME), period 72 h
    [1]
    $ keysync plan
    USER       OUTCOME    WHY
    behind     to write   rotated: the parameter holds a newer key
    came-back  to write   came back: the user was retired and has a key again;
                          note: the user has no row on the roster
    drift      to write   drift: Vault is at version 2, we wrote 1
    failed     failed     BadParameter: its member "current" is not a JSON object,
                          expected {"current": {"AccessKeyID": "…",
                          "SecretAccessKey": "…"}, …}; Vault keeps the last good
                          key
    held       held       the parameter has no current key (a rotation is under
                          way or stuck); Vault keeps the last good key
    moved      to write   moved: the recorded key is at another path in Vault
    new        to write   new: no key of this user was recorded
    missing    missing    on the roster, but there is no parameter; ask the
                          platform team if that lasts for more than an hour
    gone       to retire  the parameter is gone and the user is not on the roster

    2 unchanged, 1 held, 1 missing, 1 failed, 5 to write, 1 to retire; N s
    [1]
    "#);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are the snapshot")]
async fn each_condition_has_its_story_its_advice_and_its_exit_code() {
    let corner = Corner::new().await;
    let _equal = equal_names();
    everybody(&corner).await;
    let mut terminal = Transcript::of(&corner, &[]).with(&[("IAM_USER_TABLE", &corner.bucket)]);
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
        let said = terminal.run(&format!("explain {user}")).await;
        assert_eq!(said.code, code, "{said:?}");
    }
    assert_snapshot!(terminal.text(), @r#"
    $ keysync explain in-step
    in-step     in step
    parameter   /CORNER/in-step_keys holds the key …KEY in its
                version 1, put less than a minute ago (TIME).
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/in-step is at version 1,
                as recorded.
    last sweep  No sweep is recorded yet.
    time left   The key in Vault lives for at least 4 days more.
    plan        Nothing is to be done: Vault holds the current key.
    what to do  If an application is refused all the same, it uses another key
                than …KEY: let it read Vault again.
    [0]
    $ keysync explain behind
    behind      behind
    parameter   /CORNER/behind_keys holds the key …KEY in its
                version 2, put less than a minute ago (TIME).
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/behind is at version 1,
                as recorded.
    last sweep  No sweep is recorded yet.
    time left   The key in Vault is deleted in about 48 h.
    plan        A sync would write the current key to Vault: rotated: the
                parameter holds a newer key.
    what to do  Run `keysync sync behind` to write it now. If events should have
                done that, look at the function's log and at the dead-letter
                queue.
    [3]
    $ keysync explain drift
    drift       drift
    parameter   /CORNER/drift_keys holds the key …KEY in its
                version 1, put less than a minute ago (TIME).
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/drift is at version 2,
                but 1 is recorded.
    last sweep  No sweep is recorded yet.
    plan        A sync would write the current key to Vault: drift: Vault is at
                version 2, we wrote 1.
    what to do  Run `keysync sync drift` to repair it now; the nightly sweep does
                so too. Vault's audit log tells who changed it.
    [3]
    $ keysync explain held
    held        held
    parameter   /CORNER/held_keys is at version 2, put less than a
                minute ago (TIME), but it has no current key.
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/held is at version 1, as
                recorded.
    last sweep  No sweep is recorded yet.
    time left   The key in Vault is deleted in about 48 h.
    plan        A sync would leave Vault as it is: the parameter has no current
                key (a rotation is under way or stuck); Vault keeps the last good
                key.
    what to do  A rotation is under way, and the new key normally follows within
                seconds. If this lasts for an hour, ask the platform team why the
                user gets no new key.
    [3]
    $ keysync explain new
    new         new
    parameter   /CORNER/new_keys holds the key …KEY in its version
                1, put less than a minute ago (TIME).
    record      Nothing is recorded of this user.
    Vault       There is nothing at secret/aws/iam-keys/CORNER/new.
    last sweep  No sweep is recorded yet.
    plan        A sync would write the current key to Vault: new: no key of this
                user was recorded.
    what to do  Run `keysync sync new` to write it now. If events should have done
                that, look at the function's log and at the dead-letter queue.
    [3]
    $ keysync explain missing
    missing     missing
    parameter   There is no parameter /CORNER/missing_keys in this
                account and Region.
    roster      The user is on the platform's roster.
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/missing is at version 1,
                as recorded.
    last sweep  No sweep is recorded yet.
    plan        A sync would leave Vault as it is: on the roster, but there is no
                parameter; ask the platform team if that lasts for more than an
                hour.
    what to do  Check the user's name, the Region and SSM_PARAMETER_PREFIX; if
                they are right, ask the platform team why the user has no
                parameter.
    [3]
    $ keysync explain gone
    gone        gone
    parameter   There is no parameter /CORNER/gone_keys in this
                account and Region.
    roster      The user is not on the platform's roster.
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/gone is at version 1, as
                recorded.
    last sweep  No sweep is recorded yet.
    plan        A sync would record that the user is gone: the parameter is gone
                and the user is not on the roster.
    what to do  Run `keysync reconcile --user gone` to record it now; the nightly
                sweep does so too.
    [3]
    $ keysync explain failed
    failed      failed
    parameter   /CORNER/failed_keys is at version 1, put less than
                a minute ago (TIME), but its member "current"
                is not a JSON object, expected {"current": {"AccessKeyID": "…",
                "SecretAccessKey": "…"}, …}.
    record      Nothing is recorded of this user.
    Vault       There is nothing at
                secret/aws/iam-keys/CORNER/failed.
    last sweep  No sweep is recorded yet.
    plan        A sync would fail: BadParameter: its member "current" is not a
                JSON object, expected {"current": {"AccessKeyID": "…",
                "SecretAccessKey": "…"}, …}; Vault keeps the last good key.
    what to do  Mend what the reason names, then run this again.
    [1]
    $ keysync explain moved
    moved       moved
    parameter   /CORNER/moved_keys holds the key …KEY in its
                version 1, put less than a minute ago (TIME).
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME).
    Vault       There is nothing at
                secret/aws/iam-keys/CORNER/moved.
    last sweep  No sweep is recorded yet.
    plan        A sync would write the current key to Vault: moved: the recorded
                key is at another path in Vault.
    what to do  Run `keysync sync moved` to write it now. If events should have
                done that, look at the function's log and at the dead-letter
                queue.
    [3]
    $ keysync explain came-back
    came-back   came back
    parameter   /CORNER/came-back_keys holds the key …KEY in its
                version 1, put less than a minute ago (TIME).
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME). The user was retired less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/came-back is at version
                1, as recorded.
    last sweep  No sweep is recorded yet.
    plan        A sync would write the current key to Vault: came back: the user
                was retired and has a key again.
    what to do  Run `keysync sync came-back` to write it now. If events should
                have done that, look at the function's log and at the dead-letter
                queue.
    [3]
    $ keysync explain retired
    retired     retired
    parameter   There is no parameter /CORNER/retired_keys in this
                account and Region.
    roster      The user is not on the platform's roster.
    record      The key …KEY was written to Vault as version 1 from the
                parameter's version 1, less than a minute ago (TIME). The user was retired less than a minute ago (TIME).
    Vault       secret/aws/iam-keys/CORNER/retired is at version 1,
                as recorded.
    last sweep  No sweep is recorded yet.
    plan        Nothing is to be done: the user is gone and was retired before.
    what to do  There is nothing to do.
    [0]
    "#);
}
