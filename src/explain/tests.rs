use super::*;
use crate::error::Error;
use crate::keys::{AccessKey, UserName};
use crate::plan::Outcome;
use crate::plan::Reason;
use crate::snapshot::{CurrentKey, ParameterView, Revision, RosterView, SecretRecord, Snapshot};
use crate::status::{LastSync, SyncOutcome};
use crate::testing::results;

const NOW: &str = "2026-01-10T12:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn config(basic: bool) -> Config {
    let mode = if basic {
        "VAULT_TOKEN"
    } else {
        "S3_BUCKET_NAME"
    };
    let variables = |name: &str| match name {
        "VAULT_ADDR" => Some("https://vault.example.org".to_owned()),
        name => (name == mode).then(|| "x".to_owned()),
    };
    Config::read(variables).unwrap()
}

fn key(id: &str) -> AccessKey {
    AccessKey::new(id.to_owned(), "secret-of-the-test-key".into()).unwrap()
}

fn state() -> SecretRecord {
    let user = UserName::parse("alice").unwrap();
    let path = config(false).vault.location_of(&user);
    SecretRecord {
        last_synced_at: at("2026-01-08T12:00:00Z"),
        parameter_version: Some(11),
        ..SecretRecord::of_secret(&user, &key("AKIA00000000OLD1"), 6, &path)
    }
}

fn revision() -> Revision {
    Revision {
        modified: at("2026-01-10T02:00:00Z"),
        version: 12,
    }
}

fn seen() -> Snapshot {
    let new = key("AKIA00000000NEW2");
    let (id, fingerprint) = (new.id.clone(), new.fingerprint());
    Snapshot {
        parameter: ParameterView::Current(CurrentKey {
            id,
            fingerprint,
            revision: revision(),
        }),
        state: StateView::from(state()),
        vault: VaultView::At(6),
        ..results::snapshot(None)
    }
}

fn row(condition: Condition, reason: &Reason, hours_left: Option<f64>) -> Row {
    Row {
        target: None,
        user: "alice".to_owned(),
        condition,
        reason: reason.to_string(),
        last_sync: LastSync {
            outcome: SyncOutcome::Written,
            at: None,
        },
        rotated_at: None,
        key_age_hours: None,
        hours_left,
        access_key_id_ends_with: Some("NEW2".to_owned()),
        parameter_version: None,
        recorded_version: None,
        vault_version: None,
    }
}

fn explained(
    config: &Config,
    row: Row,
    snapshot: Snapshot,
    last_run: Option<&ReconcileRecord>,
) -> String {
    let result = SyncResult {
        snapshot,
        ..results::result("alice", Outcome::PlannedWritten)
    };
    let Explanation { story, advice, .. } =
        explain(config, &[row], &[result], Ok(last_run), at(NOW));
    let story = story.into_iter();
    let story = story.map(|paragraph| format!("{}: {}\n", paragraph.about, paragraph.text));
    story.chain([format!("advice: {advice}")]).collect()
}

#[test]
fn a_user_who_is_behind_is_explained_with_a_deadline() {
    let row = row(Condition::Behind, &Reason::Rotated, Some(38.0));
    insta::assert_snapshot!(explained(&config(false), row, seen(), None), @r#"
    parameter: /iam_users/alice_keys holds the key …NEW2 in version 12, put 10 h ago (2026-01-10 02:00:00 UTC).
    record: The key …OLD1 was written to Vault as version 6 from version 11 of the parameter, 48 h ago (2026-01-08 12:00:00 UTC).
    Vault: secret/aws/iam-keys/alice is at version 6, as recorded.
    last run: No reconcile run is recorded yet.
    time left: AWS deletes the key that Vault holds in about 38 h.
    plan: A sync would write the current key to Vault (rotated: the parameter holds a newer key).
    advice: Run `keysync sync alice` to write it now. If an event should have done that, check the function's log and the dead-letter queue.
    "#);
}

#[test]
fn unreadable_sources_are_explained_by_their_error() {
    let failed =
        Reason::NotRead("reading the parameter /iam_users/alice_keys: denied; allow it".to_owned());
    let run = ReconcileRecord {
        started_at: at("2026-01-10T11:00:00Z"),
        finished_at: Some(at("2026-01-10T11:01:00Z")),
        on_demand: false,
        trigger: "reconcile".to_owned(),
        counts: std::collections::BTreeMap::new(),
        failed_users: vec!["alice".to_owned()],
        needs_full_run: false,
        leased_until: None,
        request_id: None,
        rewritten_users: Vec::new(),
        vault: None,
    };
    let error = || Error::OutOfTime;
    let unreadable = Snapshot {
        parameter: ParameterView::Unreadable(error()),
        state: StateView::Unreadable(error()),
        vault: VaultView::Unreadable(error()),
        roster: RosterView::Unreadable(error()),
        ..seen()
    };
    let mut row = row(Condition::Failed, &failed, None);
    row.last_sync.outcome = SyncOutcome::Failed;
    insta::assert_snapshot!(explained(&config(false), row, unreadable, Some(&run)), @r#"
    parameter: /iam_users/alice_keys could not be read: the invocation has no time left; retry later.
    roster: The platform's roster could not be read: the invocation has no time left; retry later.
    record: The state could not be read: the invocation has no time left; retry later.
    Vault: secret/aws/iam-keys/alice could not be read: the invocation has no time left; retry later.
    last run: The last reconcile run finished 59 min ago (2026-01-10 11:01:00 UTC); this user was left over.
    plan: A sync would fail: reading the parameter /iam_users/alice_keys: denied; allow it.
    advice: Fix the cause named above, then run this again.
    "#);
}

#[test]
fn basic_mode_explains_that_nothing_is_recorded() {
    let mut seen = seen();
    seen.state = StateView::Absent;
    seen.vault = VaultView::Absent;
    let row = row(Condition::New, &Reason::New, None);
    insta::assert_snapshot!(explained(&config(true), row, seen, None), @r#"
    parameter: /iam_users/alice_keys holds the key …NEW2 in version 12, put 10 h ago (2026-01-10 02:00:00 UTC).
    record: In basic mode nothing is recorded, and Vault holds no key to compare.
    Vault: secret/aws/iam-keys/alice does not exist.
    last run: In basic mode reconcile runs are not recorded.
    plan: A sync would write the current key to Vault (new: no key of this user was recorded).
    advice: Run `keysync sync alice` to write it now.
    "#);
}

#[test]
fn in_basic_mode_an_unreadable_vault_is_not_an_empty_one() {
    let mut seen = seen();
    seen.state = StateView::Absent;
    seen.vault = VaultView::Unreadable(Error::OutOfTime);
    let row = row(Condition::Failed, &Reason::New, None);
    let text = explained(&config(true), row, seen, None);
    assert!(
        text.contains("record: The key in Vault could not be read: the invocation has no time"),
        "{text}"
    );
}

#[test]
fn drift_names_who_created_the_version() {
    let by = |created_by: Option<&str>, version| {
        vault(&Snapshot {
            vault: VaultView::At(version),
            created_by: created_by.map(str::to_owned),
            ..seen()
        })
    };
    let path = "secret/aws/iam-keys/alice";
    assert_eq!(
        by(Some("userpass-jane"), 7),
        format!(
            "{path} is at version 7, but version 6 is recorded. Version 7 was created by \
             userpass-jane."
        )
    );
    // The service itself created the recorded version.
    assert_eq!(
        by(Some("token"), 6),
        format!("{path} is at version 6, as recorded.")
    );
    assert_eq!(
        by(None, 7),
        format!("{path} is at version 7, but version 6 is recorded.")
    );
}

#[cfg(feature = "cli")]
mod of_usage {
    use super::*;
    use crate::backends::LastUse;
    use crate::snapshot::KeyIds;

    fn last_use(time: &str) -> LastUse {
        LastUse {
            at: at(time),
            service: Some("s3".to_owned()),
            region: Some("ca-central-1".to_owned()),
        }
    }

    fn ids() -> KeyIds {
        KeyIds {
            current: Some("AKIA00000000NEW2".to_owned()),
            pending: Some("AKIA00000000OLD1".to_owned()),
            modified: at("2026-01-09T09:00:00Z"),
        }
    }

    fn text(usage: &Usage) -> String {
        let paragraphs = usage.paragraphs(at(NOW)).into_iter();
        let lines = paragraphs.map(|paragraph| format!("{}: {}", paragraph.about, paragraph.text));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn usage_shows_how_long_the_old_key_lives() {
        let used = || Some(Ok(Some(last_use("2026-01-10T09:00:00Z"))));
        let denied = || Some(Err(Error::denied("asking", "IAM", "allow it")));
        let gone = KeyIds {
            modified: at("2026-01-08T09:00:00Z"),
            ..ids()
        };
        let held = KeyIds {
            current: None,
            ..ids()
        };
        let all = [
            Usage::of(&ids(), Some(Ok(None)), used()),
            Usage::of(&ids(), denied(), denied()),
            Usage::of(&ids(), used(), denied()),
            Usage::of(&gone, used(), Some(Ok(None))),
            Usage::of(&held, None, used()),
            Usage::unknown(&Error::OutOfTime),
        ];
        insta::assert_snapshot!(all.iter().map(text).collect::<Vec<_>>().join("\n"), @r"
        key use: The current key …NEW2 has not been used yet.
        old key: The old key …OLD1 was last used 3 h ago (2026-01-10 09:00:00 UTC) by s3 in ca-central-1. AWS deletes it in about 21 h.
        key use: The use of both keys is unknown: asking IAM: denied; allow it.
        old key: The old key is …OLD1. AWS deletes it in about 21 h.
        key use: The current key …NEW2 was last used 3 h ago (2026-01-10 09:00:00 UTC) by s3 in ca-central-1.
        old key: The use of the old key …OLD1 is unknown: asking IAM: denied; allow it. AWS deletes it in about 21 h.
        key use: The current key …NEW2 was last used 3 h ago (2026-01-10 09:00:00 UTC) by s3 in ca-central-1.
        old key: The old key …OLD1 has not been used yet. AWS was due to delete it about 3 h ago.
        key use: The parameter has no current key.
        old key: The old key …OLD1 was last used 3 h ago (2026-01-10 09:00:00 UTC) by s3 in ca-central-1. AWS deletes it in about 21 h.
        key use: The use of the keys is unknown: the invocation has no time left; retry later.
        ");
    }
}

#[test]
fn each_source_has_a_sentence_for_each_view() {
    let mut sentences = Vec::new();
    for view in [
        VaultView::At(7),
        VaultView::Deleted(6),
        VaultView::Absent,
        VaultView::NotRead,
        VaultView::Hidden,
    ] {
        sentences.push(vault(&Snapshot {
            vault: view,
            ..seen()
        }));
    }
    for view in [
        ParameterView::WithoutCurrent {
            revision: revision(),
        },
        ParameterView::Malformed {
            revision: revision(),
            problem: "it is not JSON".to_owned(),
        },
        ParameterView::Absent,
        ParameterView::Unnameable,
    ] {
        let seen = Snapshot {
            parameter: view,
            ..seen()
        };
        sentences.push(parameter("/iam_users/alice_keys", &seen, at(NOW)));
    }
    for view in [
        RosterView::Listed,
        RosterView::NotListed,
        RosterView::Unknown,
    ] {
        let seen = Snapshot {
            parameter: ParameterView::Absent,
            roster: view,
            ..seen()
        };
        sentences.extend(roster(&seen));
    }
    let legacy = SecretRecord {
        parameter_version: None,
        vault_version: None,
        access_key_id: None,
        ..state()
    };
    let retired_at = Some(at("2026-01-09T12:00:00Z"));
    for (basic, view) in [
        (false, StateView::Absent),
        (false, StateView::Damaged),
        (false, StateView::from(legacy)),
        (
            false,
            StateView::from(SecretRecord {
                retired_at,
                ..state()
            }),
        ),
        (true, StateView::from(state())),
        (true, StateView::Unreadable(Error::OutOfTime)),
    ] {
        sentences.push(record(&config(basic), &view, at(NOW)));
    }
    insta::assert_snapshot!(sentences.join("\n"), @r#"
    secret/aws/iam-keys/alice is at version 7, but version 6 is recorded.
    secret/aws/iam-keys/alice is at version 6, which is deleted or destroyed.
    secret/aws/iam-keys/alice does not exist.
    secret/aws/iam-keys/alice was not read.
    The token is not allowed to read the metadata of secret/aws/iam-keys/alice, so its version is unknown.
    /iam_users/alice_keys is at version 12, put 10 h ago (2026-01-10 02:00:00 UTC), but it has no current key.
    /iam_users/alice_keys is at version 12, put 10 h ago (2026-01-10 02:00:00 UTC), but it is not JSON.
    The parameter /iam_users/alice_keys does not exist in this account and Region.
    No parameter name can contain this user's name.
    The user is on the platform's roster.
    The user is not on the platform's roster.
    No roster is available to show whether the user was removed.
    Nothing is recorded about this user.
    The state object is damaged and counts as absent.
    A key was written to Vault by the legacy service, 48 h ago (2026-01-08 12:00:00 UTC).
    The key …OLD1 was written to Vault as version 6 from version 11 of the parameter, 48 h ago (2026-01-08 12:00:00 UTC). The user was retired 24 h ago (2026-01-09 12:00:00 UTC).
    The key …OLD1 is in Vault as version 6; in basic mode nothing else is recorded.
    The key in Vault could not be read: the invocation has no time left; retry later.
    "#);
}

#[test]
fn every_condition_has_advice() {
    let conditions = [
        Condition::InSync,
        Condition::Retired,
        Condition::New,
        Condition::Behind,
        Condition::Drift,
        Condition::Moved,
        Condition::CameBack,
        Condition::Held,
        Condition::Superseded,
        Condition::Missing,
        Condition::Gone,
        Condition::Failed,
    ];
    let all = conditions.map(|condition| {
        let row = row(condition, &Reason::InSync, None);
        format!(
            "{}: {} | {}",
            condition.as_str(),
            planned(&row),
            advice(&row, &config(false))
        )
    });
    insta::assert_snapshot!(all.join("\n"), @r#"
    in sync: Nothing is to be done: Vault holds the current key. | If AWS still rejects an application's key, that key is not …NEW2: make the application read Vault again.
    retired: Nothing is to be done: Vault holds the current key. | There is nothing to do.
    new: A sync would write the current key to Vault (Vault holds the current key). | Run `keysync sync alice` to write it now. If an event should have done that, check the function's log and the dead-letter queue.
    behind: A sync would write the current key to Vault (Vault holds the current key). | Run `keysync sync alice` to write it now. If an event should have done that, check the function's log and the dead-letter queue.
    drift: A sync would write the current key to Vault (Vault holds the current key). | Run `keysync sync alice` to repair it now; the nightly reconcile run does the same. Vault's audit log shows who changed it.
    moved: A sync would write the current key to Vault (Vault holds the current key). | Run `keysync sync alice` to write it now. If an event should have done that, check the function's log and the dead-letter queue.
    came back: A sync would write the current key to Vault (Vault holds the current key). | Run `keysync sync alice` to write it now. If an event should have done that, check the function's log and the dead-letter queue.
    held: A sync would leave Vault unchanged: Vault holds the current key. | A rotation is in progress, and the new key normally follows within seconds. If this lasts for an hour, ask the platform team why the user gets no new key.
    superseded: Nothing is to be done: Vault holds the current key. | Run `keysync explain alice` again in a minute.
    missing: A sync would leave Vault unchanged: Vault holds the current key. | Check the user's name, the Region and SSM_PARAMETER_PREFIX. If they are right, ask the platform team why the user has no parameter.
    gone: A sync would record that the user is gone: Vault holds the current key. | Run `keysync reconcile --user alice` to record it now; the nightly reconcile run does the same.
    failed: A sync would fail: Vault holds the current key. | Fix the cause named above, then run this again.
    "#);
}
